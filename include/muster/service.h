// What muster wants Consul to hold: one registration with its checks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster {

// One health check as Consul runs it. Exactly one of http, tcp, grpc, ttl and args is set.
// Durations are Go-style strings ("10s"), because that is what the agent's API takes (Consul API, Agent/Check).
struct Check {
  std::string id;  // CheckID, always explicit: an id that depends on position is lost by later edits
  std::string name;
  std::string http;
  std::string tcp;
  std::string grpc;
  std::string ttl;
  std::vector<std::string> args;
  std::string interval;
  std::string timeout;
  std::string status;  // initial status; empty leaves Consul's default, critical. Not part of the hash
  friend bool operator==(const Check&, const Check&) = default;
};

using Meta = std::map<std::string, std::string>;

// A registration in canonical form: what `GET /v1/agent/services` gives back after a PUT of it.
// Tags keep their order (reordering wakes every watcher). Meta holds the marks of `kMeta...` below.
struct Service {
  std::string id;
  std::string name;
  std::vector<std::string> tags;
  std::string address;  // empty: the agent's node address
  std::uint16_t port = 0;
  Meta meta;
  std::vector<Check> checks;  // ordered by id
  std::uint16_t weight_passing = 1;
  std::uint16_t weight_warning = 1;
  bool enable_tag_override = false;
  std::optional<std::string> maintenance;  // the reason, while the instance must stay out of rotation
  friend bool operator==(const Service&, const Service&) = default;
};

// Marks of ownership. Underscores, since Consul's filters cannot say `Meta.a-b`.
inline constexpr char kMetaOwner[] = "muster_owner";        // the cluster, see --owner
inline constexpr char kMetaSource[] = "muster_source";      // "mesos", "nomad", ...
inline constexpr char kMetaHost[] = "muster_host";          // HostRef::id
inline constexpr char kMetaInstance[] = "muster_instance";  // Instance::id, clipped to Consul's 512 bytes
inline constexpr char kMetaAgent[] = "muster_agent";  // on the canary: AgentKey::url, so that agents are found again
inline constexpr char kMetaEpoch[] = "muster_epoch";  // with --lock: who wrote it; not part of the hash
inline constexpr char kMetaHash[] = "muster_hash";    // of the whole definition: agents never return a check's

// Meta muster_source of the canary: a registration on every agent that we write to, which shows that we can see what we
// write, that the agent has not lost its data, and, through the catalog, where we have ever been.
inline constexpr char kCanarySource[] = "muster";
inline constexpr char kCanaryName[] = "muster";

}  // namespace muster
