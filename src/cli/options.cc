#include "cli/options.h"

#include <algorithm>
#include <chrono>

#include "cli/setters.h"
#include "consul/flags.h"
#include "core/duration.h"
#include "core/text.h"

#ifndef MUSTER_VERSION
#define MUSTER_VERSION "0.0.0"
#endif

namespace muster::cli {
namespace {

constexpr char kExamples[] =
    "  Mesos, leader found through ZooKeeper:\n"
    "    muster --zk=zk://zk1:2181,zk2:2181/mesos --blacklist='^task-'\n"
    "  See what would change, without writing:\n"
    "    muster --zk=zk://zk1:2181/mesos --once --dry-run\n"
    "  In place of mesos-consul, with its ids, names and checks:\n"
    "    muster --compat=mesos-consul --zk=zk://zk1:2181/mesos --healthcheck\n"
    "  One Consul agent for everything:\n"
    "    muster --mesos-master=http://10.0.0.11:5050 --consul-agent=http://127.0.0.1:8500\n";

Setter set_compat(bool& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (value != "mesos-consul") return fail(Fault::Leave, "not known; the only one is mesos-consul");
    target = true;
    return {};
  };
}

// Both become parts of ids and Meta: what Consul would clip or alter is refused at once.
Setter set_identity(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (value.empty() || value.size() > 255 || !printable(value)) {
      return fail(Fault::Leave, "not usable; give 1 to 255 bytes of UTF-8 without control characters");
    }
    target = value;
    return {};
  };
}

Setter set_level(Options& options) {
  return [&options](const std::string& value) -> Result<void> {
    static const std::pair<const char*, log::Level> kLevels[] = {
        {"debug", log::Level::Debug},  {"info", log::Level::Info},   {"warn", log::Level::Warn},
        {"warning", log::Level::Warn}, {"error", log::Level::Error}, {"fatal", log::Level::Error},
        {"panic", log::Level::Error}};
    for (const auto& [name, level] : kLevels) {
      if (lower(value) == name) {
        options.log_level = level;
        return {};
      }
    }
    if (!options.rules.compat) return fail(Fault::Leave, "not a level; give debug, info, warn or error");
    options.log_level = log::Level::Warn;
    options.warnings.push_back(
        "--log-level is not one of debug, info, warn and error; using warn, as mesos-consul does");
    return {};
  };
}

Setter set_ip_order(std::vector<AddressKind>& target) {
  return [&target](const std::string& value) -> Result<void> {
    static const std::pair<const char*, AddressKind> kKinds[] = {{"netinfo", AddressKind::NetInfo},
                                                                 {"mesos", AddressKind::Mesos},
                                                                 {"docker", AddressKind::Docker},
                                                                 {"host", AddressKind::Host}};
    std::vector<AddressKind> order;
    const std::vector<std::string> names = split_commas(value);
    for (const std::string& name : names) {
      for (const auto& [known, kind] : kKinds) {
        if (name == known) order.push_back(kind);
      }
    }
    if (order.empty() || order.size() != names.size()) {
      return fail(Fault::Leave, "unknown source of addresses; give a comma list of netinfo, mesos, docker and host");
    }
    target = order;
    return {};
  };
}

Setter set_any(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    target = value;
    return {};
  };
}

Setter set_list(std::vector<std::string>& target) {
  return [&target](const std::string& value) -> Result<void> {
    target = split_commas(value);
    return {};
  };
}

Setter set_visibility(std::vector<std::string>& target) {
  return [&target](const std::string& value) -> Result<void> {
    std::vector<std::string> out;
    for (const std::string& part : split_commas(value)) {
      const std::string low = lower(part);
      if (low != "framework" && low != "cluster" && low != "external" && low != "none") {
        return fail(Fault::Leave, "not known; give a comma list of FRAMEWORK, CLUSTER, EXTERNAL and none");
      }
      std::string upper = low;
      std::transform(low.begin(), low.end(), upper.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      out.push_back(low == "none" ? low : upper);
    }
    if (out.empty()) return fail(Fault::Leave, "empty; give a comma list of FRAMEWORK, CLUSTER, EXTERNAL and none");
    target = std::move(out);
    return {};
  };
}

Setter set_listen(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    auto listen = parse_listen(value);
    if (!listen) return tl::unexpected(listen.error());
    target = std::move(*listen);
    return {};
  };
}

Setter set_agent(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    auto agent = consul::parse_agent(value);
    if (!agent) return tl::unexpected(agent.error());
    target = std::move(*agent);
    return {};
  };
}

// Consul's HTTP server tidies paths: a key that it would alter is refused at once.
Setter set_key(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    const std::vector<std::string> parts = split(value, '/');
    const bool tidy = std::none_of(parts.begin(), parts.end(),
                                   [](const std::string& part) { return part.empty() || part == "." || part == ".."; });
    if (value.size() > 512 || !printable(value) || !tidy) {
      return fail(Fault::Leave, "not a key of Consul's; give at most 512 bytes of names with single slashes between");
    }
    target = value;
    return {};
  };
}

// Consul's own limits of a session.
Setter set_ttl(std::chrono::milliseconds& target) {
  return [&target](const std::string& value) -> Result<void> {
    const auto parsed = parse_duration(value);
    if (!parsed) return tl::unexpected(parsed.error());
    if (*parsed < std::chrono::seconds(10) || *parsed > std::chrono::hours(24)) {
      return fail(Fault::Leave, "not a session's TTL; give 10s to 24h");
    }
    target = *parsed;
    return {};
  };
}

Flag flag(std::string name, std::string value, std::string help, std::string fallback, Setter set) {
  return {std::move(name), std::move(value), std::move(help), std::move(fallback), false, false, std::move(set)};
}

Flag repeatable(std::string name, std::string value, std::string help, Setter set) {
  return {std::move(name), std::move(value), std::move(help), "", true, false, std::move(set)};
}

// --compat stands first: the setters of others look at it.
FlagGroup general_group(Options& o) {
  return {"General",
          {flag("compat", "NAME", "Give the ids, names, tags and checks of NAME; only mesos-consul is known", "",
                set_compat(o.rules.compat)),
           flag("config", "FILE", "Read settings from FILE, `name = value` lines", "", set_text(o.config_file)),
           flag("owner", "NAME",
                "Identity of this cluster in Consul, in the Meta of every service; two clusters must not share one",
                "from the source", set_identity(o.rules.owner)),
           flag("once", "",
                "Make Consul true once and exit: 0 done, 1 something failed, 2 usage, 3 held back or still different",
                "false", set_switch(o.run.once)),
           flag("dry-run", "", "Write nothing; print what would be done, and why", "false", set_switch(o.run.dry_run)),
           flag("stale", "", "With adopt: remove unmarked services under our prefix that match nothing that runs",
                "false", set_switch(o.stale)),
           flag("repair", "", "With audit: remove what is proven stale, each at its own agent, after showing it",
                "false", set_switch(o.repair)),
           flag("log-level", "LEVEL", "Least level that is logged: debug, info, warn or error", "info", set_level(o))}};
}

FlagGroup rules_group(Options& o) {
  RuleSettings& r = o.rules;
  return {
      "Rules",
      {repeatable("whitelist", "REGEX", "Only services whose final name matches (RE2, unanchored)",
                  append_text(r.whitelist)),
       repeatable("blacklist", "REGEX", "Leave out services whose final name matches; wins over --whitelist",
                  append_text(r.blacklist)),
       repeatable("fw-whitelist", "REGEX", "Only tasks of frameworks whose name matches", append_text(r.fw_whitelist)),
       repeatable("fw-blacklist", "REGEX", "Leave out tasks of frameworks whose name matches",
                  append_text(r.fw_blacklist)),
       repeatable("shared-service-name", "REGEX", "The first capture group of a matching task name names the service",
                  append_text(r.shared_service_name)),
       repeatable("task-tag", "TEXT:TAG[,TAG]", "Add the tags to services whose name contains TEXT",
                  append_text(r.task_tag)),
       flag("group-separator", "TEXT", "What an underscore in a task name becomes", "nothing",
            set_any(r.group_separator)),
       flag("service-port-label", "LABEL", "Task label that lists the indexes, from 0, of the ports to register", "",
            set_any(r.service_port_label)),
       flag("mesos-ip-order", "LIST", "Where an address is taken from: netinfo, mesos, docker and host, in order",
            "netinfo,mesos,host", set_ip_order(r.ip_order)),
       repeatable("mesos-network", "NAME", "Take addresses of the container network NAME before all others",
                  append_text(r.networks)),
       flag("mesos-visibility", "LIST",
            "Only tasks whose discovery info says so: FRAMEWORK, CLUSTER, EXTERNAL, and none for tasks without", "all",
            set_visibility(r.visibility)),
       flag("mesos-health-checks", "",
            "HTTP and TCP health checks of Mesos become Consul checks, where no check_* label says otherwise", "true",
            set_switch(r.health_checks)),
       flag("opt-in", "", "Only tasks with a label consul=true, or any consul label but an empty one and false",
            "false", set_switch(r.opt_in)),
       repeatable("meta-label-prefix", "PREFIX", "A task's label PREFIXkey=value becomes key=value in Meta",
                  append_text(r.meta_label_prefix)),
       flag("service-name", "NAME", "Service name of the scheduler's own hosts", "mesos", set_text(r.service_name)),
       flag("service-tags", "LIST", "Each role tag of a host becomes role.TAG for every TAG of this comma list", "",
            set_list(r.service_tags)),
       flag("service-id-prefix", "TEXT",
            "Every service id begins with TEXT and a colon; with --compat the default is mesos-consul", "muster",
            set_identity(r.service_id_prefix)),
       flag("enable-script-checks", "", "Let a task's check_script label run programs on its host", "false",
            set_switch(r.enable_script_checks))}};
}

FlagGroup running_group(Options& o) {
  return {
      "Running",
      {flag("listen", "ADDR:PORT", "Serve /metrics, /health and /ready here; :PORT is all interfaces, off is nowhere",
            "127.0.0.1:24476", set_listen(o.listen)),
       flag("healthcheck", "", "As in mesos-consul: listen at --healthcheck-ip and --healthcheck-port", "false",
            set_switch(o.healthcheck.enabled)),
       flag("healthcheck-ip", "ADDR", "Address for --healthcheck; with --compat all interfaces if not given",
            "127.0.0.1", set_any(o.healthcheck.ip)),
       flag("healthcheck-port", "PORT", "Port for --healthcheck", "24476", set_number(o.healthcheck.port, 1, 65535)),
       flag("workers", "N", "Consul agents worked on at the same time, at most", "32",
            set_number(o.run.workers, 1, 1024)),
       flag("audit-interval", "DURATION", "Each Consul agent is compared again this often, change or not", "10m",
            set_duration(o.run.audit_interval, std::chrono::seconds(1))),
       flag("breaker-least", "N", "So many services that vanished from a source's reads may go in a window in any case",
            "5", set_number(o.run.breaker.least, 0, 1'000'000)),
       flag("breaker-percent", "N", "Of what Consul holds of a source, so much may go in a window, when that is more",
            "30", set_number(o.run.breaker.percent, 0, 100)),
       flag("breaker-window", "DURATION",
            "The window; more than that is held until it was read thrice over a minute, "
            "or SIGUSR1",
            "5m", set_duration(o.run.breaker.window, std::chrono::seconds(1))),
       flag("watch-agents", "N",
            "Consul agents watched by long polls, at most, so that a loss is seen in seconds; the audit does the rest",
            "1000", set_number(o.run.watch_agents, 0, 100'000)),
       flag("lock", "", "Of all musters with the same --lock-key one acts, by a Consul session; the others stand by",
            "false", set_switch(o.run.lock.enabled)),
       flag("lock-key", "KEY", "Key in Consul that the acting muster holds", "muster/OWNER/leader",
            set_key(o.run.lock.key)),
       flag("lock-ttl", "DURATION", "TTL of the session, 10s to 24h: a dead muster is replaced within 3 of these",
            "15s", set_ttl(o.run.lock.ttl)),
       flag("lock-agent", "URL", "Consul agent that is asked for the lock; else --consul-agent, else this machine's",
            "", set_agent(o.run.lock.agent))}};
}

}  // namespace

std::vector<FlagGroup> flag_groups(Options& options, const Modules& modules) {
  std::vector<FlagGroup> groups{general_group(options)};
  for (const auto& module : modules) groups.push_back(module->flags());
  groups.push_back(consul::consul_flags(options.consul));
  groups.push_back(rules_group(options));
  groups.push_back(running_group(options));
  return groups;
}

std::set<std::string> reloadable_flags() {
  Options unused;
  std::set<std::string> names{"consul-token", "consul-token-file"};
  for (const Flag& each : rules_group(unused).flags) names.insert(each.name);
  names.erase("service-id-prefix");
  return names;
}

Program make_program() {
  return {"muster",
          MUSTER_VERSION,
          "keeps Consul true to what schedulers run",
          {{"adopt", "",
            "Show what would be taken over from another program, and what of it matches nothing; "
            "with --stale do it, and remove the latter"},
           {"audit", "",
            "Show what in Consul no Nomad allocation stands behind, of Nomad's own registrations and ours; with "
            "--repair remove what is proven stale"},
           {"cleanup", "", "Remove every service of this --owner, after showing which"},
           {"lint", "UNIT-FILE...",
            "Show what unit files would register, with file and line of each value, and their mistakes"}},
          kExamples};
}

}  // namespace muster::cli
