#include "consul/repairs.h"

#include <algorithm>
#include <utility>

namespace muster::consul {

Repairs::Waiting Repairs::judge(const AgentKey& agent, const Differences& differences, Time now) {
  const std::lock_guard lock(mutex_);
  Waiting out;
  const auto found = repairs_.find(agent);
  if (found == repairs_.end()) return out;
  auto& repairs = found->second;
  std::erase_if(repairs, [&](const auto& each) { return now - each.second.last > 2 * longest_; });
  for (const auto& [id, why] : differences) {
    const auto repaired = repairs.find(id);
    if (repaired == repairs.end()) continue;
    Repair& repair = repaired->second;
    repair.why = why;
    const Time until = repair.last + repair.pause;
    if (now >= until) continue;
    out.ids.insert(id);
    out.until = std::min(out.until, until);
  }
  if (repairs.empty()) repairs_.erase(found);
  return out;
}

void Repairs::wrote(const AgentKey& agent, const std::set<std::string>& ids, Time now) {
  if (ids.empty()) return;
  const std::lock_guard lock(mutex_);
  auto& repairs = repairs_[agent];
  for (const std::string& id : ids) {
    Repair& repair = repairs[id];
    repair.last = now;
    repair.pause = repair.pause.count() == 0 ? std::min(kFirst, longest_) : std::min(2 * repair.pause, longest_);
  }
}

std::optional<Remark> Repairs::remark(const AgentKey& agent, Time now) const {
  const std::lock_guard lock(mutex_);
  const auto found = repairs_.find(agent);
  if (found == repairs_.end()) return std::nullopt;
  std::size_t contested = 0;
  std::string first;
  for (const auto& [id, repair] : found->second) {
    const auto shown = std::max<Time::duration>(2 * repair.pause, kShown);
    if (repair.why.empty() || now - repair.last > shown) continue;
    if (contested++ == 0) first = id + ": " + repair.why;
  }
  if (contested == 0) return std::nullopt;
  if (contested > 1) first += " (and " + std::to_string(contested - 1) + " more)";
  return Remark{RemarkKind::Contested, agent.url + ": what muster puts right in the catalog does not stay: " + first};
}

}  // namespace muster::consul
