// A scheduler, seen from the Board: it only ever answers "what runs where?".
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/result.h"
#include "muster/rules.h"
#include "muster/slice.h"

namespace muster {

// Which hosts an update speaks of.
enum class Domain : std::uint8_t {
  Listed,  // only of those in `slices`; nothing is said of any other host
  All,     // of every host of the source: one that is not in `slices` is no longer part of the cluster
};

struct Update {
  Domain domain = Domain::Listed;
  bool full = true;                   // made by a full read of the scheduler, not from an event
  std::vector<HostSlice> slices;      // unique by host.id
  std::vector<Rejection> rejections;  // items that could not be decoded: counted, and logged once
};

// Implemented once per scheduler. Thread: all calls come from one feeder thread; `stop` may fire at any time from any
// thread and must end a wait within 100 ms.
class Source {
 public:
  virtual ~Source() = default;
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Blocks until there is something to say. An error is logged and counted by the caller, who calls again at once:
  // backing off is the source's own affair. Fault::Keep and Fault::Retry mean that nothing new is known.
  virtual Result<Update> next(std::stop_token stop) = 0;
};

}  // namespace muster
