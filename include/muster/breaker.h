// Holds back removals by absence when too many come at once: an authorisation lost, a wrong cluster, an empty registry.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "muster/host.h"
#include "muster/plan.h"
#include "muster/wanted.h"

namespace muster {

struct BreakerSettings {
  std::chrono::milliseconds window{5 * 60 * 1000};
  std::size_t least = 5;                      // so many removals in a window are always let through
  std::size_t percent = 30;                   // of what Consul holds of the source, when that is more
  std::uint64_t reads = 3;                    // the same absence in so many full reads ...
  std::chrono::milliseconds time{60 * 1000};  // ... over at least this long is believed
  friend bool operator==(const BreakerSettings&, const BreakerSettings&) = default;
};

// Explicit ends and rule changes pass uncounted. Removals by absence are judged per source, over all agents: none is
// let through ("pending") before every agent that the source's last answer touched has been planned or has failed, so
// that the first agents of a wave are not wiped before the wave is seen. Right after a restart it works the same way,
// since it counts against what the agents hold. Pure but for its own memory: time is an argument. Thread: the caller
// serialises.
class Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Breaker(BreakerSettings settings) : settings_(settings) {}

  // Full read number `read` of the source changed what these agents should hold. Must come before any of them can be
  // planned with it.
  void expect(const std::string& source, std::uint64_t read, const std::vector<AgentKey>& agents);
  // The agent could not be planned: nobody waits for it, nor in later reads until it has been planned again. Its next
  // try may be many seconds away.
  void skip(const AgentKey& agent);
  // The agent serves no host any more.
  void forget(const AgentKey& agent);
  // Moves removals that must wait into plan.held, as "pending" or "breaker".
  Plan judge(Plan plan, const Wanted& wanted, Time now);
  // Lets through what is held as "breaker" now, and nothing later.
  void confirm();
  // Agents whose "pending" removals may be judged now, each once; and those that hold anything, for the next full read.
  std::vector<AgentKey> take_ripe();
  std::vector<AgentKey> holding() const;

 private:
  struct Hold {
    Time since;
    std::uint64_t read = 0;  // Wanted::reads when it was first held
    bool confirmed = false;
    bool breaker = false;  // it was over the limit once; else pending
  };
  struct PerAgent {
    std::size_t ours = 0;
    std::map<std::string, Hold> absent;  // service ids that a plan asked to remove and that wait
  };
  struct PerSource {
    std::map<AgentKey, std::uint64_t> unplanned;  // with the read that they wait for
    std::map<AgentKey, PerAgent> agents;
    std::set<AgentKey> holding;  // of these, whose `absent` is not empty
    std::set<AgentKey> pending;  // of those, with something not yet judged
    std::size_t ours = 0;        // sums over `agents`, so that a plan costs no walk over all of them
    std::size_t waiting = 0;
    std::map<std::string, Time> removed;                // let through: agent url and service id
    std::deque<std::pair<Time, std::string>> removals;  // the same, oldest first
  };

  void judge_source(const std::string& name, PerSource& source, Plan& plan, const Wanted& wanted, Time now);
  void take_in(const std::string& name, PerSource& source, const Plan& plan, const Wanted& wanted, Time now);
  void forget_old(PerSource& source, Time now) const;
  bool over_limit(const PerSource& source) const;
  bool believed(const Hold& hold, std::uint64_t reads, Time now) const;

  const BreakerSettings settings_;
  std::map<std::string, PerSource> sources_;
  std::set<AgentKey> silent_;  // skipped, and not planned since
};

}  // namespace muster
