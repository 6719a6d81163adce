// What the schedulers say an agent should serve, how sure we are of it, and what that makes of its catalog.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "muster/agent.h"
#include "muster/plan.h"
#include "muster/rules.h"
#include "muster/slice.h"

namespace muster {

struct WantedSlice {
  std::string source;
  HostRef host;
  SlicePtr slice;
};

// All slices that one agent serves, of all its hosts and sources; a value, taken from the Board under its lock.
struct Wanted {
  AgentKey agent;
  std::vector<WantedSlice> slices;  // sorted by (source, host.id)
  std::vector<std::string>
      settled;  // sources whose list of hosts is itself complete: a host that no slice names is gone
  std::map<std::string, std::uint64_t> reads;  // by source: full reads of the scheduler so far
  // Of hosts that other agents serve now, those that the marks of something on this one still name: evidence only.
  std::vector<WantedSlice> moved{};
  bool vacated = false;  // nothing is wanted here, whatever runs: catalog mode, and the host has an agent of its own
};

// The rules' answer. Services are sorted by id and unique.
struct Desired {
  std::vector<Service> services;
  std::vector<Rejection> rejections;
};

// The six statements of Reconciler::reconcile are these, in order, with Agents between.
Desired make_desired(const Wanted& wanted, const Rules& rules);

// Who we are when we compare and claim.
struct Owner {
  std::string id;      // Meta muster_owner
  std::string prefix;  // service ids begin with this and ':'
};

Plan make_plan(const Desired& desired, const Actual& actual, const Owner& owner);

}  // namespace muster
