// Waiting for a condition instead of for time.
#pragma once

#include <chrono>
#include <thread>
#include <utility>

namespace muster::support {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sanitizers and a loaded machine are slow, never wrong: a deadline is only how long a failing test takes.
inline constexpr seconds kPatience{30};

// Asks every few milliseconds until the predicate holds. False: the deadline came first.
template <typename Predicate>
bool eventually(milliseconds deadline, Predicate&& holds) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    if (holds()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
}

}  // namespace muster::support
