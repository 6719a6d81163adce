// Environment variables that look like settings of ours and are none.
#pragma once

#include <string>
#include <vector>

#include "muster/flag.h"

namespace muster::cli {

// Names of the environment's variables that begin with MUSTER_.
std::vector<std::string> muster_variables();

// A warning for each name that belongs to no flag, with the nearest that does; never a value. Those that only our own
// tests read are spared. Pure.
std::vector<std::string> unknown_variables(const std::vector<std::string>& names, const std::vector<FlagGroup>& groups);

}  // namespace muster::cli
