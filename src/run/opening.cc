#include "run/opening.h"

#include <utility>

namespace muster::run {

std::vector<AgentKey> Opening::pass(const std::vector<AgentKey>& agents) {
  const std::lock_guard lock(mutex_);
  if (awaited_ == 0) return agents;
  held_.insert(agents.begin(), agents.end());
  return {};
}

std::vector<AgentKey> Opening::heard(const std::string& source) {
  const std::lock_guard lock(mutex_);
  if (awaited_ == 0) return {};
  heard_.insert(source);
  return heard_.size() < awaited_ ? std::vector<AgentKey>{} : open();
}

std::vector<AgentKey> Opening::end() {
  const std::lock_guard lock(mutex_);
  return open();
}

std::vector<AgentKey> Opening::open() {
  awaited_ = 0;
  const std::set<AgentKey> held = std::exchange(held_, {});
  return {held.begin(), held.end()};
}

}  // namespace muster::run
