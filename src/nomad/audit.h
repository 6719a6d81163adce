// `muster audit`: what of Nomad's own registrations in Consul, and of ours, no allocation stands behind. Pure: time is
// an argument, and nothing is asked or removed here.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "muster/agent.h"
#include "nomad/instances.h"

namespace muster::nomad {

// One registration and the agent that holds it.
struct Held {
  AgentKey agent;
  ActualService service;
};

// What Nomad says of one allocation, asked for by its id.
struct Backing {
  std::optional<Allocation> allocation;
  bool gone = false;  // 404; with neither we may not see it, or nobody answered
  std::vector<NativeService> rows{};
  Node node{};
};

enum class Verdict : std::uint8_t {
  Ended,         // its allocation is complete, failed or lost
  Gone,          // Nomad has no allocation of this id
  Unseen,        // nothing is known of it: proves nothing
  NotOffered,    // the allocation runs, and offers no such service
  WrongAddress,  // the allocation offers it elsewhere
  Duplicate,     // an agent more than one holds it
};

std::string_view to_string(Verdict verdict);

struct Finding {
  AgentKey agent;
  std::string service_id;
  std::string name;
  Verdict verdict = Verdict::Unseen;
  std::string detail;                       // for people
  std::optional<std::chrono::seconds> age;  // since the allocation ended, where Nomad still tells
  bool stale = false;                       // proven: --repair may remove it
  friend bool operator==(const Finding&, const Finding&) = default;
};

// A Nomad client takes its own registrations away within a minute of its start and half a minute of every change: what
// ended more recently is no finding.
inline constexpr std::chrono::seconds kGrace{120};

// The allocation behind a registration of Nomad's ("_nomad-task-<36 characters>-...") or of ours (by its Meta, where
// owner and source are ours); empty: neither, and none of the audit's business.
std::string allocation_behind(const ActualService& service, std::string_view owner);

// What Nomad says of its nodes, those that are down too.
struct KnownNodes {
  std::set<std::string> ids;
  std::set<std::string> addresses;  // of their clients
};

// `held`: everything that the agents hold, others' too. `backings`: by allocation id, for each that is behind
// something; one that is absent counts as unseen. Findings are sorted by agent and id.
//
// Stale is what is proven to be so: its allocation is complete or failed, or, where Nomad has none of its id, it is of
// this cluster beyond doubt: ours by its Meta and of one of `nodes` (two clusters may bear one owner), or Nomad's at an
// agent whose only Nomad client (`_nomad-client-...`) is one of them. Another cluster's allocations are 404 here, too,
// and so are its nodes. A lost one may run on behind a partition. Of Nomad's registrations an address is only judged
// where it can be worked out without the driver.
std::vector<Finding> audit(const std::vector<Held>& held, const std::map<std::string, Backing>& backings,
                           const KnownNodes& nodes, std::string_view owner, const ServiceSettings& settings,
                           std::chrono::system_clock::time_point now);

// So that "no findings" cannot mean that nothing was looked at.
struct LookedAt {
  std::size_t registrations = 0;              // of allocations: Nomad's own, and ours
  std::map<std::string, std::size_t> others;  // of muster's for Nomad, by their owner, which is not ours: never stale
};

// Counts one registration in. True: there is an allocation behind it to ask for.
bool look_at(const ActualService& service, std::string_view owner, LookedAt& count);

// A line each, and a sum.
std::string text_of(const std::vector<Finding>& findings, const LookedAt& looked_at);

}  // namespace muster::nomad
