// What the operator may say of the systemd source; each field is a flag.
#pragma once

#include <string>
#include <vector>

namespace muster::systemd {

struct Settings {
  bool enabled = false;                  // --systemd
  bool user = false;                     // --systemd-user: the manager of the user that muster runs as
  std::vector<std::string> units;        // --systemd-units, fnmatch; empty: every service and socket
  std::string bus;                       // --systemd-bus; empty: the system's, or the user's
  std::string unit_check_ttl{"87600h"};  // --unit-check-ttl
};

}  // namespace muster::systemd
