// Agents that are believed only after they have shown us what we wrote.
#pragma once

#include <functional>
#include <memory>

#include "muster/agent.h"
#include "muster/wanted.h"

namespace muster::consul {

// A token without read rights gets 200 and an empty list (Consul 1.8.7), which looks like an agent that lost its data.
// read() therefore wants the canary in the list: where it is missing it is registered and the list read again. There
// now: the agent was wiped, or is new, and the list is true. Still missing: we are blind, Fault::Keep, and nothing is
// planned. Where `may_write` says no (dry run, standby), and where the agent serves no host any more, a list without
// canary is taken as it is.
class SightedAgents : public Agents {
 public:
  using Serves = std::function<bool(const AgentKey&)>;
  SightedAgents(std::unique_ptr<Agents> agents, Owner owner, std::function<bool()> may_write, Serves serves);
  std::unique_ptr<Agent> at(const AgentKey& key) override;

 private:
  const std::unique_ptr<Agents> agents_;
  const Owner owner_;
  const std::function<bool()> may_write_;
  const Serves serves_;
};

}  // namespace muster::consul
