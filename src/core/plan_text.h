// A plan as people read it.
#pragma once

#include <string>

#include "muster/host.h"
#include "muster/plan.h"

namespace muster {

// The agent's url on a line, then a line an action, whether it will be done or is held (with the reason), then
// conflicts and stale and stray services. Empty when there is nothing to say. Hostile bytes are shown as '?'.
std::string plan_text(const AgentKey& agent, const Plan& plan);

}  // namespace muster
