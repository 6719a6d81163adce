#include "nomad/allocation.h"

#include <algorithm>

namespace muster::nomad {

Phase phase_of(const Allocation& allocation) {
  const std::string& status = allocation.client_status;
  if (status == "complete" || status == "failed") return Phase::Ended;
  if (status == "lost") return Phase::Lost;
  // Between two runs of its only task the client calls the whole allocation pending, and keeps its services.
  const bool begun = status == "running" ||
                     (status == "pending" && std::any_of(allocation.task_states.begin(), allocation.task_states.end(),
                                                         [](const auto& each) { return each.second.started; }));
  if (!begun) return status == "pending" ? Phase::Pending : Phase::Unknown;
  const bool stays = allocation.desired_status == "run" && !allocation.migrate;
  return stays ? Phase::Running : Phase::Stopping;
}

std::string_view attribute(const Node& node, std::string_view name) {
  if (!node.attributes) return {};
  const auto found = node.attributes->find(std::string(name));
  return found == node.attributes->end() ? std::string_view{} : found->second;
}

}  // namespace muster::nomad
