// Every setting that belongs to no source, and the flags that fill them in.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/parse.h"
#include "consul/settings.h"
#include "log/log.h"
#include "muster/flag.h"
#include "muster/module.h"
#include "muster/result.h"
#include "muster/rules.h"
#include "run/settings.h"

namespace muster::cli {

using Modules = std::vector<std::unique_ptr<Module>>;

// Filled in by the setters of flag_groups(), completed by make_options(). Must not move in between.
struct Options {
  RuleSettings rules;
  run::RunSettings run;
  consul::ConsulSettings consul;
  log::Level log_level = log::Level::Info;
  std::string config_file;
  bool stale = false;   // muster adopt --stale
  bool repair = false;  // muster audit --repair
  // "ADDR:PORT" with an IPv6 address in brackets; ":PORT" is all interfaces; empty: no web server.
  std::string listen = "127.0.0.1:24476";
  // For the log once it runs: flags without effect, settings that override each other.
  std::vector<std::string> warnings;

  struct Healthcheck {
    bool enabled = false;
    std::string ip;
    std::size_t port = 24476;
  } healthcheck;  // mesos-consul's way to say --listen; read by make_options() only
};

// The groups in the order of --help; the modules' own come after the common ones. The setters hold references to
// `options` and to the modules.
std::vector<FlagGroup> flag_groups(Options& options, const Modules& modules);

// What SIGHUP takes over: the rules, but not our identity, and the tokens. Any other flag needs a restart.
std::set<std::string> reloadable_flags();

// After parse(): checks across flags, the defaults that depend on other flags (owner, prefix, listen), and what
// Consul's own tools read from the environment. Error (Fault::Leave): a usage error, exit code 2. All warnings, those
// of the Consul settings too, end up in options.warnings.
Result<void> make_options(Options& options, const Parsed& parsed, const Modules& modules,
                          const Environment& environment);

// "127.0.0.1:24476", "[::1]:80", ":80" (all interfaces), "localhost:80" or "off". Answers the canonical form.
Result<std::string> parse_listen(const std::string& text);

// Name, version, verbs and examples of the muster binary.
Program make_program();

}  // namespace muster::cli
