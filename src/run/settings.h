// How the daemon runs, apart from rules, sources and Consul.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "muster/breaker.h"

namespace muster::run {

struct RunSettings {
  bool once = false;
  bool dry_run = false;
  std::size_t workers = 32;                                  // agents worked on at the same time, at most
  std::chrono::milliseconds audit_interval{10 * 60 * 1000};  // each agent is read again this often, change or not
  std::chrono::milliseconds once_timeout{30 * 1000};         // --once: how long a source may take to answer
  BreakerSettings breaker;
  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

}  // namespace muster::run
