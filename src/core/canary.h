// The canary: see kCanarySource in muster/service.h.
#pragma once

#include <string>

#include "muster/host.h"
#include "muster/service.h"
#include "muster/wanted.h"

namespace muster {

// One an owner and agent; no port, no check, no address of its own.
Service make_canary(const AgentKey& agent, const Owner& owner);
std::string canary_id(const Owner& owner);

}  // namespace muster
