// Everything that the command line, the environment and the config file settle, checked and compiled.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/parse.h"
#include "muster/module.h"
#include "muster/rules.h"

namespace muster::cli {

// Made once at start and once more at each SIGHUP, from the same arguments. Does not move: setters point into it.
struct Settings {
  Modules modules;
  Options options;
  Parsed parsed;
  std::shared_ptr<const Rules> rules;

  // Nothing is to be written: asked for, or a verb that only shows.
  bool dry_run() const { return options.run.dry_run || (parsed.verb == "adopt" && !options.stale); }

  Settings() = default;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
};

// Error (Fault::Leave): a usage error. A Settings with parsed.next == Exit has nothing but what is to be printed.
Result<std::unique_ptr<Settings>> load_settings(const std::vector<std::string>& arguments);

// SIGHUP: the same arguments, read again. What we are in Consul (owner, prefix of ids, compat) stays as it was at the
// start: under another identity every service of ours would be a conflict. options.warnings then names, without values,
// each setting that differs and needs a restart, and nothing else. Error (Fault::Leave): a usage error, or a bad rule.
Result<std::unique_ptr<Settings>> reload_settings(const Settings& start, const std::vector<std::string>& arguments);

}  // namespace muster::cli
