// %-specifiers of unit files, which systemd leaves alone in X- sections. Pure. The table is in docs/units.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "units/machine.h"
#include "units/name.h"

namespace muster::units {

struct Expanded {
  std::string text;
  // One for each specifier that could not be expanded: "%y: not a specifier that muster knows". It stays as written;
  // systemd drops the whole assignment.
  std::vector<std::string> faults;
};

Expanded expand(std::string_view text, const UnitName& unit, const Machine& machine);

}  // namespace muster::units
