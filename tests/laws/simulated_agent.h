// A Consul agent as a value: what 1.8.7 does with the requests that an action stands for (measured on the real one).
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/canonical.h"
#include "muster/agent.h"

namespace muster::laws {

class SimulatedAgent {
 public:
  struct HeldCheck {
    std::string service_id;
    Check definition;  // an agent never returns it
    std::string notes;
    std::string status = "critical";
    std::string output{};
    friend bool operator==(const HeldCheck&, const HeldCheck&) = default;
  };

  // False when the agent answers 400: nothing changed.
  bool perform(const Action& action) {
    switch (action.verb) {
      case Verb::Register:
      case Verb::Update:
        return put(action.service);
      case Verb::DeregisterCheck:
        checks_.erase(action.check_id);
        return true;
      case Verb::ReportCheck:
        return report(action.check_id, action.service.checks.front());
      case Verb::EnableMaintenance:
        if (!services_.contains(action.service.id)) return false;
        maintain(action.service.id, action.service.maintenance.value_or(""));
        return true;
      case Verb::DisableMaintenance:
        checks_.erase(maintenance_id(action.service.id));
        return true;
      case Verb::Deregister:
        remove(action.service.id);
        return true;
    }
    return false;
  }

  // A PUT without replace-existing-checks: checks that it does not name stay, also a maintenance. Check ids are unique
  // on the agent: one that another service has changes hands.
  bool put(const Service& service) {
    if (service.id.empty() || service.name.empty() || !meta_allowed(service.meta)) return false;
    Service kept = service;
    kept.checks.clear();
    kept.maintenance.reset();
    services_[service.id] = std::move(kept);
    for (const Check& check : service.checks) {
      HeldCheck held{service.id, check, "", check.status.empty() ? "critical" : check.status, ""};
      if (const auto before = checks_.find(check.id); before != checks_.end()) {
        held.status = before->second.status;
        held.output = before->second.output;
      }
      held.definition.status.clear();
      held.definition.output.clear();
      checks_[check.id] = std::move(held);
    }
    return true;
  }

  // 500 for one that is not a TTL check. An output over 4096 bytes comes back cut, with some words more.
  bool report(const std::string& check_id, const Check& said) {
    const auto found = checks_.find(check_id);
    if (found == checks_.end() || found->second.definition.ttl.empty()) return false;
    found->second.status = said.status;
    found->second.output = said.output.substr(0, 4096) + (said.output.size() > 4096 ? " ... (captured)" : "");
    return true;
  }
  void expire(const std::string& check_id) {
    Check said;
    said.status = "critical";
    said.output = "TTL expired";
    report(check_id, said);
  }

  void maintain(const std::string& id, const std::string& reason) {
    checks_.try_emplace(maintenance_id(id), HeldCheck{id, {}, reason, "critical", ""});  // a second one changes nothing
  }

  void remove(const std::string& id) {
    services_.erase(id);
    std::erase_if(checks_, [&](const auto& check) { return check.second.service_id == id; });
  }

  // What an operator or another program does.
  void hang(const std::string& check_id, const std::string& service_id) {
    checks_[check_id] = {service_id, {}, "", "critical", ""};
  }
  void drop_check(const std::string& check_id) { checks_.erase(check_id); }
  std::map<std::string, Service>& services() { return services_; }
  const std::map<std::string, Service>& services() const { return services_; }
  const std::map<std::string, HeldCheck>& checks() const { return checks_; }

  Actual read() const {
    Actual out;
    for (const auto& [id, service] : services_) {
      out.services.push_back({id,
                              service.name,
                              service.tags,
                              service.address,
                              service.port,
                              service.meta,
                              service.weight_passing,
                              service.weight_warning,
                              service.enable_tag_override,
                              {},
                              {}});
      out.services.back().tagged_addresses = service.tagged_addresses;
      for (auto& [name, tagged] : *out.services.back().tagged_addresses) {
        if (tagged.port == 0) tagged.port = service.port;
      }
    }
    for (const auto& [id, check] : checks_) {
      const auto owner = std::find_if(out.services.begin(), out.services.end(),
                                      [&, service = check.service_id](const auto& s) { return s.id == service; });
      if (owner == out.services.end()) continue;
      if (id == maintenance_id(check.service_id)) {
        owner->maintenance = check.notes;
      } else {
        const std::string kind = theirs(check) ? "" : std::string(kind_of(check.definition));
        const std::string output = kind.empty() || kind == "ttl" ? check.output : "";
        owner->checks.push_back({id, kind, check.definition.name, check.status, output});
      }
    }
    return out;
  }

  friend bool operator==(const SimulatedAgent&, const SimulatedAgent&) = default;

 private:
  // Hung by somebody else: nothing of its definition is known.
  static bool theirs(const HeldCheck& check) { return check.definition.id.empty(); }

  static std::string maintenance_id(const std::string& id) { return "_service_maintenance:" + id; }

  static bool meta_allowed(const Meta& meta) {
    return meta.size() <= 64 && std::all_of(meta.begin(), meta.end(), [](const auto& pair) {
             return !pair.first.empty() && pair.first.size() <= 128 && pair.second.size() <= 512 &&
                    !pair.first.starts_with("consul-");
           });
  }

  std::map<std::string, Service> services_;
  std::map<std::string, HeldCheck> checks_;
};

}  // namespace muster::laws
