// From argv, the environment and a config file to calls of the flags' setters. Prints nothing and never exits.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "muster/flag.h"

namespace muster::cli {

// A command given as first argument without dashes: `muster NAME OPERANDS`.
struct Verb {
  std::string name;
  std::string operands;  // placeholder in --help; empty: takes none
  std::string help;
};

// What --help and --version say beside the flags.
struct Program {
  std::string name;
  std::string version;
  std::string summary;
  std::vector<Verb> verbs;
  std::string examples;  // lines, as they are printed
};

struct Parsed {
  enum class Next { Run, Exit };
  Next next = Next::Run;
  int code = 0;     // exit code when next is Exit: 0 for --help and --version, 2 for a usage error
  std::string out;  // for stdout: help, version
  std::string err;  // for stderr: one line an error, then where to find help
  std::string verb;
  std::vector<std::string> operands;
  // Flags that were given, and how the winning layer is called in messages: "--zk", "MUSTER_ZK", "/etc/m.conf:3: zk".
  std::map<std::string, std::string> given;
  // The values that won, secrets too: for comparing, never for showing.
  std::map<std::string, std::vector<std::string>> values;
};

// Value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

// The flag that names the config file, where a program has one; its value is read here.
inline constexpr char kConfigFlag[] = "config";

// `arguments` is argv without argv[0]. For each flag the highest layer that sets it wins whole, repeatable ones too:
// command line > environment > config file > default (the setter is not called). Setters run in the order of the
// tables, so one may rely on flags above it; values of one flag arrive in the order given.
// - command line: --x=v, --x v, --switch, --switch=false; no abbreviations, no splitting at commas or spaces;
//   of a flag that is not repeatable the last value counts. A value that begins with "--" needs the '='.
// - environment: MUSTER_X_Y for --x-y; empty counts as unset; repeatable flags take one value a line.
// - config file: see config.h.
Parsed parse(const Program& program, const std::vector<FlagGroup>& groups, const std::vector<std::string>& arguments,
             const Environment& environment);

// "consul-port" -> "MUSTER_CONSUL_PORT".
std::string variable_name(const std::string& flag);

}  // namespace muster::cli
