// Which agents' next run is part of an audit, so that reports are renewed then and in no other run.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "core/report.h"
#include "muster/host.h"

namespace muster::run {

// Thread: any.
class Audits {
 public:
  void due(const std::vector<AgentKey>& agents, const Audit& audit) {
    const std::lock_guard lock(mutex_);
    for (const AgentKey& agent : agents) due_[agent] = audit;
  }
  // Once for each that was due.
  std::optional<Audit> take(const AgentKey& agent) {
    const std::lock_guard lock(mutex_);
    const auto found = due_.find(agent);
    if (found == due_.end()) return std::nullopt;
    const Audit audit = found->second;
    due_.erase(found);
    return audit;
  }

 private:
  std::mutex mutex_;
  std::map<AgentKey, Audit> due_;
};

}  // namespace muster::run
