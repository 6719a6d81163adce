#include "consul/encode.h"

#include <nlohmann/json.hpp>

#include "net/http.h"

namespace muster::consul {
namespace {

using nlohmann::json;

void put(json& into, const char* key, const std::string& value) {
  if (!value.empty()) into[key] = value;
}

json encode_check(const Check& check) {
  json out = json::object();
  put(out, "CheckID", check.id);
  put(out, "Name", check.name);
  put(out, "HTTP", check.http);
  put(out, "TCP", check.tcp);
  put(out, "GRPC", check.grpc);
  put(out, "TTL", check.ttl);
  if (!check.args.empty()) out["Args"] = check.args;
  put(out, "Interval", check.interval);
  put(out, "Timeout", check.timeout);
  put(out, "Method", check.method);
  put(out, "TLSServerName", check.tls_server_name);
  put(out, "Notes", check.notes);
  put(out, "Status", check.status);
  if (check.tls_skip_verify) out["TLSSkipVerify"] = true;
  if (check.grpc_use_tls) out["GRPCUseTLS"] = true;
  if (check.success_before_passing != 0) out["SuccessBeforePassing"] = check.success_before_passing;
  if (check.failures_before_critical != 0) out["FailuresBeforeCritical"] = check.failures_before_critical;
  for (const Header& header : check.header) out["Header"][header.name].push_back(header.value);
  return out;
}

}  // namespace

std::string encode_service(const Service& service) {
  json out = json::object();
  put(out, "ID", service.id);
  put(out, "Name", service.name);
  put(out, "Address", service.address);
  if (service.port != 0) out["Port"] = service.port;
  if (!service.tags.empty()) out["Tags"] = service.tags;
  if (!service.meta.empty()) out["Meta"] = service.meta;
  if (service.enable_tag_override) out["EnableTagOverride"] = true;
  if (service.weight_passing != 1 || service.weight_warning != 1) {
    out["Weights"] = {{"Passing", service.weight_passing}, {"Warning", service.weight_warning}};
  }
  for (const auto& [name, tagged] : service.tagged_addresses) {
    json& each = out["TaggedAddresses"][name];
    each["Address"] = tagged.address;
    each["Port"] = tagged.port == 0 ? service.port : tagged.port;
  }
  for (const Check& check : service.checks) out["Checks"].push_back(encode_check(check));
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Never replace-existing-checks: it would end an operator's maintenance, which is a check of the service too.
std::string register_path() { return "/v1/agent/service/register"; }

std::string deregister_path(std::string_view service_id) {
  return "/v1/agent/service/deregister/" + net::escape(service_id);
}

std::string deregister_check_path(std::string_view check_id) {
  return "/v1/agent/check/deregister/" + net::escape(check_id);
}

std::string update_check_path(std::string_view check_id) { return "/v1/agent/check/update/" + net::escape(check_id); }

std::string encode_report(const Check& check) {
  const json out = {{"Status", check.status}, {"Output", check.output}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string maintenance_path(std::string_view service_id, bool enable, std::string_view reason) {
  const std::string path = "/v1/agent/service/maintenance/" + net::escape(service_id);
  return enable ? path + "?enable=true&reason=" + net::escape(reason) : path + "?enable=false";
}

}  // namespace muster::consul
