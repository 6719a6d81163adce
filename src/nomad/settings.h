// How muster reaches a Nomad cluster, and what it makes of allocations in doubt.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "muster/flag.h"
#include "muster/result.h"
#include "net/http.h"
#include "nomad/instances.h"

namespace muster::nomad {

enum class Scope : std::uint8_t {
  None,     // not asked for
  Node,     // the allocations of one client node, registered at the Consul agent beside it
  Cluster,  // those of all nodes, each at the agent of its node
};

// What to do about an allocation whose client does not answer the servers.
enum class Doubt : std::uint8_t {
  Keep,         // leave it as it is
  Maintenance,  // registered, out of rotation
  Remove,       // it has ended
};

struct NomadSettings {
  Scope scope = Scope::None;
  // "http://h:p", "https://h:p" or "unix:///path"; more than one: the next is asked when one cannot be reached.
  std::vector<std::string> addresses;
  std::string region;      // part of each request, so that no other region answers; completed: never empty
  std::string ns = "*";    // Nomad's namespaces: "*" all
  std::string token;       // an ACL token or a workload identity
  std::string token_file;  // wins over `token`; read again at each use, since identities are renewed
  std::string node_id;     // node scope; empty: the agent that answers tells
  std::string cluster;     // a name for --owner's default
  net::TlsSettings tls;
  std::chrono::milliseconds timeout{std::chrono::seconds(10)};  // of one answer, long polls apart
  std::chrono::milliseconds sweep{std::chrono::minutes(5)};     // between two full reads
  std::chrono::milliseconds drain{std::chrono::seconds(2)};     // longest time in maintenance before a stop
  Doubt lost = Doubt::Remove;
  Doubt unknown = Doubt::Maintenance;
  ServiceSettings services;
  std::set<std::string> given;  // names of the flags that were set: the environment yields
};

// The setters write into `settings`, which must outlive them and must not move.
FlagGroup nomad_flags(NomadSettings& settings);

// Like getenv (null: not set).
using GetEnv = std::function<const char*(const char*)>;

// What Nomad's own tools read, where no flag says otherwise: NOMAD_ADDR, NOMAD_UNIX_ADDR, NOMAD_REGION,
// NOMAD_NAMESPACE, NOMAD_TOKEN, NOMAD_CACERT, NOMAD_CAPATH, NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY, NOMAD_TLS_SERVER_NAME,
// NOMAD_SKIP_VERIFY. In a task (NOMAD_ALLOC_ID is set) also the API socket and the identity's file in
// NOMAD_SECRETS_DIR, where they are; NOMAD_NAMESPACE is then the task's own namespace and no wish.
// Error (Fault::Leave): settings that cannot be, named with flag or variable.
Result<NomadSettings> complete(NomadSettings settings, const GetEnv& get);

// Region and cluster: "nomad:global", "nomad:eu/blue". The cluster is --nomad-cluster, else, in cluster scope, the
// first address without its scheme, which must be one that no other cluster has too. Of settings that are complete.
std::string owner_of(const NomadSettings& settings);

}  // namespace muster::nomad
