// What an agent holds, from its two lists (Consul API, GET /v1/agent/services and GET /v1/agent/checks). Pure.
#pragma once

#include <string>

#include "muster/agent.h"
#include "muster/result.h"

namespace muster::consul {

// The bodies are consumed: strings are unescaped in place. Joins checks to services by ServiceID; the check
// `_service_maintenance:<id>` becomes the service's maintenance. Checks of the node, and of services that the first
// list does not have (it was read earlier), are left out. Error (Fault::Retry): any malformed, mistyped or duplicate
// entry. Never half an Actual.
Result<Actual> decode_actual(std::string services, std::string checks);

}  // namespace muster::consul
