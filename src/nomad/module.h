// Nomad as the program sees it.
#pragma once

#include <memory>

#include "muster/module.h"
#include "nomad/settings.h"

namespace muster::nomad {

// `get` is asked when the source is made, and when its default owner is wanted.
std::unique_ptr<Module> make_module();
std::unique_ptr<Module> make_module(GetEnv get);

// Of a module made above, complete. Error (Fault::Leave): what complete() says, or that it is of another kind.
Result<NomadSettings> settings_of(const Module& module);

}  // namespace muster::nomad
