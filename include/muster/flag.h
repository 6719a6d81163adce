// Settings as data: each part declares its flags, and the command line, the environment and the config file feed the
// same setters. The docs are tested against these tables.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/result.h"

namespace muster {

struct Flag {
  std::string name;      // "consul-port"; MUSTER_CONSUL_PORT and `consul-port = ...` are the same setting
  std::string value;     // placeholder in --help, "PORT"; empty: a switch, which also takes =true and =false
  std::string help;      // one sentence, no trailing period
  std::string fallback;  // the default as text; empty: none
  bool repeatable = false;
  bool secret = false;  // never echoed in errors, logs or --help
  // Checks and stores one value. The error says what would be right; flag and value are added by the caller.
  std::function<Result<void>(const std::string&)> set;
};

struct FlagGroup {
  std::string title;  // heading in --help
  std::vector<Flag> flags;
};

}  // namespace muster
