#include "consul/decode.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace muster::consul {
namespace {

using rapidjson::Document;
using rapidjson::Value;

constexpr std::string_view kServices = "/v1/agent/services";
constexpr std::string_view kChecks = "/v1/agent/checks";
constexpr std::string_view kNode = "/v1/catalog/node-services";
constexpr std::string_view kNodeChecks = "/v1/health/node";
constexpr std::string_view kNodes = "/v1/catalog/nodes";
constexpr std::string_view kStates = "/v1/health/state/any";
constexpr std::string_view kMembers = "/v1/agent/members";
constexpr std::string_view kMaintenance = "_service_maintenance:";

tl::unexpected<Error> malformed(std::string_view list, std::string_view entry, std::string_view what) {
  std::string message(list);
  if (!entry.empty()) message.append(" entry ").append(entry.substr(0, 100));
  return fail(Fault::Retry, message.append(": ").append(what));
}

std::string_view view(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

// Reads members of one entry; the first wrong one is kept as the error.
class Entry {
 public:
  explicit Entry(const Value& object) : object_(object) {}

  const std::string& wrong() const { return wrong_; }

  // Absent and null are the zero value, as in Go.
  std::string_view text(const char* key) {
    const Value* value = find(key);
    if (value == nullptr) return {};
    if (!value->IsString()) return note(key, "is not a string"), std::string_view{};
    return view(*value);
  }

  int number(const char* key, int fallback) { return number(object_, key, fallback); }

  std::uint64_t index(const char* key) {
    const Value* value = find(key);
    if (value == nullptr) return 0;
    if (!value->IsUint64()) return note(key, "is not an index"), 0;
    return value->GetUint64();
  }

  bool truth(const char* key) {
    const Value* value = find(key);
    if (value == nullptr) return false;
    if (!value->IsBool()) return note(key, "is not a boolean"), false;
    return value->GetBool();
  }

  void tags(std::vector<std::string>& into) {
    const Value* value = find("Tags");
    if (value == nullptr) return;
    if (!value->IsArray()) return note("Tags", "is not a list");
    into.reserve(value->Size());
    for (const Value& tag : value->GetArray()) {
      if (!tag.IsString()) return note("Tags", "holds something that is not a string");
      into.emplace_back(view(tag));
    }
  }

  void meta(Meta& into) {
    const Value* value = find("Meta");
    if (value == nullptr) return;
    if (!value->IsObject()) return note("Meta", "is not an object");
    for (const auto& pair : value->GetObject()) {
      if (!pair.value.IsString()) return note("Meta", "holds something that is not a string");
      into.emplace_hint(into.end(), view(pair.name), view(pair.value));
    }
  }

  void weights(ActualService& into) {
    const Value* value = find("Weights");
    if (value == nullptr) return;
    if (!value->IsObject()) return note("Weights", "is not an object");
    into.weight_passing = number(*value, "Passing", 1);
    into.weight_warning = number(*value, "Warning", 1);
  }

  void tagged_addresses(ActualService& into) {
    const Value* value = find("TaggedAddresses");
    if (value == nullptr) return;
    if (!value->IsObject()) return note("TaggedAddresses", "is not an object");
    for (const auto& pair : value->GetObject()) {
      if (!pair.value.IsObject()) return note("TaggedAddresses", "holds something that is not an object");
      const Value* address = find(pair.value, "Address");
      if (address != nullptr && !address->IsString())
        return note("TaggedAddresses", "has an address that is no string");
      const int port = number(pair.value, "Port", 0);
      TaggedAddress& tagged = (*into.tagged_addresses)[std::string(view(pair.name))];
      if (address != nullptr) tagged.address = view(*address);
      if (port >= 0 && port <= 65535) tagged.port = static_cast<std::uint16_t>(port);
    }
  }

  // 1.8.7 writes the empty one as {}, or with durations of zero.
  bool has_definition() {
    const Value* value = find("Definition");
    if (value == nullptr || !value->IsObject()) return false;
    const auto names = [&](const char* key) {
      const Value* target = find(*value, key);
      return target != nullptr && target->IsString() && target->GetStringLength() > 0;
    };
    return names("HTTP") || names("TCP");
  }

  void note(std::string_view key, std::string_view what) {
    if (wrong_.empty()) wrong_.append(key).append(" ").append(what);
  }

 private:
  const Value* find(const char* key) { return find(object_, key); }

  static const Value* find(const Value& object, const char* key) {
    const auto it = object.FindMember(key);
    return it == object.MemberEnd() || it->value.IsNull() ? nullptr : &it->value;
  }

  int number(const Value& object, const char* key, int fallback) {
    const Value* value = find(object, key);
    if (value == nullptr) return fallback;
    if (!value->IsInt()) return note(key, "is not a whole number"), fallback;
    return value->GetInt();
  }

  const Value& object_;
  std::string wrong_;
};

// An answer of a dozen services fits the block; else rapidjson asks the heap for 64 KiB at a time, which costs as much
// as the parsing.
struct Parsed {
  std::array<char, 24 * 1024> block;
  rapidjson::MemoryPoolAllocator<> pool{block.data(), block.size()};
  Document document{&pool};
};

// Iterative: an answer nested a million deep must not end the process. `text` must outlive the document.
Result<void> parse(Document& document, std::string& text, std::string_view list, bool array = false) {
  // Without this an in-situ parser would take an embedded zero for the end.
  if (text.find('\0') != std::string::npos) return malformed(list, "", "not JSON: holds a zero byte");
  document.ParseInsitu<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag>(text.data());
  if (document.HasParseError()) {
    const std::string where = " at byte " + std::to_string(document.GetErrorOffset());
    return malformed(list, "", std::string("not JSON: ") + GetParseError_En(document.GetParseError()) + where);
  }
  if (array && !document.IsArray()) return malformed(list, "", "not a JSON list");
  if (!array && !document.IsObject()) return malformed(list, "", "not a JSON object");
  return {};
}

Result<void> read_service(std::string_view list, std::string_view key, const Value& value, Actual& into) {
  if (!value.IsObject()) return malformed(list, key, "not an object");
  Entry entry(value);
  ActualService service;
  service.id = entry.text("ID");
  service.name = entry.text("Service");
  entry.tags(service.tags);
  service.address = entry.text("Address");
  service.port = entry.number("Port", 0);
  entry.meta(service.meta);
  entry.weights(service);
  entry.tagged_addresses(service);
  service.enable_tag_override = entry.truth("EnableTagOverride");
  if (service.id.empty()) entry.note("ID", "is missing");
  if (service.name.empty()) entry.note("Service", "is missing");
  if (!entry.wrong().empty()) return malformed(list, key, entry.wrong());
  into.services.push_back(std::move(service));
  return {};
}

ActualService* find_service(Actual& actual, std::string_view id) {
  const auto it =
      std::lower_bound(actual.services.begin(), actual.services.end(), id,
                       [](const ActualService& service, std::string_view wanted) { return service.id < wanted; });
  return it != actual.services.end() && it->id == id ? &*it : nullptr;
}

void join(Entry& entry, std::string_view kind, Actual& into) {
  const std::string_view id = entry.text("CheckID");
  const std::string_view service_id = entry.text("ServiceID");
  const std::string_view notes = entry.text("Notes");
  ActualCheck check{
      std::string(id), std::string(kind), std::string(entry.text("Name")), std::string(entry.text("Status")), {}};
  if (kind.empty() || kind == "ttl") check.output = entry.text("Output");
  if (id.empty()) entry.note("CheckID", "is missing");
  ActualService* service = service_id.empty() ? nullptr : find_service(into, service_id);
  if (!entry.wrong().empty() || service == nullptr) return;
  if (id.starts_with(kMaintenance) && id.substr(kMaintenance.size()) == service_id) {
    service->maintenance = std::string(notes);
  } else {
    service->checks.push_back(std::move(check));
  }
}

Result<void> read_check(std::string_view key, const Value& value, Actual& into) {
  if (!value.IsObject()) return malformed(kChecks, key, "not an object");
  Entry entry(value);
  join(entry, entry.text("Type"), into);  // since Consul 1.7
  if (!entry.wrong().empty()) return malformed(kChecks, key, entry.wrong());
  return {};
}

Result<void> sort_services(std::string_view list, Actual& actual) {
  auto& services = actual.services;
  std::sort(services.begin(), services.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto twice =
      std::adjacent_find(services.begin(), services.end(), [](const auto& a, const auto& b) { return a.id == b.id; });
  if (twice != services.end()) return malformed(list, twice->id, "stands there twice");
  return {};
}

Result<void> sort_checks(std::string_view list, Actual& actual) {
  for (ActualService& service : actual.services) {
    auto& checks = service.checks;
    std::sort(checks.begin(), checks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    const auto twice =
        std::adjacent_find(checks.begin(), checks.end(), [](const auto& a, const auto& b) { return a.id == b.id; });
    if (twice != checks.end()) return malformed(list, twice->id, "stands there twice");
  }
  return {};
}

Result<void> read_services(std::string& text, Actual& actual) {
  Parsed parsed;
  Document& document = parsed.document;
  if (auto ok = parse(document, text, kServices); !ok) return ok;
  actual.services.reserve(document.MemberCount());
  for (const auto& member : document.GetObject()) {
    if (auto ok = read_service(kServices, view(member.name), member.value, actual); !ok) return ok;
  }
  return sort_services(kServices, actual);
}

Result<void> read_checks(std::string& text, Actual& actual) {
  Parsed parsed;
  Document& document = parsed.document;
  if (auto ok = parse(document, text, kChecks); !ok) return ok;
  for (const auto& member : document.GetObject()) {
    if (auto ok = read_check(view(member.name), member.value, actual); !ok) return ok;
  }
  return sort_checks(kChecks, actual);
}

Result<void> read_node(const Value& value, CatalogNode& into) {
  if (!value.IsObject()) return malformed(kNode, "Node", "not an object");
  Entry entry(value);
  into.exists = true;
  into.address = entry.text("Address");
  entry.meta(into.meta);
  into.modify_index = entry.index("ModifyIndex");
  if (!entry.wrong().empty()) return malformed(kNode, "Node", entry.wrong());
  return {};
}

// {"Node": null, "Services": null} where there is none; null alone on some versions.
Result<void> read_node_services(std::string& text, CatalogNode& into) {
  Document document;
  if (text == "null" || text == "null\n") return {};
  if (auto ok = parse(document, text, kNode); !ok) return ok;
  const auto node = document.FindMember("Node");
  const auto services = document.FindMember("Services");
  if (node == document.MemberEnd() || services == document.MemberEnd()) {
    return malformed(kNode, "", "neither a node nor none");
  }
  if (node->value.IsNull()) return {};
  if (auto ok = read_node(node->value, into); !ok) return ok;
  if (services->value.IsNull()) return {};
  if (!services->value.IsArray()) return malformed(kNode, "Services", "not a list");
  for (const Value& each : services->value.GetArray()) {
    if (auto ok = read_service(kNode, "", each, into.actual); !ok) return ok;
  }
  return sort_services(kNode, into.actual);
}

Result<void> read_node_check(const Value& value, CatalogNode& into) {
  if (!value.IsObject()) return malformed(kNodeChecks, "", "not an object");
  Entry entry(value);
  CatalogCheck check;
  check.id = entry.text("CheckID");
  check.service_id = entry.text("ServiceID");
  check.status = entry.text("Status");
  check.output = entry.text("Output");
  check.modify_index = entry.index("ModifyIndex");
  check.name = entry.text("Name");
  check.defined = entry.has_definition();
  join(entry, "", into.actual);
  if (!entry.wrong().empty()) return malformed(kNodeChecks, check.id, entry.wrong());
  into.checks.push_back(std::move(check));
  return {};
}

Result<void> read_node_checks(std::string& text, CatalogNode& into) {
  Document document;
  if (auto ok = parse(document, text, kNodeChecks, true); !ok) return ok;
  for (const Value& each : document.GetArray()) {
    if (auto ok = read_node_check(each, into); !ok) return ok;
  }
  std::sort(into.checks.begin(), into.checks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return sort_checks(kNodeChecks, into.actual);
}

// Those of serf that are alive (1) or leave (2): their process runs.
Result<void> read_members(std::string& text, std::set<std::string>& into) {
  Document document;
  if (auto ok = parse(document, text, kMembers, true); !ok) return ok;
  for (const Value& each : document.GetArray()) {
    if (!each.IsObject()) return malformed(kMembers, "", "not an object");
    Entry entry(each);
    const std::string_view name = entry.text("Name");
    const std::string_view address = entry.text("Addr");
    const int status = entry.number("Status", 0);
    if (!entry.wrong().empty()) return malformed(kMembers, name, entry.wrong());
    if (status != 1 && status != 2) continue;
    if (!name.empty()) into.emplace(name);
    if (!address.empty()) into.emplace(address);
  }
  return {};
}

}  // namespace

Result<CatalogNode> decode_catalog_node(std::string services, std::string checks) {
  CatalogNode node;
  if (auto ok = read_node_services(services, node); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_node_checks(checks, node); !ok) return tl::unexpected(ok.error());
  return node;
}

Result<std::set<std::string>> decode_live_agents(std::string nodes, std::string checks, std::string members) {
  Document named;
  Document states;
  if (auto ok = parse(named, nodes, kNodes, true); !ok) return tl::unexpected(ok.error());
  if (auto ok = parse(states, checks, kStates, true); !ok) return tl::unexpected(ok.error());
  std::set<std::string> out;
  for (const Value& each : states.GetArray()) {
    if (!each.IsObject()) return malformed(kStates, "", "not an object");
    Entry entry(each);
    if (entry.text("CheckID") == "serfHealth") out.emplace(entry.text("Node"));
    if (!entry.wrong().empty()) return malformed(kStates, "", entry.wrong());
  }
  std::set<std::string> addresses;
  for (const Value& each : named.GetArray()) {
    if (!each.IsObject()) return malformed(kNodes, "", "not an object");
    Entry entry(each);
    if (out.contains(std::string(entry.text("Node")))) addresses.emplace(entry.text("Address"));
    if (!entry.wrong().empty()) return malformed(kNodes, "", entry.wrong());
  }
  out.merge(addresses);
  if (auto ok = read_members(members, out); !ok) return tl::unexpected(ok.error());
  return out;
}

Result<Actual> decode_actual(std::string services, std::string checks) {
  Actual actual;
  if (auto ok = read_services(services, actual); !ok) return tl::unexpected(ok.error());
  if (auto ok = read_checks(checks, actual); !ok) return tl::unexpected(ok.error());
  return actual;
}

}  // namespace muster::consul
