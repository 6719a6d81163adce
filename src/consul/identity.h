// Who answers: the agent of the host that we mean, and one that the servers accept.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "consul/agent.h"
#include "consul/self.h"
#include "consul/settings.h"
#include "muster/agent.h"

namespace muster::consul {

// The id of the node in the body of GET /v1/catalog/node/<name>; empty when the catalog does not know it.
std::string decode_node_id(std::string_view body);

// - WrongAgent: the URL names a host by an IP that is not loopback, and the agent advertises another.
// - NodeRefused: the catalog has another node id under the agent's node name. An agent that lost its data comes back
// with
//   a new id; the servers then refuse the node, its PUTs answer 200 all the same, and the catalog keeps what it had.
std::vector<Remark> judge_identity(const std::string& url, const Self& self, const std::string& catalog_node_id);

// What has been found out about each agent. Shared by all workers. Thread: any.
class Identities {
 public:
  explicit Identities(std::chrono::milliseconds fresh) : fresh_(fresh) {}

  // The remarks that still hold; nothing when the agent must be asked (again).
  std::optional<std::vector<Remark>> known(const AgentKey& agent) const;
  void learn(const AgentKey& agent, std::vector<Remark> remarks);
  void forget(const AgentKey& agent);

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::vector<Remark> remarks;
    Clock::time_point asked;
  };
  const std::chrono::milliseconds fresh_;
  mutable std::mutex mutex_;
  std::map<AgentKey, Entry> entries_;
};

// Asks each agent who it is at first contact, after every failure, when it holds no canary, and when what is known is
// no longer fresh; Actual::remarks says what is wrong. With `enforce` an agent that is wrong, or does not tell, is not
// read: Fault::Keep.
class VerifiedAgents : public Agents {
 public:
  VerifiedAgents(std::unique_ptr<ConsulAgents> agents, const ConsulSettings& settings,
                 std::shared_ptr<const Credentials> credentials, std::shared_ptr<Identities> identities);
  std::unique_ptr<Agent> at(const AgentKey& key) override;

 private:
  const std::unique_ptr<ConsulAgents> agents_;
  const std::shared_ptr<const Credentials> credentials_;
  const std::shared_ptr<Identities> identities_;
  const bool enforce_;
};

}  // namespace muster::consul
