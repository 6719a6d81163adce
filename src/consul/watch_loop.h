// The watch's own thread: what it asks agents and when, and what it makes of their answers.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "consul/watch.h"
#include "net/http.h"
#include "net/polls.h"

namespace muster::consul {

// Owned by the watch, which outlives it. Thread: that of run(), but for polls.wake() and `suspects`.
struct Watch::Loop {
  using Id = net::Polls::Id;
  using Clock = net::Polls::Clock;
  using milliseconds = std::chrono::milliseconds;

  using Lane = std::uint8_t;  // which of an agent's polls
  static constexpr Lane kCanary = 0;
  static constexpr Lane kServices = 1;
  static constexpr Lane kChecks = 2;
  static constexpr std::size_t kLanes = 3;

  static constexpr std::chrono::seconds kPace{1};  // answers that come at once: one a second, after five

  struct Poll {
    bool active = false;  // under way or due
    bool good = false;    // a list: its last answer was one
    Clock::time_point due;
    Clock::time_point asked;
    Clock::time_point paced;  // the allowance is used up to here
    milliseconds delay{0};    // the last one given to a failure; 0: it went well
    std::uint64_t index = 0;
    std::optional<std::uint64_t> digest;  // of the list as last seen; kept through failures
    std::uint64_t writes = 0;             // Suspects::writes() by then
  };

  struct Watched {
    AgentKey agent;
    enum class State { Unknown, There, Absent, Lost } state = State::Unknown;  // of the canary
    std::string hash;                                                          // empty: ask without waiting
    std::string node;                                                          // empty: to be found
    std::string last_node;                                                     // to which the digests belong
    bool stood = false;                                                        // has_agent, by the last list of checks
    bool doubted = false;                                                      // a connection to it broke
    std::array<Poll, kLanes> polls;
  };

  Loop(Watch& watch, const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Owner owner,
       std::shared_ptr<Suspects> suspects);

  void turn(std::optional<std::vector<AgentKey>> wanted);
  void mark_suspects(Clock::time_point now);
  void adopt(const std::vector<AgentKey>& wanted);
  void forget(Id number);
  void schedule(Watched& watched, Lane lane, Clock::time_point when);
  void rest(Watched& watched, Lane lane);
  void ask(Watched& watched, Lane lane);
  std::string path(const Watched& watched, Lane lane) const;
  bool waits(const Watched& watched, Lane lane) const;

  void hear(Id id, Result<net::Response> answer);
  void hear_canary(Watched& watched, const Result<net::Response>& answer);
  void hear_name(Watched& watched, const net::Response& answer);
  void hear_list(Watched& watched, Lane lane, const net::Response& answer);
  void lose(Watched& watched);
  bool wake_lists(Watched& watched);
  void doubt(Watched& watched, bool broken);
  bool lists_good(const Watched& watched) const;
  void again_after_answer(Watched& watched, Lane lane);
  void again_after_failure(Watched& watched, Lane lane);
  void mark(Watched& watched, Sighting sighting);
  void stands(const Watched& watched, bool stands);
  Clock::time_point jittered(Clock::time_point from, milliseconds delay);

  Id number_of(const Watched& watched) const { return numbers.at(watched.agent); }

  Watch& watch;
  const milliseconds timeout;
  const std::shared_ptr<const Credentials> credentials;
  const Owner owner;
  const std::shared_ptr<Suspects> suspects;
  const std::string canary_path;
  net::Polls polls;
  const Mark* on_mark = nullptr;
  std::map<AgentKey, Id> numbers;
  std::unordered_map<Id, Watched> agents;
  Id next_number = 0;
  std::set<std::pair<Clock::time_point, Id>> due;
  std::minstd_rand random{std::random_device{}()};
};

}  // namespace muster::consul
