// Mesos' own agents and masters as instances: what makes leader.mesos.service.consul answer. Pure.
#pragma once

#include "mesos/master.h"
#include "mesos/state.h"
#include "muster/instance.h"

namespace muster::mesos {

// As mesos-consul registers them: id "<slave id>:<hostname>", roles agent and follower, checked at the agent's own
// libprocess name (slave(1) almost everywhere).
Instance make_agent(const AgentInfo& agent, const Pid& pid);

// Id "<ip>:<port>", roles leader and master, or master alone. The master has an IP.
Instance make_master(const Master& master, bool leads);

}  // namespace muster::mesos
