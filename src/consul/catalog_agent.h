// Hosts without a Consul agent: registered straight into the catalog, on nodes that exist for this purpose alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consul/census.h"
#include "consul/settings.h"
#include "consul/txn.h"
#include "muster/agent.h"
#include "net/http.h"

namespace muster::consul {

// "catalog://10.0.0.21" or "catalog://n1": the key of a host in catalog mode, by address if it has one.
AgentKey catalog_key(const HostRef& host);
bool is_catalog_key(const AgentKey& key);

// Name of the host's node: "muster-" and the host in [a-z0-9-]; with a hash of it where that loses something, so that
// no two hosts share a node. A DNS label.
std::string catalog_node_name(std::string_view host);

// The session that holds the lock, as of now; none: we are not the active muster. Called from any worker's thread.
using ProveLock = std::function<std::optional<LockProof>()>;

// One worker's view of the catalog, through one Consul address: --consul-agent, else the agent of this machine.
//
// read: Fault::Keep, and nothing is planned, where the node is not ours (NodeMeta muster_owner). Where an agent lives
// on the host, whose anti-entropy knows nothing of what is written beside it: RemarkKind::LiveAgent, and what our own
// node still holds from the time before, only to be removed: apply refuses all else (Fault::Keep).
// Anything else that is not a whole answer is
// Fault::Retry.
// apply: transactions of at most 64 operations and 512 KiB, in the plan's order. Each begins with a check of the lock's
// session, and the first compares the node with what read saw; without a session nothing is sent. A 409 for either, or
// for a check that consul-esm wrote meanwhile, is Fault::Retry; an operation that Consul refuses is Fault::Item, and
// the rest of its transaction is sent again without it. The transaction that takes the last service off a node deletes
// the node. `failures` with an empty service_id concern the whole.
class CatalogAgents : public Agents {
 public:
  CatalogAgents(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, std::string owner,
                ProveLock prove_lock, std::shared_ptr<Census> census);

  std::unique_ptr<Agent> at(const AgentKey& key) override;

 private:
  net::HttpClient client_;
  const std::string url_;
  const std::shared_ptr<const Credentials> credentials_;
  const std::string owner_;
  const ProveLock prove_lock_;
  const std::shared_ptr<Census> census_;
};

}  // namespace muster::consul
