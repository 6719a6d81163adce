// The systemd source: subscribes to the manager's signals, lists its units, and follows them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/source.h"
#include "units/instances.h"
#include "units/machine.h"

namespace muster::systemd {

inline const std::vector<std::string> kEveryUnit{"*.service", "*.socket"};

struct SourceSettings {
  std::string bus;                    // D-Bus address
  std::vector<std::string> patterns;  // fnmatch, of unit names
  HostRef host;
  units::Machine machine;
  units::InstancePolicy policy;
};

// What units that `patterns` leave out ask for is said to be over once, after the first list that holds a unit: an
// earlier run with other patterns may have registered it. Until then the patterns may be mistaken: the slice is not
// complete, and a Rejection says so.
//
// A lost bus is tried again after 100 ms, doubling and jittered, at most 10 s. The whole list is read again 15 s after
// it was first, then at twice the distance, at most every 10 minutes: signals tell everything, and this proves it.
std::unique_ptr<Source> make_source(SourceSettings settings);

}  // namespace muster::systemd
