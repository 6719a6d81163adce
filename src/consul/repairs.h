// How often what the catalog holds otherwise than an agent is put right, when it does not stay so.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "muster/agent.h"
#include "muster/host.h"

namespace muster::consul {

// The servers' catalog tells ids apart without their case, agents with it: two services of one node that differ in case
// alone put each other out, and two owners that both repair would write in turns for ever. A repair is therefore not
// repeated before a pause has passed, which doubles each time, up to the time between two audits. What has held for two
// of those is forgotten. Thread: any. Time is an argument.
class Repairs {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Differences = std::map<std::string, std::string>;  // why, by service id

  static constexpr std::chrono::milliseconds kFirst{150};  // pause; the next is still shorter than two looks
  static constexpr std::chrono::seconds kShown{60};        // a remark stays at least so long

  explicit Repairs(std::chrono::milliseconds longest) : longest_(longest) {}

  struct Waiting {
    std::set<std::string> ids;
    Time until = Time::max();  // when the first of them may be repaired
  };
  // Of what differs now, what must not be repaired yet.
  Waiting judge(const AgentKey& agent, const Differences& differences, Time now);
  // These were written because they differed.
  void wrote(const AgentKey& agent, const std::set<std::string>& ids, Time now);
  // RemarkKind::Contested, as long as something does not hold.
  std::optional<Remark> remark(const AgentKey& agent, Time now) const;

 private:
  struct Repair {
    Time last;
    std::chrono::milliseconds pause{};
    std::string why;  // as it differed afterwards; empty: it has held
  };

  const std::chrono::milliseconds longest_;
  mutable std::mutex mutex_;
  std::map<AgentKey, std::map<std::string, Repair>> repairs_;
};

}  // namespace muster::consul
