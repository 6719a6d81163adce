#include "nomad/checks.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace muster::nomad {
namespace {

// Of a check that is to be reached where its service is, in a way that only the client could tell.
bool as_registered(const CheckedService& service, const AddressQuery& query) {
  return service.of_row && query.mode == "driver" && query.label == service.label;
}

Result<Endpoint> endpoint_of(const Allocation& allocation, const CheckedService& service, const CheckBlock& block,
                             const std::string& label) {
  const char* fallback = service.address.empty() ? "host" : "auto";
  const AddressQuery query{block.address_mode.empty() ? fallback : block.address_mode, service.address,
                           label.empty() ? service.label : label};
  if (as_registered(service, query)) return service.endpoint;
  Result<Endpoint> found = resolve_address(allocation, service.block.task, query);
  if (found && (found->port <= 0 || found->port > std::numeric_limits<std::uint16_t>::max())) {
    return fail(Fault::Item, "it has no port");
  }
  return found;
}

std::uint16_t count(int value) {
  return static_cast<std::uint16_t>(std::clamp(value, 0, int{std::numeric_limits<std::uint16_t>::max()}));
}

std::string http_url(const std::string& protocol, const std::string& where, const std::string& path) {
  const bool rooted = path.empty() || path.starts_with('/');
  return (protocol.empty() ? "http" : protocol) + "://" + where + (rooted ? "" : "/") + path;
}

// Replaced texts of the block; the rest of it is copied as it is.
struct Texts {
  std::string name, type, path, protocol, method, label, grpc_service, initial_status, notes;
  std::vector<Header> header;
};

Texts replace(const CheckBlock& block, Variables& variables) {
  Texts out{variables.replace(block.name),         variables.replace(block.type),
            variables.replace(block.path),         variables.replace(block.protocol),
            variables.replace(block.method),       variables.replace(block.port_label),
            variables.replace(block.grpc_service), variables.replace(block.initial_status),
            variables.replace(block.notes),        {}};
  for (const Header& header : block.header) {
    out.header.push_back({variables.replace(header.name), variables.replace(header.value)});
  }
  return out;
}

std::string why_not(const CheckBlock& block, const Texts& texts) {
  if (texts.type == "script") return "script checks run within the task: only its Nomad client can";
  if (texts.type != "http" && texts.type != "tcp" && texts.type != "grpc") return "its type is " + texts.type;
  if (block.interval <= 0) return "it has no interval";
  if (block.has_body) return "a check with a body cannot be handed to Consul";
  if (texts.type != "http") return "";
  if (!texts.protocol.empty() && texts.protocol != "http" && texts.protocol != "https") {
    return "its protocol is " + texts.protocol;
  }
  // Such a path would lead to another host.
  return texts.path.starts_with("//") || texts.path.find("://") < texts.path.find_first_of("/?#")
             ? "its path is an address: " + texts.path
             : "";
}

std::string initial_status(const Allocation& allocation, const std::string& given) {
  if (given == "passing" || given == "warning" || given == "critical") return given;
  return allocation.healthy == true ? "passing" : "";
}

void set_target(Check& check, const CheckBlock& block, Texts& texts, const Endpoint& endpoint) {
  const std::string where = join_host_port(endpoint.host, std::to_string(endpoint.port));
  if (texts.type == "tcp") {
    check.tcp = where;
  } else if (texts.type == "grpc") {
    check.grpc = texts.grpc_service.empty() ? where : where + "/" + texts.grpc_service;
    check.grpc_use_tls = block.grpc_use_tls;
  } else {
    check.http = http_url(texts.protocol, where, texts.path);
    check.method = std::move(texts.method);
    check.header = std::move(texts.header);
  }
}

}  // namespace

CheckMade make_check(const Allocation& allocation, const CheckedService& service, const CheckBlock& block,
                     Variables& variables) {
  variables.take_unknown();
  Texts texts = replace(block, variables);
  CheckMade made;
  made.reason = texts.type == "script" ? Reason::ScriptCheck : Reason::BadCheck;
  made.why = why_not(block, texts);
  if (const auto unknown = variables.take_unknown(); made.why.empty() && !unknown.empty()) {
    made.why = "${" + *unknown.begin() + "} is known to its Nomad client alone";
  }
  if (!made.why.empty()) return made;
  const Result<Endpoint> endpoint = endpoint_of(allocation, service, block, texts.label);
  if (!endpoint) {
    made.why = endpoint.error().message;
    return made;
  }
  Check& check = made.check;
  set_target(check, block, texts, *endpoint);
  check.name = texts.name.empty() ? "service check" : std::move(texts.name);
  check.interval = go_duration(block.interval);
  if (block.timeout > 0) check.timeout = go_duration(block.timeout);
  check.tls_skip_verify = block.tls_skip_verify;
  check.tls_server_name = block.tls_server_name;
  check.success_before_passing = count(block.success_before_passing);
  check.failures_before_critical = count(block.failures_before_critical);
  check.notes = std::move(texts.notes);
  check.status = initial_status(allocation, texts.initial_status);
  return made;
}

std::string go_duration(std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000;
  if (nanoseconds % kSecond == 0) return std::to_string(nanoseconds / kSecond) + "s";
  if (nanoseconds % kMillisecond == 0) return std::to_string(nanoseconds / kMillisecond) + "ms";
  return std::to_string(nanoseconds) + "ns";
}

}  // namespace muster::nomad
