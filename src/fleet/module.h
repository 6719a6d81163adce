// fleet as a kind of source: its flags and its identity.
#pragma once

#include <memory>

#include "muster/module.h"

namespace muster::fleet {

std::unique_ptr<Module> make_module();

}  // namespace muster::fleet
