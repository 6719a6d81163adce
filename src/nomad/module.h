// Nomad as the program sees it.
#pragma once

#include <memory>

#include "muster/module.h"
#include "nomad/settings.h"

namespace muster::nomad {

// `get` is asked when the source is made, and when its default owner is wanted.
std::unique_ptr<Module> make_module();
std::unique_ptr<Module> make_module(GetEnv get);

}  // namespace muster::nomad
