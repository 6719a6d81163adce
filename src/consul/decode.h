// What an agent, or a node of the catalog, holds. Pure. Every body is consumed: strings are unescaped in place.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "muster/agent.h"
#include "muster/result.h"

namespace muster::consul {

// From an agent's two lists (Consul API, GET /v1/agent/services and GET /v1/agent/checks). Joins checks to services by
// ServiceID; the check
// `_service_maintenance:<id>` becomes the service's maintenance. Checks of the node, and of services that the first
// list does not have (it was read earlier), are left out. Error (Fault::Retry): any malformed, mistyped or duplicate
// entry. Never half an Actual.
Result<Actual> decode_actual(std::string services, std::string checks);

// A check as the catalog holds it. Status and output belong to whoever runs it.
struct CatalogCheck {
  std::string id;
  std::string service_id;  // empty: a check of the node
  std::string status;
  std::string output;
  std::uint64_t modify_index = 0;
  std::string name{};
  bool defined = false;  // it has a Definition of what consul-esm should run
  friend bool operator==(const CatalogCheck&, const CatalogCheck&) = default;
};

struct CatalogNode {
  bool exists = false;
  std::string address;
  Meta meta;
  std::uint64_t modify_index = 0;
  Actual actual;
  std::vector<CatalogCheck> checks;  // all of the node, sorted by id
};

// From GET /v1/catalog/node-services/<node> (since Consul 1.7) and GET /v1/health/node/<node>, under the same rules as
// decode_actual. A node that is not there answers 200 with null.
Result<CatalogNode> decode_catalog_node(std::string services, std::string checks);

// Names and addresses of the nodes on which a Consul agent runs or ran: those with a serfHealth check, and the members
// that are alive or leaving, since that check comes after its agent and may be gone for a moment. From
// GET /v1/catalog/nodes, GET /v1/health/state/any and GET /v1/agent/members. Error (Fault::Retry): as above.
Result<std::set<std::string>> decode_live_agents(std::string nodes, std::string checks, std::string members);

}  // namespace muster::consul
