// What the catalog says of one node, as far as a change in it is concerned. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "muster/host.h"
#include "muster/wanted.h"

namespace muster::consul {

// Finds the node of this agent by its canary: GET through the agent, which is near to itself.
std::string find_node_path(const AgentKey& agent);
// From its answer; empty: the catalog does not know the canary yet, or says nothing that can be understood.
std::string decode_node(std::string_view body, const AgentKey& agent, const Owner& owner);

// Lists that can be waited on. The first wakes when a service of the node comes, goes or changes; the second when a
// check comes, goes or changes its status. A check that goes alone does not wake the first (Consul 1.8.7).
std::string node_services_path(const std::string& node);
std::string node_checks_path(const std::string& node);

// Whether an agent of the cluster lives on the node, by its list of checks: it has a serfHealth. When an agent leaves,
// its node goes from the catalog, which wakes this list and not that of services (1.8.7).
bool has_agent(std::string_view checks);

// Equal for equal lists. Of checks only which there are, and their names, count, since status and output change all the
// time; of TTL checks of the owner the status as well: nobody runs those, so that it is news.
std::uint64_t digest_services(std::string_view body);
std::uint64_t digest_checks(std::string_view body, const Owner& owner);

}  // namespace muster::consul
