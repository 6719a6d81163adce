// Checks that muster itself reports: a unit that runs, a task that its scheduler calls healthy. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "muster/agent.h"
#include "muster/plan.h"
#include "muster/wanted.h"

namespace muster {

// The check with the status and output that an agent gives back after a report of it: 1.8.7 cuts an output of over
// 4096 bytes and adds words of its own, so ours is cut at 3072; what is not UTF-8 would come back as U+FFFD. No status
// is Consul's default, critical.
Check as_reported(const Check& check);

// `said`: as_reported.
Action make_report(const Service& service, const Check& said, std::string why);

// An agent whose TTL ends without a report turns the check critical. In each audit those reports are sent again whose
// turn it is: each at least three times a TTL, and those of a TTL under six audits each time. An equal report moves no
// index and wakes no watcher (Consul 1.8.7).
struct Audit {
  std::uint64_t round = 0;  // counts up by one an audit, over restarts too
  std::chrono::milliseconds interval{0};
  friend bool operator==(const Audit&, const Audit&) = default;
};

// Adds those reports to a plan for what the agent holds already and rightly.
Plan renew(Plan plan, const Desired& desired, const Actual& actual, const Audit& audit);

}  // namespace muster
