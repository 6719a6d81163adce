// An event stream that is kept up: subscribed to, renewed, and tried again after it was lost.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <vector>

#include "nomad/follow.h"
#include "nomad/stream.h"

namespace muster::nomad {

// Thread: one.
class Subscription {
 public:
  using Clock = EventStream::Clock;

  explicit Subscription(const NomadSettings& settings) : stream_(settings) {}

  // Does what is due. True: from now on it tells of each change, and what came before must be read: a list that was
  // read before it stood lacks what changed between the two. Until its heart beats, which may be never, there is none.
  bool keep(Client& client, const std::stop_token& stop);
  Clock::time_point due() const;  // when to call keep() again
  bool open() const { return stream_.is_open(); }
  // Of one that is open, as EventStream::wait.
  bool wait(Clock::time_point until, const std::stop_token& stop) { return stream_.wait(until, stop); }
  // Nothing: it is lost, which is logged; what it would have said until now must be read. Or the stop.
  std::optional<std::vector<EventBatch>> read(JobPool& pool, const std::stop_token& stop);

 private:
  bool settle(Client& client, Clock::time_point until, const std::stop_token& stop);
  void lost(const Error& error);

  EventStream stream_;
  Clock::time_point retry_at_{}, renew_at_{};
  Backoff backoff_;
  bool streaming_ = false;
  bool told_ = false;  // that there is none
};

}  // namespace muster::nomad
