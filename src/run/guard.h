// Ownership, evidence, the breaker and the policies of this run, shared by all workers.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "muster/breaker.h"
#include "muster/guard.h"

namespace muster::run {

// Thread: every member may be called from any thread. See muster/guard.h and muster/breaker.h for what each means.
class Guard {
 public:
  // `may_write` makes the policy's standby: asked at each plan. Empty: always.
  Guard(GuardPolicy policy, BreakerSettings settings, std::function<bool()> may_write = {})
      : policy_(policy), may_write_(std::move(may_write)), breaker_(settings) {}

  Plan allow(Plan plan, const Wanted& wanted, const Owner& owner);
  void expect(const std::string& source, std::uint64_t read, const std::vector<AgentKey>& agents);
  void skip(const AgentKey& agent);
  void forget(const AgentKey& agent);
  void confirm();
  std::vector<AgentKey> take_ripe();
  std::vector<AgentKey> holding() const;

 private:
  const GuardPolicy policy_;
  const std::function<bool()> may_write_;
  mutable std::mutex mutex_;
  Breaker breaker_;
};

}  // namespace muster::run
