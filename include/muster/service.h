// What muster wants Consul to hold: one registration with its checks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster {

struct Header {
  std::string name;
  std::string value;
  friend bool operator==(const Header&, const Header&) = default;
};

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
  std::string method;           // http
  std::vector<Header> header;   // http; in order, a name may stand there twice
  std::string tls_server_name;  // only agents of 1.9 and later take it
  bool tls_skip_verify = false;
  bool grpc_use_tls = false;
  std::uint16_t success_before_passing = 0;    // Consul 1.7 and later; 0: not sent
  std::uint16_t failures_before_critical = 0;  // the same
  std::string notes;
  std::string status;  // initial status; empty leaves Consul's default, critical. Not part of the hash
  // ttl only. muster itself reports: `status` and `output` are the state that the agent must hold, and are written
  // whenever they differ. Not part of the hash.
  bool reported = false;
  std::string output;
  friend bool operator==(const Check&, const Check&) = default;
};

using Meta = std::map<std::string, std::string>;

// An address of the service for some audience ("lan", "wan", "virtual"); port 0: the service's own.
struct TaggedAddress {
  std::string address;
  std::uint16_t port = 0;
  friend bool operator==(const TaggedAddress&, const TaggedAddress&) = default;
};
using TaggedAddresses = std::map<std::string, TaggedAddress>;

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
  TaggedAddresses tagged_addresses;        // agents add some of their own to these
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
