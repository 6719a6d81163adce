// Many slow GETs on one thread: long polls, of which hundreds wait for minutes and a few end at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "net/http.h"

namespace muster::net {

// Each id has at most one exchange under way, on one connection of its own. Thread: one, but for wake().
// A poll costs one descriptor and, while it waits, some 10 kB.
class Polls {
 public:
  using Id = std::uint64_t;
  using Clock = std::chrono::steady_clock;
  // As of HttpClient::send. Called from step(), and may call any member but step().
  using Done = std::function<void(Id, Result<Response>)>;

  // Of `options` the timeout is not used: start() has one for each poll. Bodies over max_body are errors.
  Polls(const HttpOptions& options, Done done);
  ~Polls();
  Polls(const Polls&) = delete;
  Polls& operator=(const Polls&) = delete;

  // An exchange of this id that is under way is dropped without a word. A request that cannot be sent is told through
  // `done` as well, in the next step. Keeps the connection of the id's last exchange if the peer is the same.
  void start(Id id, Request request, std::chrono::milliseconds timeout);
  // Drops what is under way, without a word, and what is kept for the id.
  void cancel(Id id);
  // Blocks until something ended, wake(), or `until`; calls `done` for each that ended.
  void step(Clock::time_point until);
  // Any thread: ends a step, this or the next.
  void wake();

  std::size_t running() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::net
