// One subscription to the events of a Mesos master.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "mesos/auth.h"
#include "mesos/events.h"
#include "mesos/master.h"
#include "mesos/record_io.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::mesos {

struct StreamSettings {
  net::HttpOptions http;  // `timeout`: for the head of the answer
  RecordLimits limits;
};

// Thread: one.
class EventStream {
 public:
  // POST /api/v1 SUBSCRIBE; a 307 is followed twice at most, and only to masters in `known`, body and all, which alone
  // are shown credentials (`auth` may be null); where these are refused and others can be had, they are tried once.
  // Returns when the head of the answer is there. Error: Fault::Retry when the master could not be reached, Fault::Keep
  // when it answered something else; names the master, and says what it would take.
  static Result<EventStream> open(const Master& master, const Masters& known, const StreamSettings& settings,
                                  Authorizer* auth, std::stop_token stop);

  // The events that came, in order; waits for the first of them until `until`, and then takes what is there, a bounded
  // number at once. Empty: nothing came. Error (Fault::Retry): the stream is over, or was silent for five heartbeats;
  // names the master.
  Result<std::vector<Event>> next(std::chrono::steady_clock::time_point until, std::stop_token stop);

  // Whether next() would find something at once.
  bool ready(std::stop_token stop);
  // When the next call of next() would find the stream silent for too long; far away as long as no interval is known.
  std::chrono::steady_clock::time_point deadline() const;
  const std::string& base() const { return base_; }  // of the master that serves it

 private:
  EventStream(net::HttpStream stream, std::string base, const RecordLimits& limits);
  Result<void> pull(std::vector<Event>& into, const std::stop_token& stop);
  tl::unexpected<Error> broken(const std::string& what) const;

  net::HttpStream stream_;
  std::string base_;
  RecordDecoder decoder_;
  std::chrono::milliseconds heartbeat_{0};
  std::chrono::steady_clock::time_point heard_;  // the last byte
  bool first_ = true;                            // no record has come yet
  std::optional<Error> end_;                     // nothing more will come
};

}  // namespace muster::mesos
