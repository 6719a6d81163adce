// Checks that a source brought with an instance, as Consul takes them. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/endpoints.h"
#include "core/label_checks.h"
#include "muster/rules.h"
#include "muster/service.h"

namespace muster {

// Puts what is reachable in place of {host} and of {port:N}, a port of the container's own network. A check of a port
// that nobody else reaches is rejected.
std::vector<Check> reachable_checks(std::vector<Check> checks, const Endpoints& endpoints, const Reject& reject);

// Gives ids ("http", and "http-2" for the second of a kind), sorts by them, and drops what an agent of 1.8 would refuse
// or give back altered: of each check as little as possible, the check itself only when its target is no good.
std::vector<Check> given_checks(std::vector<Check> checks, const std::string& service_id, const RuleSettings& settings,
                                const Reject& reject);

}  // namespace muster
