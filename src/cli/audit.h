// `muster audit`: what Nomad and muster left behind in Consul.
#pragma once

#include <memory>
#include <stop_token>

#include "cli/settings.h"
#include "consul/settings.h"

namespace muster::cli {

// Prints what it finds; with --repair, and not --dry-run, then removes what is proven stale. Exit code: 0 nothing
// found, or all that is stale removed and nothing else found; 1 something is left, or somebody did not answer; 2 no
// Nomad is given.
int audit(const Settings& settings, std::shared_ptr<const consul::Credentials> credentials, std::stop_token stop);

}  // namespace muster::cli
