#include <algorithm>

#include "cli/options.h"
#include "core/duration.h"

namespace muster::cli {
namespace {

bool given(const Parsed& parsed, const char* flag) { return parsed.given.contains(flag); }

// --listen wins over --healthcheck*. Without either the loopback default stays, also with --compat: mesos-consul
// would not listen then, but /ready and /metrics on loopback change nothing for the outside.
Result<void> settle_listen(Options& options, const Parsed& parsed) {
  const bool any = given(parsed, "healthcheck") || given(parsed, "healthcheck-ip") || given(parsed, "healthcheck-port");
  if (!any) return {};
  if (given(parsed, "listen")) {
    options.warnings.push_back("--healthcheck, --healthcheck-ip and --healthcheck-port have no effect beside --listen");
    return {};
  }
  if (!given(parsed, "healthcheck")) {
    options.warnings.push_back("--healthcheck-ip and --healthcheck-port have no effect without --healthcheck");
    return {};
  }
  const Options::Healthcheck& check = options.healthcheck;
  if (!check.enabled) {
    options.listen.clear();
    return {};
  }
  std::string ip = check.ip;
  if (ip.empty() && !options.rules.compat) ip = "127.0.0.1";
  if (ip.find(':') != ip.npos && !ip.starts_with('[')) ip = "[" + ip + "]";
  auto listen = parse_listen(ip + ":" + std::to_string(check.port));
  if (!listen) return fail(Fault::Leave, parsed.given.at("healthcheck-ip") + "=" + check.ip + ": not an IP address");
  options.listen = std::move(*listen);
  return {};
}

std::vector<const Module*> configured(const Modules& modules) {
  std::vector<const Module*> found;
  for (const auto& module : modules) {
    if (module->configured()) found.push_back(module.get());
  }
  return found;
}

Result<void> settle_owner(Options& options, const Modules& modules, const std::string& verb) {
  const std::vector<const Module*> sources = configured(modules);
  if (verb == "cleanup" && !options.rules.owner.empty()) return {};  // Consul alone knows what there is
  if (sources.empty()) {
    std::string message = "no source is configured; give at least one:";
    for (const auto& module : modules) message += "\n  " + std::string(module->name()) + ": " + module->usage();
    return fail(Fault::Leave, message);
  }
  if (!options.rules.owner.empty()) return {};
  if (sources.size() > 1) {
    return fail(Fault::Leave,
                "several sources are configured, and each would name the cluster differently; give --owner=NAME");
  }
  auto owner = sources.front()->default_owner();
  if (!owner) return tl::unexpected(owner.error());
  options.rules.owner = std::move(*owner);
  return {};
}

Result<void> settle_consul(Options& options, const Environment& environment) {
  std::string value;  // of the last question: the caller copies it before it asks again
  const auto get = [&](const char* name) -> const char* {
    const auto found = environment ? environment(name) : std::nullopt;
    value = found.value_or("");
    return found ? value.c_str() : nullptr;
  };
  if (auto applied = consul::apply_environment(options.consul, get); !applied) return applied;
  std::vector<std::string>& warnings = options.consul.warnings;
  options.warnings.insert(options.warnings.end(), warnings.begin(), warnings.end());
  warnings.clear();
  return {};
}

void warn_of_lock(Options& options, const Parsed& parsed) {
  if (options.run.lock.enabled) return;
  if (!given(parsed, "lock-key") && !given(parsed, "lock-ttl") && !given(parsed, "lock-agent")) return;
  options.warnings.push_back("--lock-key, --lock-ttl and --lock-agent have no effect without --lock");
}

// What muster reports is renewed in audits alone: with a TTL below three intervals one that comes late would turn every
// service critical.
Result<void> settle_ttls(Options& options, const Parsed& parsed) {
  options.rules.ttl_floor = 3 * options.run.audit_interval;
  for (const char* const flag : {"unit-check-ttl", "fleet-check-ttl"}) {
    const auto values = parsed.values.find(flag);
    if (values == parsed.values.end() || values->second.empty()) continue;
    const std::string& text = values->second.back();
    const auto ttl = parse_duration(text);
    if (!ttl || *ttl >= options.rules.ttl_floor) continue;
    return fail(Fault::Leave,
                parsed.given.at(flag) + "=" + text +
                    ": shorter than three times --audit-interval, in which it is renewed; give at least " +
                    show_duration(options.rules.ttl_floor) + ", or a shorter --audit-interval");
  }
  return {};
}

}  // namespace

Result<void> make_options(Options& options, const Parsed& parsed, const Modules& modules,
                          const Environment& environment) {
  if (auto listen = settle_listen(options, parsed); !listen) return listen;
  if (auto owner = settle_owner(options, modules, parsed.verb); !owner) return owner;
  if (auto consul = settle_consul(options, environment); !consul) return consul;
  if (auto ttls = settle_ttls(options, parsed); !ttls) return ttls;
  warn_of_lock(options, parsed);
  if (options.consul.catalog && !options.run.lock.enabled) {
    return fail(Fault::Leave,
                "--consul-mode=catalog: give --lock too: no agent stands between two musters that write at once");
  }
  if (options.rules.service_id_prefix.empty()) {
    options.rules.service_id_prefix = options.rules.compat ? "mesos-consul" : "muster";
  }
  return {};
}

}  // namespace muster::cli
