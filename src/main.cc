#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/parse.h"
#include "muster/module.h"

namespace {

std::optional<std::string> environment(const std::string& variable) {
  const char* const value = std::getenv(variable.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

int main(int argc, char** argv) {
  const auto modules = muster::make_modules();
  muster::cli::Options options;
  const auto program = muster::cli::make_program();
  const auto groups = muster::cli::flag_groups(options, modules);
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto parsed = muster::cli::parse(program, groups, arguments, environment);
  std::fputs(parsed.out.c_str(), stdout);
  std::fputs(parsed.err.c_str(), stderr);
  if (parsed.next == muster::cli::Parsed::Next::Exit) return parsed.code;
  if (const auto made = muster::cli::make_options(options, parsed, modules); !made) {
    std::fprintf(stderr, "muster: %s\n", made.error().message.c_str());
    return 2;
  }
  return 0;
}
