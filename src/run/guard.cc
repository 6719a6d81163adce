#include "run/guard.h"

#include <utility>

namespace muster::run {

Plan Guard::allow(Plan plan, const Wanted& wanted, const Owner& owner) {
  plan = muster::prove(std::move(plan), wanted, owner);
  {
    const std::lock_guard lock(mutex_);
    plan = breaker_.judge(std::move(plan), wanted, std::chrono::steady_clock::now());
  }
  plan = muster::obey(std::move(plan), wanted, policy_);
  GuardPolicy policy = policy_;
  if (may_write_ && !may_write_()) policy.standby = true;
  return muster::restrict(std::move(plan), policy);
}

void Guard::expect(const std::string& source, std::uint64_t read, const std::vector<AgentKey>& agents) {
  const std::lock_guard lock(mutex_);
  breaker_.expect(source, read, agents);
}

void Guard::skip(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  breaker_.skip(agent);
}

void Guard::forget(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  breaker_.forget(agent);
}

void Guard::confirm() {
  const std::lock_guard lock(mutex_);
  breaker_.confirm();
}

std::vector<AgentKey> Guard::take_ripe() {
  const std::lock_guard lock(mutex_);
  return breaker_.take_ripe();
}

std::vector<AgentKey> Guard::holding() const {
  const std::lock_guard lock(mutex_);
  return breaker_.holding();
}

}  // namespace muster::run
