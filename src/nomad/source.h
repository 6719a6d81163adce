// The Nomad source in its two scopes. Both read full allocations only, fold them node by node into ledgers, and ask for
// each one by its id before they believe that it is gone.
#pragma once

#include <memory>

#include "muster/source.h"
#include "nomad/settings.h"

namespace muster::nomad {

// The settings are complete. A failed read is tried again after 250 ms, doubling and jittered, up to 30 s.
std::unique_ptr<Source> make_node_source(NomadSettings settings);
std::unique_ptr<Source> make_cluster_source(NomadSettings settings);

}  // namespace muster::nomad
