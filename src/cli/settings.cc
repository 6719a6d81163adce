#include "cli/settings.h"

#include <cstdlib>
#include <optional>
#include <utility>

namespace muster::cli {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

Result<std::unique_ptr<Settings>> load_settings(const std::vector<std::string>& arguments) {
  auto out = std::make_unique<Settings>();
  out->modules = make_modules();
  const auto groups = flag_groups(out->options, out->modules);
  out->parsed = parse(make_program(), groups, arguments, variable);
  if (out->parsed.next == Parsed::Next::Exit) return out;
  if (auto made = make_options(out->options, out->parsed, out->modules, variable); !made) {
    return tl::unexpected(made.error());
  }
  out->options.rules.canary = true;
  auto rules = Rules::compile(out->options.rules);
  if (!rules) return tl::unexpected(rules.error());
  out->rules = std::move(*rules);
  return out;
}

}  // namespace muster::cli
