#include "cli/variables.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "cli/echo.h"
#include "cli/help.h"
#include "cli/parse.h"

namespace muster::cli {
namespace {

constexpr std::string_view kPrefix = "MUSTER_";

bool of_tests(const std::string& name) {
  return name.starts_with("MUSTER_TEST_") || name == "MUSTER_LONG" || name == "MUSTER_REQUIRE_ALL" ||
         name == "MUSTER_SEED";
}

}  // namespace

std::vector<std::string> muster_variables() {
  std::vector<std::string> names;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry(*at);
    if (entry.starts_with(kPrefix)) names.emplace_back(entry.substr(0, entry.find('=')));
  }
  return names;
}

std::vector<std::string> unknown_variables(const std::vector<std::string>& names,
                                           const std::vector<FlagGroup>& groups) {
  std::vector<std::string> known;
  for (const FlagGroup& group : groups) {
    for (const Flag& flag : group.flags) known.push_back(variable_name(flag.name));
  }
  std::vector<std::string> warnings;
  for (const std::string& name : names) {
    if (of_tests(name) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    warnings.push_back(echo(name) + " in the environment is no setting and has no effect" +
                       suggestion(name, known, ""));
  }
  return warnings;
}

}  // namespace muster::cli
