// The line: what one worker does with one agent.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

#include "muster/agent.h"
#include "muster/rules.h"
#include "run/audits.h"
#include "run/board.h"
#include "run/guard.h"
#include "run/report.h"

namespace muster::run {

// The rules in force. Thread: both members from any thread.
class RulesInForce {
 public:
  explicit RulesInForce(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> get() const;
  void set(std::shared_ptr<const Rules> rules);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Rules> rules_;
};

// Thread: one per worker; the parts that it is given are shared, but for `agents`, which is the worker's own.
class Reconciler {
 public:
  Reconciler(const Board& board, const RulesInForce& rules, Guard& guard, Audits& audits,
             std::unique_ptr<Agents> agents);

  Report reconcile(const AgentKey& key, std::stop_token stop);

 private:
  const Board& board_;
  const RulesInForce& rules_;
  Guard& guard_;
  Audits& audits_;
  std::unique_ptr<Agents> agents_;
};

}  // namespace muster::run
