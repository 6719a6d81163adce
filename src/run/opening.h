// What the sources say first is acted upon together: where two see one thing, what the farther one says would otherwise
// be written, and at once be written over, at every start.
#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "muster/host.h"

namespace muster::run {

// Thread: every member may be called from any thread.
class Opening {
 public:
  // A single source waits for nobody.
  explicit Opening(std::size_t sources) : awaited_(sources < 2 ? 0 : sources) {}

  // Which of these agents to mark now: none while a source is awaited.
  std::vector<AgentKey> pass(const std::vector<AgentKey>& agents);
  // A source has answered, or failed to. Agents that were held until then, where it was the last.
  std::vector<AgentKey> heard(const std::string& source);
  // The others are not waited for any longer.
  std::vector<AgentKey> end();

 private:
  std::vector<AgentKey> open();

  std::mutex mutex_;
  std::size_t awaited_;
  std::set<std::string> heard_;
  std::set<AgentKey> held_;
};

}  // namespace muster::run
