// Which agents wait to be planned: each at most once, each with one worker at a time, failing ones in a lane of their
// own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <utility>

#include "muster/host.h"

namespace muster::run {

enum class Lane : std::uint8_t {
  Main,   // agents that answered last time, or were never asked
  Retry,  // agents that failed: visited by few workers, after a jittered, growing delay
};

// Thread: every member may be called from any thread.
class AgentQueue {
 public:
  struct Depth {
    std::size_t main = 0, retry = 0, busy = 0;
  };

  // Asks for a run. An agent that is being worked on runs once more afterwards; a failing one keeps its delay.
  void mark(const AgentKey& agent);
  // The same for one that was seen to answer again: what delay it has left is forgiven.
  void hurry(const AgentKey& agent);
  // Blocks until an agent of this lane is due; nullopt when stopped. The caller must call done() for it.
  std::optional<AgentKey> take(Lane lane, std::stop_token stop);
  void done(const AgentKey& agent, bool succeeded);

  // Drops an agent that need not be visited any more, unless it is being worked on.
  void forget(const AgentKey& agent);

  Depth depth() const;
  // Workers that wait in take() for this lane.
  std::size_t idle(Lane lane) const;
  // Blocks until agents of the main lane wait and none has been taken for `patience`; false when stopped.
  bool starved(std::chrono::milliseconds patience, std::stop_token stop);
  // Blocks until no agent of the main lane waits or is worked on; false when stopped.
  bool drained(std::stop_token stop);

  static constexpr std::chrono::milliseconds kFirstDelay{500};
  static constexpr std::chrono::milliseconds kLongestDelay{15'000};

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    bool marked = false;
    bool busy = false;
    bool hurried = false;  // while busy
    unsigned failures = 0;
    Clock::time_point due;  // in the retry lane
  };

  void enqueue(const AgentKey& agent, State& state);
  std::optional<AgentKey> take_due(Clock::time_point now);
  Clock::duration delay(unsigned failures);

  mutable std::mutex mutex_;
  std::condition_variable_any main_, retry_, drained_, queued_;
  std::map<AgentKey, State> states_;
  std::deque<AgentKey> ready_;
  std::set<std::pair<Clock::time_point, AgentKey>> waiting_;
  std::uint64_t taken_ = 0;  // of the main lane, ever
  std::size_t busy_main_ = 0;
  std::size_t busy_ = 0;
  std::size_t idle_main_ = 0;
  std::size_t idle_retry_ = 0;
  std::minstd_rand jitter_{std::random_device{}()};
};

}  // namespace muster::run
