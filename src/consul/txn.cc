#include "consul/txn.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/report.h"

namespace muster::consul {
namespace {

using nlohmann::json;

// Room for two fixed operations beside the steps: the session and the node.
constexpr std::size_t kHeadOperations = 2;
constexpr std::size_t kHeadBytes = 8 * 1024;

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

const ActualService* find_service(const CatalogNode& node, const std::string& id) {
  const auto found =
      std::lower_bound(node.actual.services.begin(), node.actual.services.end(), id,
                       [](const ActualService& service, const std::string& key) { return service.id < key; });
  return found != node.actual.services.end() && found->id == id ? &*found : nullptr;
}

const CatalogCheck* find_check(const CatalogNode& node, const std::string& id) {
  const auto found = std::lower_bound(node.checks.begin(), node.checks.end(), id,
                                      [](const CatalogCheck& check, const std::string& key) { return check.id < key; });
  return found != node.checks.end() && found->id == id ? &*found : nullptr;
}

std::string value_of(const Meta& meta, const char* key) {
  const auto found = meta.find(key);
  return found == meta.end() ? "" : found->second;
}

std::string set_service(const std::string& node, const Service& service) {
  json body{{"ID", service.id},
            {"Service", service.name},
            {"Tags", service.tags},
            {"Address", service.address},
            {"Port", service.port},
            {"Meta", service.meta},
            {"EnableTagOverride", service.enable_tag_override},
            {"Weights", {{"Passing", service.weight_passing}, {"Warning", service.weight_warning}}}};
  for (const auto& [name, tagged] : service.tagged_addresses) {
    json& each = body["TaggedAddresses"][name];
    each["Address"] = tagged.address;
    each["Port"] = tagged.port == 0 ? service.port : tagged.port;
  }
  return dump({{"Service", {{"Verb", "set"}, {"Node", node}, {"Service", std::move(body)}}}});
}

bool run_by_esm(const Check& check) { return !check.http.empty() || !check.tcp.empty(); }

// consul-esm runs what stands in Definition, which for catalog nodes has room for HTTP and TCP only.
json encode_check(const std::string& node, const std::string& service_id, const Check& check) {
  json out{{"Node", node}, {"CheckID", check.id}, {"Name", check.name}, {"ServiceID", service_id}};
  out["Status"] = check.status.empty() ? "critical" : check.status;
  if (check.reported) {
    const Check said = as_reported(check);
    out["Status"] = said.status;
    out["Output"] = said.output;
    return out;
  }
  if (!run_by_esm(check)) {
    out["Output"] =
        "nobody runs this check: on hosts without a Consul agent only HTTP and TCP checks are run, by "
        "consul-esm";
    return out;
  }
  json definition = json::object();
  for (const auto& [key, value] : {std::pair<const char*, const std::string&>{"HTTP", check.http},
                                   {"TCP", check.tcp},
                                   {"Interval", check.interval},
                                   {"Timeout", check.timeout}}) {
    if (!value.empty()) definition[key] = value;
  }
  out["Definition"] = std::move(definition);
  return out;
}

std::string change_check(const char* verb, json check) {
  return dump({{"Check", {{"Verb", verb}, {"Check", std::move(check)}}}});
}

std::string delete_check(const std::string& node, const std::string& id) {
  return change_check("delete", {{"Node", node}, {"CheckID", id}});
}

// A check takes its service's name and tags when it is written, so a changed service takes its checks along.
Result<std::vector<std::string>> set_whole(const std::string& node, const Service& service, const CatalogNode& before) {
  const ActualService* held = find_service(before, service.id);
  const bool changed = held == nullptr || held->name != service.name ||
                       value_of(held->meta, kMetaHash) != value_of(service.meta, kMetaHash);
  std::vector<std::string> out{set_service(node, service)};
  for (const Check& check : service.checks) {
    const CatalogCheck* there = find_check(before, check.id);
    if (there != nullptr && there->service_id != service.id) {
      return fail(Fault::Item, "check id " + check.id + " belongs to " +
                                   (there->service_id.empty() ? "the node" : "service " + there->service_id));
    }
    json body = encode_check(node, service.id, check);
    const bool renamed = there != nullptr && !check.name.empty() && there->name != check.name;
    if (there == nullptr || check.reported) {
      out.push_back(change_check("set", std::move(body)));
    } else if (changed || renamed || there->defined != run_by_esm(check)) {
      body["Status"] = there->status;
      body["Output"] = there->output;
      body["ModifyIndex"] = there->modify_index;
      out.push_back(change_check("cas", std::move(body)));
    }
  }
  return out;
}

// Nobody else writes it, so there is nothing to compare with; and it may follow its service in one transaction.
Result<std::vector<std::string>> report_check(const std::string& node, const std::string& service_id,
                                              const Check& check, const CatalogNode& before) {
  const CatalogCheck* there = find_check(before, check.id);
  if (there != nullptr && there->service_id != service_id) {
    return fail(Fault::Item, "check id " + check.id + " belongs to something else");
  }
  return std::vector{change_check("set", encode_check(node, service_id, check))};
}

std::string maintenance_id(const std::string& service_id) { return "_service_maintenance:" + service_id; }

// As an agent words it.
std::string set_maintenance(const std::string& node, const Service& service) {
  return change_check("set", {{"Node", node},
                              {"CheckID", maintenance_id(service.id)},
                              {"Name", "Service Maintenance Mode"},
                              {"Notes", service.maintenance.value_or("")},
                              {"Status", "critical"},
                              {"ServiceID", service.id}});
}

std::vector<std::string> end_check(const std::string& node, const std::string& id, const std::string& service_id,
                                   const CatalogNode& before) {
  const CatalogCheck* there = find_check(before, id);
  if (there == nullptr || there->service_id != service_id) return {};
  return {delete_check(node, id)};
}

// Consul wants the name as well as the id; the service's checks go with it.
std::vector<std::string> end_service(const std::string& node, const std::string& id, const CatalogNode& before) {
  const ActualService* held = find_service(before, id);
  if (held == nullptr) return {};
  return {
      dump({{"Service", {{"Verb", "delete"}, {"Node", node}, {"Service", {{"ID", id}, {"Service", held->name}}}}}})};
}

std::size_t bytes_of(const std::vector<std::string>& operations) {
  std::size_t out = 0;
  for (const std::string& each : operations) out += each.size() + 1;
  return out;
}

}  // namespace

std::string check_session(const LockProof& proof) {
  return dump({{"KV", {{"Verb", "check-session"}, {"Key", proof.key}, {"Session", proof.session}}}});
}

std::string set_node(const std::string& name, const std::string& address, const std::string& owner,
                     const CatalogNode& before) {
  Meta meta = before.meta;
  meta["external-node"] = "true";  // these two are what consul-esm looks for
  meta["external-probe"] = "true";
  meta[kMetaOwner] = owner;
  json body{{"Node", name}, {"Address", address}, {"Meta", meta}, {"ModifyIndex", before.modify_index}};
  return dump({{"Node", {{"Verb", "cas"}, {"Node", std::move(body)}}}});
}

std::string delete_node(const std::string& name) {
  return dump({{"Node", {{"Verb", "delete"}, {"Node", {{"Node", name}}}}}});
}

Result<std::vector<std::string>> encode_action(const std::string& node, const Action& action,
                                               const CatalogNode& before) {
  const Service& service = action.service;
  if (service.id.empty()) return fail(Fault::Item, "no id");
  switch (action.verb) {
    case Verb::Register:
    case Verb::Update:
      return set_whole(node, service, before);
    case Verb::DeregisterCheck:
      return end_check(node, action.check_id, service.id, before);
    case Verb::ReportCheck:
      return report_check(node, service.id, service.checks.front(), before);
    case Verb::EnableMaintenance:
      return std::vector{set_maintenance(node, service)};
    case Verb::DisableMaintenance:
      return end_check(node, maintenance_id(service.id), service.id, before);
    case Verb::Deregister:
      break;
  }
  return end_service(node, service.id, before);
}

bool fits(const Step& step) {
  return step.operations.size() + kHeadOperations <= kTxnOperations &&
         bytes_of(step.operations) + kHeadBytes <= kTxnBytes;
}

std::size_t fill(const std::vector<Step>& steps, std::size_t next, const std::vector<std::string>& head) {
  std::size_t count = head.size();
  std::size_t bytes = bytes_of(head) + 2;
  std::size_t end = next;
  for (; end < steps.size(); ++end) {
    count += steps[end].operations.size();
    bytes += bytes_of(steps[end].operations);
    if (end > next && (count > kTxnOperations || bytes > kTxnBytes)) break;
  }
  return end;
}

std::string encode_txn(const std::vector<std::string>& head, const std::vector<Step>& steps, std::size_t begin,
                       std::size_t end) {
  std::string out = "[";
  const auto add = [&](const std::vector<std::string>& operations) {
    for (const std::string& each : operations) out.append(out.size() > 1 ? "," : "").append(each);
  };
  add(head);
  for (std::size_t i = begin; i < end; ++i) add(steps[i].operations);
  return out + "]";
}

std::vector<TxnError> decode_txn_errors(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  const auto errors = answer.is_object() ? answer.find("Errors") : answer.end();
  std::vector<TxnError> out;
  if (!answer.is_object() || errors == answer.end() || !errors->is_array()) return out;
  for (const json& each : *errors) {
    if (!each.is_object() || !each.contains("OpIndex") || !each["OpIndex"].is_number_unsigned()) return {};
    TxnError error{each["OpIndex"].get<std::size_t>(), ""};
    if (each.contains("What") && each["What"].is_string()) error.what = each["What"].get<std::string>();
    out.push_back(std::move(error));
  }
  return out;
}

}  // namespace muster::consul
