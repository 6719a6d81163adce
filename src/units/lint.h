// `muster lint`: what a unit file would make of itself in Consul, without Consul and without a bus.
#pragma once

#include <string>

#include "units/machine.h"

namespace muster::units {

struct Lint {
  std::string text;  // for people: the services with file:line of each value, then the mistakes
  bool sound = true;
};

// `path` of a unit file (with its drop-ins beside it), of an instance whose template lies there ("web@8081.service"),
// or of a Quadlet file (.container, .pod, .kube). A template by itself is looked at as its instance "1". An
// alias is looked at as the unit that it leads to. For Port=socket the .socket files beside the unit's (of one that is
// installed: in all of systemd's folders) are read, with their drop-ins, for those that start it: by their name, by
// Service= or Sockets=, or for each connection (Accept=).
Lint lint(const std::string& path, const Machine& machine);

}  // namespace muster::units
