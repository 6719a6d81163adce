// Consul agents over HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consul/self.h"
#include "consul/settings.h"
#include "muster/agent.h"
#include "net/http.h"

namespace muster::consul {

// Asked before each write: the epoch to put into the Meta of what is registered (muster_epoch); nothing: another muster
// may be acting, and nothing is sent. Any thread.
using Permit = std::function<std::optional<std::uint64_t>()>;

// One worker's agents: they share its client, and so its few kept connections. Deadlines: ConsulSettings.
class ConsulAgents : public Agents {
 public:
  // Without `permit` every write is allowed, and bears no epoch.
  ConsulAgents(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Permit permit = {});

  // read: an agent that refuses, hangs, answers anything but 200 or cannot be understood is Fault::Retry.
  // apply: see judge(). Without permission it ends with Fault::Retry.
  std::unique_ptr<Agent> at(const AgentKey& key) override;
  // For others of the same thread that ask the same agents: a second client would connect a second time.
  net::HttpClient& client() { return client_; }
  Selves& selves() { return selves_; }

 private:
  net::HttpClient client_;
  std::shared_ptr<const Credentials> credentials_;
  Selves selves_;
  const Permit permit_;
};

// What an agent's answer to one action means (statuses and texts as measured on Consul 1.8.7; 404 from 1.11 on).
// Fault::Item: this action is refused and will be; the next may go. Fault::Retry: the agent cannot work now; stop.
// The message is Consul's own text, clipped.
Result<void> judge(Verb verb, int status, std::string_view body);

}  // namespace muster::consul
