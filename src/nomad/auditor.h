// What audit() judges, read from Consul's agents and from Nomad, and what it found to be stale, removed.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/agent.h"
#include "nomad/audit.h"
#include "nomad/settings.h"

namespace muster::nomad {

struct AuditReport {
  std::vector<Finding> findings;
  LookedAt looked_at;
  std::vector<std::string> unread;  // agents and allocations that did not answer, for people: of these nothing is said
};

using Resolve = std::function<AgentKey(const HostRef& host)>;

// Reads the agents of the nodes in scope, then each allocation behind something there by its id. Writes nothing.
// Error: Nomad tells of no nodes. `settings` are complete. Thread: one, that of `agents`.
Result<AuditReport> read_audit(const NomadSettings& settings, Agents& agents, const Resolve& resolve,
                               const std::string& owner, std::chrono::system_clock::time_point now,
                               std::stop_token stop);

struct Repaired {
  std::string line;  // what was done, or why not, for people
  bool done = false;
};

// Removes what is stale of `findings`, each at its own agent, and says so of each.
std::vector<Repaired> repair(Agents& agents, const std::vector<Finding>& findings, std::stop_token stop);

}  // namespace muster::nomad
