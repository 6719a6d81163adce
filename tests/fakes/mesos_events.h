// The v1 operator API of the simulated master: records of POST /api/v1 SUBSCRIBE, as a recorded 1.12 master sends them.
// Pure.
#pragma once

#include <string>

#include "fakes/mesos_state.h"

namespace muster::fakes {

// "20\n{"type":"HEARTBEAT"}"
std::string frame(const std::string& record);

// With the whole cluster in get_state. `heartbeat`: seconds.
std::string subscribed(const MesosCluster& cluster, double heartbeat);
std::string heartbeat();
std::string framework_added(const std::string& name);
std::string agent_added(const MesosCluster& cluster, const MesosAgent& agent);
std::string agent_removed(const MesosAgent& agent);
std::string task_added(const MesosCluster& cluster, const MesosTask& task);
// `reason`: "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"; may be empty.
std::string task_updated(const MesosCluster& cluster, const MesosTask& task, const std::string& reason = "");

}  // namespace muster::fakes
