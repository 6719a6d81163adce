#include "fakes/fake_consul_state.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "core/duration.h"

namespace muster::fakes {
namespace {

using nlohmann::json;

HttpReply refuse(int status, std::string text) { return {.status = status, .body = std::move(text)}; }

// CamelCase and snake_case are one; Go compares without case.
std::string fold(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c != '_') out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

const std::set<std::string> kServiceFields{
    "id",    "name",   "tags", "address", "port",    "meta",     "taggedaddresses", "weights", "enabletagoverride",
    "check", "checks", "kind", "proxy",   "connect", "namespace"};
const std::set<std::string> kCheckFields{"checkid",
                                         "id",
                                         "name",
                                         "notes",
                                         "status",
                                         "args",
                                         "scriptargs",
                                         "shell",
                                         "dockercontainerid",
                                         "http",
                                         "method",
                                         "header",
                                         "body",
                                         "tcp",
                                         "grpc",
                                         "grpcusetls",
                                         "tlsskipverify",
                                         "aliasnode",
                                         "aliasservice",
                                         "ttl",
                                         "interval",
                                         "timeout",
                                         "outputmaxsize",
                                         "successbeforepassing",
                                         "failuresbeforecritical",
                                         "deregistercriticalserviceafter"};

// Decodes like Go's encoding/json: the first field that does not fit ends it.
class Body {
 public:
  Body(const json& object, const std::set<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
      if (known.contains(fold(key))) {
        fields_[fold(key)] = &value;
      } else if (error_.empty()) {
        error_ = "json: unknown field \"" + key + "\"";
      }
    }
  }
  const std::string& error() const { return error_; }
  const json* find(const char* key) const {
    const auto it = fields_.find(key);
    return it == fields_.end() || it->second->is_null() ? nullptr : it->second;
  }

  std::string text(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return mistyped(key, "string"), "";
    return value->get<std::string>();
  }
  int number(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer()) return mistyped(key, "int"), 0;
    return value->get<int>();
  }
  bool truth(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) return mistyped(key, "bool"), false;
    return value->get<bool>();
  }
  std::vector<std::string> list(const char* key) {
    std::vector<std::string> out;
    const json* value = find(key);
    if (value == nullptr) return out;
    if (!value->is_array()) return mistyped(key, "[]string"), out;
    for (const json& item : *value) {
      if (!item.is_string()) return mistyped(key, "string"), out;
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  Meta map(const char* key) {
    Meta out;
    const json* value = find(key);
    if (value == nullptr) return out;
    if (!value->is_object()) return mistyped(key, "map[string]string"), out;
    for (const auto& [name, item] : value->items()) {
      if (!item.is_string()) return mistyped(key, "string"), out;
      out[name] = item.get<std::string>();
    }
    return out;
  }
  // Positive or zero; a bare number is nanoseconds, as Go has it.
  bool lasts(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (value->is_number()) return value->get<double>() > 0;
    const std::string written = text(key);
    if (written.empty()) return false;
    const auto parsed = parse_duration(written);
    if (!parsed && error_.empty()) error_ = "time: invalid duration " + written;
    return parsed && parsed->count() > 0;
  }

 private:
  void mistyped(const char* key, const char* type) {
    if (error_.empty()) error_ = std::string("json: cannot unmarshal into field ") + key + " of type " + type;
  }

  std::map<std::string, const json*> fields_;
  std::string error_;
};

std::string meta_error(const Meta& meta) {
  if (meta.size() > 64) return "Node metadata cannot contain more than 64 key/value pairs";
  for (const auto& [key, value] : meta) {
    const bool letters =
        std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
    if (key.empty()) return "Key cannot be blank";
    if (!letters) return "Key contains invalid characters";
    if (key.size() > 128) return "Key is too long (limit: 128 characters)";
    if (key.starts_with("consul-")) return "Key prefix 'consul-' is reserved for internal use";
    if (value.size() > 512) return "Value is too long (limit: 512 characters)";
  }
  return {};
}

struct Kind {
  std::string name;
  bool interval = false;  // needs one
};

Kind kind_of(Body& body) {
  if (!body.list("args").empty() || !body.list("scriptargs").empty()) return {"script", true};
  if (!body.text("http").empty()) return {"http", true};
  if (!body.text("tcp").empty()) return {"tcp", true};
  if (!body.text("grpc").empty()) return {"grpc", true};
  if (!body.text("aliasnode").empty() || !body.text("aliasservice").empty()) return {"alias", false};
  return {"ttl", false};
}

std::optional<HttpReply> check_error(Body& body, const Kind& kind, const FakeConsulOptions& options) {
  const bool interval = body.lasts("interval");
  const bool ttl = body.lasts("ttl");
  body.lasts("timeout");
  if (!body.error().empty()) return refuse(400, "Request decode failed: " + body.error());
  const auto invalid = [](const std::string& why) { return refuse(400, "Invalid check: " + why); };
  if (interval && ttl) return invalid("Interval and TTL cannot both be specified");
  if (kind.interval && !interval) return invalid("Interval must be > 0 for Script, HTTP, or TCP checks");
  if (kind.name == "ttl" && !ttl) return invalid("TTL must be > 0 for TTL checks");
  const std::string status = body.text("status");
  if (!status.empty() && status != "passing" && status != "warning" && status != "critical") {
    return refuse(400, "Status for checks must 'passing', 'warning', 'critical'");
  }
  if (kind.name == "script" && !options.script_checks) {
    return refuse(500,
                  "Scripts are disabled on this agent from remote calls; to enable, configure "
                  "'enable_script_checks' or 'enable_local_script_checks' to true");
  }
  return std::nullopt;
}

std::optional<HttpReply> read_check(const json& value, const FakeConsulOptions& options, FakeCheck& check) {
  Body body(value, kCheckFields);
  const Kind kind = kind_of(body);
  if (auto error = check_error(body, kind, options)) return error;
  check.id = body.text("checkid").empty() ? body.text("id") : body.text("checkid");
  check.name = body.text("name");
  check.notes = body.text("notes");
  check.type = kind.name;
  if (!body.text("status").empty()) check.status = body.text("status");
  return std::nullopt;
}

std::optional<HttpReply> read_checks(Body& body, const FakeConsulOptions& options, std::vector<FakeCheck>& into) {
  std::vector<const json*> values;
  if (const json* one = body.find("check")) values.push_back(one);
  if (const json* many = body.find("checks")) {
    for (const json& value : *many) values.push_back(&value);
  }
  for (const json* value : values) {
    if (!value->is_object()) return refuse(400, "Request decode failed: json: cannot unmarshal into a check");
    if (auto error = read_check(*value, options, into.emplace_back())) return error;
  }
  return std::nullopt;
}

std::optional<HttpReply> read_service(Body& body, FakeService& service) {
  service.name = body.text("name");
  service.id = body.text("id").empty() ? service.name : body.text("id");
  service.tags = body.list("tags");
  service.address = body.text("address");
  service.port = body.number("port");
  service.meta = body.map("meta");
  service.enable_tag_override = body.truth("enabletagoverride");
  if (const json* weights = body.find("weights"); weights != nullptr && weights->is_object()) {
    service.weight_passing = weights->value("Passing", 1);
    service.weight_warning = weights->value("Warning", 1);
  }
  if (const json* tagged = body.find("taggedaddresses")) {
    for (const auto& [name, at] : tagged->items()) {
      service.tagged_addresses[name] = {at.value("Address", ""), at.value("Port", std::uint16_t{0})};
    }
  }
  if (!body.error().empty()) return refuse(400, "Request decode failed: " + body.error());
  if (service.name.empty()) return refuse(400, "Missing service name");
  if (service.address == "0.0.0.0" || service.address == "::") return refuse(400, "Invalid service address");
  if (const std::string why = meta_error(service.meta); !why.empty()) {
    return refuse(400, "Invalid Service Meta: " + why);
  }
  for (const int weight : {service.weight_passing, service.weight_warning}) {
    if (weight < 1 || weight > 65535) return refuse(400, "Invalid Weights: weight must be between 1 and 65535");
  }
  return std::nullopt;
}

bool same(const FakeService& a, const FakeService& b) {
  return a.name == b.name && a.tags == b.tags && a.address == b.address && a.port == b.port && a.meta == b.meta &&
         a.tagged_addresses == b.tagged_addresses && a.weight_passing == b.weight_passing &&
         a.weight_warning == b.weight_warning && a.enable_tag_override == b.enable_tag_override;
}

void erase_checks_of(FakeState& state, const std::string& service_id) {
  std::erase_if(state.checks, [&](const auto& entry) { return entry.second.service_id == service_id; });
}

void store(FakeState& state, FakeService service, std::vector<FakeCheck> checks, bool replace) {
  FakeState before;
  if (replace) {
    before.checks = state.checks;
    erase_checks_of(state, service.id);
  } else {
    before.checks = state.checks;
  }
  for (std::size_t i = 0; i < checks.size(); ++i) {
    FakeCheck& check = checks[i];
    const std::string position = checks.size() > 1 ? ":" + std::to_string(i + 1) : "";
    if (check.id.empty()) check.id = "service:" + service.id + position;
    if (check.name.empty()) check.name = "Service '" + service.name + "' check";
    check.service_id = service.id;
    // An agent keeps the status that it knows.
    if (const auto it = before.checks.find(check.id); it != before.checks.end()) {
      check.status = it->second.status;
      check.output = it->second.output;
    }
    state.checks[check.id] = check;
  }
  FakeService& held = state.services[service.id];
  service.changes = held.changes + (same(held, service) ? 0 : 1);
  held = std::move(service);
}

json tagged_addresses(const FakeService& service) {
  json out;
  for (const auto& [name, tagged] : service.tagged_addresses) {
    out[name] = {{"Address", tagged.address}, {"Port", tagged.port}};
  }
  if (service.address.empty()) return out;
  const json at = {{"Address", service.address}, {"Port", service.port}};
  const std::string family = service.address.find(':') == std::string::npos ? "ipv4" : "ipv6";
  out["lan_" + family] = at;
  out["wan_" + family] = at;
  return out;
}

json render(const FakeService& service) {
  json out = {{"ID", service.id},
              {"Service", service.name},
              {"Tags", service.tags},
              {"Meta", service.meta},
              {"Port", service.port},
              {"Address", service.address},
              {"Weights", {{"Passing", service.weight_passing}, {"Warning", service.weight_warning}}},
              {"EnableTagOverride", service.enable_tag_override}};
  if (json addresses = tagged_addresses(service); !addresses.is_null()) out["TaggedAddresses"] = std::move(addresses);
  return out;
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

HttpReply apply_register(FakeState& state, const HttpRequest& request, const FakeConsulOptions& options) {
  const json parsed = json::parse(request.body, nullptr, false);
  if (!parsed.is_object()) return refuse(400, "Request decode failed: invalid character");
  Body body(parsed, kServiceFields);
  FakeService service;
  std::vector<FakeCheck> checks;
  if (auto error = read_service(body, service)) return *error;
  if (auto error = read_checks(body, options, checks)) return *error;
  const auto replace = request.query.find("replace-existing-checks");
  store(state, std::move(service), std::move(checks), replace != request.query.end() && replace->second == "true");
  return {};
}

HttpReply apply_deregister(FakeState& state, const std::string& id, const FakeConsulOptions& options) {
  if (!state.services.contains(id)) {
    switch (options.unknown_service) {
      case UnknownService::Ok200:
        return {};
      case UnknownService::Error500:
        return refuse(500, "Unknown service {\"" + id + "\" {}}");
      case UnknownService::NotFound404:
        return refuse(404, "Unknown service ID \"" + id + "\". Ensure that the service ID is passed, not the name.");
    }
  }
  state.services.erase(id);
  erase_checks_of(state, id);
  return {};
}

HttpReply apply_check_deregister(FakeState& state, const std::string& id, const FakeConsulOptions& options) {
  if (state.checks.erase(id) > 0) return {};
  switch (options.unknown_service) {
    case UnknownService::Ok200:
      return {};
    case UnknownService::Error500:
      return refuse(500, "Unknown check {\"" + id + "\" {}}");
    case UnknownService::NotFound404:
      break;
  }
  return refuse(404, "Unknown check ID \"" + id + "\". Ensure that the check ID is passed, not the check name.");
}

HttpReply apply_report(FakeState& state, const std::string& check_id, const HttpRequest& request) {
  constexpr std::size_t kOutput = 4096;
  static const std::set<std::string> kFields{"status", "output"};
  const json parsed = json::parse(request.body, nullptr, false);
  if (!parsed.is_object()) return refuse(400, "Request decode failed: invalid character");
  Body body(parsed, kFields);
  const std::string status = body.text("status");
  std::string output = body.text("output");
  if (!body.error().empty()) return refuse(400, "Request decode failed: " + body.error());
  if (status != "passing" && status != "warning" && status != "critical") {
    return refuse(400, "Invalid check status: '" + status + "'");
  }
  const auto check = state.checks.find(check_id);
  if (check == state.checks.end() || check->second.type != "ttl") {
    return refuse(500, "CheckID \"" + check_id + "\" does not have associated TTL");
  }
  if (output.size() > kOutput) {
    const std::string said = " ... (captured 4096 of " + std::to_string(output.size()) + " bytes)";
    output = output.substr(0, kOutput) + said;
  }
  check->second.status = status;
  check->second.output = std::move(output);
  return {};
}

HttpReply apply_maintenance(FakeState& state, const std::string& id, const HttpRequest& request) {
  const auto enable = request.query.find("enable");
  if (id.empty()) return refuse(400, "Missing service ID");
  if (enable == request.query.end()) return refuse(400, "Missing value for enable");
  if (enable->second != "true" && enable->second != "false") {
    return refuse(400, "Invalid value for enable: \"" + enable->second + "\"");
  }
  const auto service = state.services.find(id);
  if (service == state.services.end()) return refuse(404, "No service registered with ID \"" + id + "\"");
  const std::string check_id = "_service_maintenance:" + id;
  if (enable->second == "false") {
    state.checks.erase(check_id);
    return {};
  }
  const auto reason = request.query.find("reason");
  const bool given = reason != request.query.end() && !reason->second.empty();
  // An agent that is in maintenance already keeps the first reason.
  state.checks.try_emplace(check_id,
                           FakeCheck{.id = check_id,
                                     .name = "Service Maintenance Mode",
                                     .notes = given ? reason->second
                                                    : "Maintenance mode is enabled for this service, but no reason was "
                                                      "provided. This is a default message.",
                                     .status = "critical",
                                     .type = "maintenance",
                                     .service_id = id});
  return {};
}

std::string render_services(const FakeState& state) {
  json out = json::object();
  for (const auto& [id, service] : state.services) out[id] = render(service);
  return dump(out);
}

std::string render_checks(const FakeState& state) {
  json out = json::object();
  for (const auto& [id, check] : state.checks) {
    const auto service = state.services.find(check.service_id);
    const bool bound = service != state.services.end();
    out[id] = {{"Node", "fake"},
               {"CheckID", check.id},
               {"Name", check.name},
               {"Status", check.status},
               {"Notes", check.notes},
               {"Output", check.output},
               {"ServiceID", check.service_id},
               {"ServiceName", bound ? service->second.name : ""},
               {"ServiceTags", bound ? service->second.tags : std::vector<std::string>{}},
               {"Type", check.type},
               {"Definition", json::object()},
               {"CreateIndex", 0},
               {"ModifyIndex", 0}};
  }
  return dump(out);
}

}  // namespace muster::fakes
