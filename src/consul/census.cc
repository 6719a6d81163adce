#include "consul/census.h"

#include <utility>

#include "consul/decode.h"
#include "net/http.h"

namespace muster::consul {
namespace {

Result<std::set<std::string>> read_agents(const Census::Get& get) {
  auto nodes = get("/v1/catalog/nodes");
  if (!nodes) return tl::unexpected(nodes.error());
  auto checks = get("/v1/health/state/any?filter=" + net::escape(R"(CheckID == "serfHealth")"));
  if (!checks) return tl::unexpected(checks.error());
  auto members = get("/v1/agent/members");
  if (!members) return tl::unexpected(members.error());
  auto agents = decode_live_agents(std::move(*nodes), std::move(*checks), std::move(*members));
  if (agents && agents->empty()) {
    return fail(Fault::Keep,
                "blind: the catalog shows no Consul agent, not even a server; give the token node:read on "
                "all nodes");
  }
  return agents;
}

}  // namespace

Result<bool> Census::lives(const std::string& host, const Get& get) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (!read_ || now - *read_ >= fresh_) {
    auto agents = read_agents(get);
    if (!agents) return tl::unexpected(agents.error());
    agents_ = std::move(*agents);
    read_ = now;
  }
  return agents_.contains(host);
}

}  // namespace muster::consul
