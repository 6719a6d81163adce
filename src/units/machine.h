// The machine a unit runs on, as far as unit files speak of it.
#pragma once

#include <map>
#include <string>

#include "muster/result.h"

namespace muster::units {

struct Machine {
  // First part of every instance's id: /etc/machine-id, 32 hexadecimal digits; of a user's units "-UID" behind it.
  std::string id;
  // What specifiers of the machine stand for, by letter ('H': host name, 'b': boot id, ...). One that is not here is
  // not known, and a mistake where a unit uses it: fleet knows of other machines no more than their id. 'm' is here
  // only where it is not `id`.
  std::map<char, std::string> facts{};
  friend bool operator==(const Machine&, const Machine&) = default;
};

// The machine that `root` ("" for our own) is the file system of: etc/machine-id, etc/os-release; host name, kernel and
// boot id are the running kernel's. `user`: specifiers as the calling user's own manager expands them.
// Error (Fault::Retry): no machine id.
Result<Machine> read_machine(const std::string& root, bool user);

}  // namespace muster::units
