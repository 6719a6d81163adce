// The environment that systemd gives the processes of a unit, as far as its files tell. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"
#include "units/machine.h"
#include "units/name.h"
#include "units/text.h"

namespace muster::units {

struct Variable {
  std::string name;
  std::string value;
  Place place;
  friend bool operator==(const Variable&, const Variable&) = default;
};

// The last of a name wins, and stands last.
void put(std::vector<Variable>& variables, Variable variable);

// Environment= of [Service] as systemd reads it: words, specifiers, the last of a name wins, an empty one resets.
std::vector<Variable> environment_of(const UnitText& text, const UnitName& unit, const Machine& machine);
std::vector<Variable> environment_of(const std::vector<std::string>& told);

// One EnvironmentFile= of [Service]. Its variables win over Environment= and over files named before it.
struct EnvironmentFile {
  std::string path;       // absolute, specifiers expanded; perhaps a glob
  bool optional = false;  // a leading '-': it need not be there
};
// Those that systemd takes, in their order: not what is no absolute path, or holds an unknown specifier.
std::vector<EnvironmentFile> environment_files_of(const UnitText& text, const UnitName& unit, const Machine& machine);

// The text of such a file, as systemd 252 reads it (load_env_file in its src/basic/env-file.c, held against a real one
// by the tests): KEY=value a line, # and ; begin comments, quotes, backslashes. It is no shell: nothing is expanded.
// Error (Fault::Item), without any of the text: binary or not UTF-8, and systemd takes nothing of it.
Result<std::vector<Variable>> decode_environment(std::string_view text, const std::string& file);

}  // namespace muster::units
