// The --consul-... flags.
#pragma once

#include "consul/settings.h"
#include "muster/flag.h"

namespace muster::consul {

// The setters write into `settings`, which must outlive the group, and note the flag's name in settings.given.
FlagGroup consul_flags(ConsulSettings& settings);

}  // namespace muster::consul
