// Where in Consul an owner has been: one catalog query by the canaries' Meta, whatever the size of the cluster.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "consul/settings.h"
#include "muster/host.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::consul {

struct Found {
  AgentKey agent;       // from the canary's Meta
  std::string node;     // Consul node that holds it
  std::string address;  // of that node
  std::string node_id;  // as the catalog has it; may be empty
  friend bool operator==(const Found&, const Found&) = default;
};

// GET /v1/catalog/service/muster, filtered by owner, asked of `through`. A token without read rights gets an empty
// list: that nothing was found proves nothing. Error: Fault::Retry.
Result<std::vector<Found>> find_canaries(net::HttpClient& client, const Credentials& credentials,
                                         const AgentKey& through, const std::string& owner, std::stop_token stop);

// For a cleanup, which must not depend on a canary that somebody removed: the addresses of all nodes that hold a
// service of this owner. Costs a query a node. Error: Fault::Retry, also where a node could not be asked.
Result<std::vector<std::string>> find_holders(net::HttpClient& client, const Credentials& credentials,
                                              const AgentKey& through, const std::string& owner, std::stop_token stop);

// Body of that answer. Entries of other owners and without an agent are left out. Pure.
Result<std::vector<Found>> decode_canaries(std::string_view body, std::string_view owner);

// A string literal of Consul's filter language.
std::string filter_literal(std::string_view value);

}  // namespace muster::consul
