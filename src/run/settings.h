// How the daemon runs, apart from rules, sources and Consul.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "muster/breaker.h"

namespace muster::run {

// --lock: of several musters of one owner, the one that holds a key in Consul acts. See run/lock.h.
struct LockSettings {
  bool enabled = false;
  std::string key;                        // empty: muster/<owner>/leader
  std::string agent;                      // URL of the Consul agent to ask; empty: the fixed one, else this machine's
  std::chrono::milliseconds ttl{15'000};  // 10 s to 24 h
  friend bool operator==(const LockSettings&, const LockSettings&) = default;
};

struct RunSettings {
  bool once = false;
  bool dry_run = false;
  std::size_t workers = 32;                                  // agents worked on at the same time, at most
  std::chrono::milliseconds audit_interval{10 * 60 * 1000};  // each agent is read again this often, change or not
  std::size_t watch_agents = 1000;                           // watched by long polls, at most; 0: none
  std::chrono::milliseconds once_timeout{30 * 1000};         // --once: how long a source may take to answer
  BreakerSettings breaker;
  LockSettings lock;
  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

}  // namespace muster::run
