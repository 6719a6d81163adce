// What a task of Kind::Task is registered as: one service a port, named and tagged by its labels and the rules.
#pragma once

#include <functional>

#include "core/endpoints.h"
#include "core/label_checks.h"
#include "muster/host.h"
#include "muster/instance.h"
#include "muster/rules.h"
#include "muster/service.h"

namespace muster {

using Emit = std::function<void(Service)>;

// Each service with its name, id, address, port, tags and checks; Meta and health are the caller's. None where the
// rules do not let the task through. Takes the instance's checks.
void make_task_services(Instance& instance, const HostRef& host, const Rules& rules, const Reject& reject,
                        const Emit& emit);

// Where the instance can be reached; nowhere, though it has addresses, is reported.
Endpoints make_endpoints(const Instance& instance, const RuleSettings& settings, const Reject& reject);

}  // namespace muster
