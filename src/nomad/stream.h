// Nomad's event stream: news of allocations, native services and nodes within milliseconds, and no promise that nothing
// is lost: a server keeps its last 100 raft entries and skips what is gone without a word. So an event only ever says
// where to look.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "net/http.h"
#include "nomad/client.h"
#include "nomad/decode.h"

namespace muster::nomad {

// Thread: one. Holds one connection while it is open.
class EventStream {
 public:
  using Clock = std::chrono::steady_clock;

  explicit EventStream(const NomadSettings& settings) : settings_(settings) {}

  // Subscribes; what follows is the wait for the first heartbeat, which the caller need not sit out.
  Result<void> begin(Client& client, std::stop_token stop);
  // Of one that is opening. Nothing: no heartbeat by `until` (never past the patience of --nomad-timeout), or the stop.
  // Success: it is open, and from now on nothing is missed that is not lost. Error: why there is no stream, and it is
  // closed; Fault::Keep where asking soon will not help. A server from 1.11.2 on answers 200 where it means 403, and
  // then closes, at once or seconds later (2.0.5), so plain requests tell which right is missing.
  std::optional<Result<void>> opened(Client& client, Clock::time_point until, std::stop_token stop);
  bool is_opening() const { return stream_.has_value() && opening_; }
  bool is_open() const { return stream_.has_value() && !opening_; }
  void close();
  // Of one that is open. True: read() has something to say, if only that it is over. False: `until` came, or the stop.
  bool wait(Clock::time_point until, std::stop_token stop);
  // The batches that are here. An error closes it: it ended, was cut, or has been silent for 75 s though its heart
  // should beat every 30 s.
  Result<std::vector<EventBatch>> read(JobPool& pool, std::stop_token stop);

 private:
  Result<void> fill(std::stop_token stop);
  std::optional<std::string> take_line();
  Error denied(const std::string& what, Client& client, const std::stop_token& stop) const;

  const NomadSettings& settings_;
  std::optional<net::HttpStream> stream_;
  std::string buffer_;
  Clock::time_point heard_{};
  bool opening_ = false;
};

}  // namespace muster::nomad
