#include "consul/sight.h"

#include <algorithm>
#include <utility>

#include "core/canary.h"

namespace muster::consul {
namespace {

class SightedAgent : public Agent {
 public:
  SightedAgent(std::unique_ptr<Agent> agent, Service canary, const std::function<bool()>& may_write, bool serves)
      : agent_(std::move(agent)), canary_(std::move(canary)), may_write_(may_write), serves_(serves) {}

  Result<Actual> read(std::stop_token stop) override {
    auto first = agent_->read(stop);
    if (!first || left_alone(*first) || sees_canary(*first) || !serves_ || !may_write_()) return first;
    Plan plan;
    plan.actions.push_back({Verb::Register, canary_, "", "canary", Proof::Unproven, {}});
    Applied applied = agent_->apply(plan, stop);
    if (!applied.failures.empty()) return tl::unexpected(std::move(applied.failures.front().error));
    auto second = agent_->read(stop);
    if (!second || sees_canary(*second)) return second;
    return fail(Fault::Keep, canary_.meta.at(kMetaAgent) +
                                 ": blind: the agent takes registrations and does not list them; give the token "
                                 "service:read and node:read");
  }

  Applied apply(const Plan& plan, std::stop_token stop) override { return agent_->apply(plan, std::move(stop)); }

 private:
  bool sees_canary(const Actual& actual) const {
    return std::any_of(actual.services.begin(), actual.services.end(),
                       [&](const ActualService& service) { return service.id == canary_.id; });
  }

  const std::unique_ptr<Agent> agent_;
  const Service canary_;
  const std::function<bool()>& may_write_;
  const bool serves_;
};

}  // namespace

SightedAgents::SightedAgents(std::unique_ptr<Agents> agents, Owner owner, std::function<bool()> may_write,
                             Serves serves)
    : agents_(std::move(agents)),
      owner_(std::move(owner)),
      may_write_(std::move(may_write)),
      serves_(std::move(serves)) {}

std::unique_ptr<Agent> SightedAgents::at(const AgentKey& key) {
  return std::make_unique<SightedAgent>(agents_->at(key), make_canary(key, owner_), may_write_, serves_(key));
}

}  // namespace muster::consul
