// What one run over one agent did, as data.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "muster/agent.h"
#include "muster/plan.h"
#include "muster/wanted.h"

namespace muster::run {

struct Report {
  AgentKey agent;
  std::optional<Error> unreadable;  // nothing was planned
  std::vector<Rejection> rejections;
  Plan plan;  // after the guard
  Applied applied;
  std::size_t hosts = 0;  // that the agent serves
  std::vector<Remark> remarks{};
  std::chrono::nanoseconds duration{0};

  // The peer answered everything that it was asked; single items may have been refused.
  bool reachable() const {
    if (unreadable) return false;
    for (const Failure& failure : applied.failures) {
      if (failure.error.fault != Fault::Item) return false;
    }
    return true;
  }
  bool failed() const { return unreadable.has_value() || !applied.failures.empty(); }
};

}  // namespace muster::run
