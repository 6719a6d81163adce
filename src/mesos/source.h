// The Mesos source: hears the leader's events, and reads its /state now and then, since that alone is the whole truth.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "mesos/auth.h"
#include "mesos/leader.h"
#include "mesos/ledger.h"
#include "mesos/record_io.h"
#include "muster/source.h"
#include "net/http.h"

namespace muster::mesos {

enum class Api : std::uint8_t {
  Auto,    // Stream for masters that lose no events (Mesos 1.7 and later), else Poll
  Stream,  // events, and /state at `resync`, or at `refresh` while something is open or the stream is down
  Poll,    // /state at `refresh`
};

struct SourceSettings {
  std::chrono::milliseconds refresh{std::chrono::seconds(10)};
  net::HttpOptions http;
  StateLimits limits;
  LedgerSettings ledger;
  std::shared_ptr<Authorizer> auth{};  // null: no master wants to know who asks
  Api api = Api::Auto;
  std::chrono::milliseconds resync{std::chrono::minutes(5)};
  RecordLimits records{};
};

// A failed read is tried again after 250 ms, doubling and jittered, at most `refresh` (with events: `resync`); a failed
// stream likewise, at most a minute. An error of the stream is returned once, and again when it is another.
std::unique_ptr<Source> make_source(SourceSettings settings, std::unique_ptr<Leaders> leaders);

}  // namespace muster::mesos
