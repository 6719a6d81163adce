#include "cli/settings.h"

#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "cli/lint.h"
#include "cli/variables.h"

namespace muster::cli {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// All but the rules. A Settings to leave with has nothing but what is to be printed.
Result<std::unique_ptr<Settings>> load(const std::vector<std::string>& arguments) {
  auto out = std::make_unique<Settings>();
  out->modules = make_modules();
  const auto groups = flag_groups(out->options, out->modules);
  out->parsed = parse(make_program(), groups, arguments, variable);
  if (out->parsed.next == Parsed::Next::Run && out->parsed.verb == "lint") lint(out->parsed);
  if (out->parsed.next == Parsed::Next::Exit) return out;
  if (auto made = make_options(out->options, out->parsed, out->modules, variable); !made) {
    return tl::unexpected(made.error());
  }
  for (std::string& warning : unknown_variables(muster_variables(), groups)) {
    out->options.warnings.push_back(std::move(warning));
  }
  out->options.rules.canary = true;
  return out;
}

Result<void> compile(Settings& settings) {
  auto rules = Rules::compile(settings.options.rules);
  if (!rules) return tl::unexpected(rules.error());
  settings.rules = std::move(*rules);
  return {};
}

// What stands in the values, and the parts of our identity, which may also follow from other settings.
std::set<std::string> differences(const Settings& start, const Settings& now) {
  std::set<std::string> names;
  for (const auto& [a, b] : {std::pair(&start, &now), std::pair(&now, &start)}) {
    for (const auto& [name, values] : a->parsed.values) {
      const auto other = b->parsed.values.find(name);
      if (other == b->parsed.values.end() || other->second != values) names.insert(name);
    }
  }
  const RuleSettings& was = start.options.rules;
  const RuleSettings& is = now.options.rules;
  if (was.owner != is.owner) names.insert("owner");
  if (was.service_id_prefix != is.service_id_prefix) names.insert("service-id-prefix");
  if (was.compat != is.compat) names.insert("compat");
  return names;
}

}  // namespace

Result<std::unique_ptr<Settings>> load_settings(const std::vector<std::string>& arguments) {
  auto out = load(arguments);
  if (!out || (*out)->parsed.next == Parsed::Next::Exit) return out;
  if (auto compiled = compile(**out); !compiled) return tl::unexpected(compiled.error());
  return out;
}

Result<std::unique_ptr<Settings>> reload_settings(const Settings& start, const std::vector<std::string>& arguments) {
  auto out = load(arguments);
  if (!out) return out;
  Settings& now = **out;
  if (now.parsed.next == Parsed::Next::Exit) return fail(Fault::Leave, now.parsed.err);
  now.options.warnings.clear();
  const std::set<std::string> reloadable = reloadable_flags();
  for (const std::string& name : differences(start, now)) {
    if (reloadable.contains(name)) continue;
    now.options.warnings.push_back("--" + name + " is not what it was at the start; only a restart takes it over");
  }
  now.options.rules.owner = start.options.rules.owner;
  now.options.rules.service_id_prefix = start.options.rules.service_id_prefix;
  now.options.rules.compat = start.options.rules.compat;
  now.options.rules.ttl_floor = start.options.rules.ttl_floor;
  if (auto compiled = compile(now); !compiled) return tl::unexpected(compiled.error());
  return out;
}

}  // namespace muster::cli
