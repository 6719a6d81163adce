#include "consul/synced.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "consul/decode.h"
#include "consul/peer.h"
#include "core/canary.h"
#include "core/canonical.h"
#include "core/marks.h"

namespace muster::consul {
namespace {

constexpr std::chrono::milliseconds kMoment{150};

void pause(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, kMoment, [] { return false; });
}

const ActualService* find_service(const Actual& in, const std::string& id) {
  const auto found =
      std::lower_bound(in.services.begin(), in.services.end(), id,
                       [](const ActualService& service, const std::string& key) { return service.id < key; });
  return found != in.services.end() && found->id == id ? &*found : nullptr;
}

std::string difference(const ActualService& here, const ActualService* there) {
  if (there == nullptr) return "the catalog lacks it";
  const bool tags = here.enable_tag_override || here.tags == there->tags;
  if (here.name != there->name || !tags || here.address != there->address || here.port != there->port ||
      here.meta != there->meta || here.weight_passing != there->weight_passing ||
      here.weight_warning != there->weight_warning || here.enable_tag_override != there->enable_tag_override ||
      here.tagged_addresses != there->tagged_addresses) {
    return "the catalog holds it otherwise";
  }
  for (const ActualCheck& check : here.checks) {
    if (!our_check_id(check.id, here.id)) continue;
    const auto same = [&](const ActualCheck& each) { return each.id == check.id && each.name == check.name; };
    if (std::none_of(there->checks.begin(), there->checks.end(), same)) {
      return "the catalog lacks check " + check.id;
    }
  }
  return "";
}

class SyncedAgent : public Agent {
 public:
  SyncedAgent(std::unique_ptr<Agent> agent, Peer peer, Suspects& suspects, const Owner& owner)
      : agent_(std::move(agent)), peer_(std::move(peer)), suspects_(suspects), owner_(owner) {}

  Result<Actual> read(std::stop_token stop) override {
    const std::string node = suspects_.take({peer_.url()});  // before the reading: what comes later is a new suspicion
    auto actual = agent_->read(stop);
    if (!actual) {
      if (!node.empty()) suspects_.raise({peer_.url()}, node);
      return actual;
    }
    if (node.empty() || !differs(*actual, node, stop)) return actual;
    pause(stop);
    differs(*actual, node, stop);
    return actual;
  }

  Applied apply(const Plan& plan, std::stop_token stop) override { return agent_->apply(plan, std::move(stop)); }

 private:
  bool differs(Actual& actual, const std::string& node, const std::stop_token& stop) {
    for (ActualService& service : actual.services) service.unsynced.clear();
    auto services = peer_.get("/v1/catalog/node-services/" + net::escape(node), stop);
    if (!services) return false;
    auto checks = peer_.get("/v1/health/node/" + net::escape(node), stop);
    if (!checks) return false;
    const auto catalog = decode_catalog_node(std::move(*services), std::move(*checks));
    if (!catalog) return false;
    compare(actual, catalog->actual, owner_);
    return std::any_of(actual.services.begin(), actual.services.end(),
                       [](const ActualService& service) { return !service.unsynced.empty(); });
  }

  const std::unique_ptr<Agent> agent_;
  Peer peer_;
  Suspects& suspects_;
  const Owner& owner_;
};

}  // namespace

void Suspects::raise(const AgentKey& agent, const std::string& node) {
  const std::lock_guard lock(mutex_);
  nodes_[agent] = node;
}

std::string Suspects::take(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(agent);
  if (found == nodes_.end()) return "";
  std::string node = std::move(found->second);
  nodes_.erase(found);
  return node;
}

void compare(Actual& actual, const Actual& catalog, const Owner& owner) {
  const std::string canary = canary_id(owner);
  const bool blind = find_service(catalog, canary) == nullptr;
  for (ActualService& service : actual.services) {
    if (mark(service.meta, kMetaOwner) != owner.id || (blind && service.id != canary)) continue;
    service.unsynced = difference(service, find_service(catalog, service.id));
  }
}

SyncedAgents::SyncedAgents(std::unique_ptr<Agents> agents, net::HttpClient& client,
                           std::shared_ptr<const Credentials> credentials, std::shared_ptr<Suspects> suspects,
                           Owner owner)
    : agents_(std::move(agents)),
      client_(client),
      credentials_(std::move(credentials)),
      suspects_(std::move(suspects)),
      owner_(std::move(owner)) {}

std::unique_ptr<Agent> SyncedAgents::at(const AgentKey& key) {
  return std::make_unique<SyncedAgent>(agents_->at(key), Peer(client_, *credentials_, key.url), *suspects_, owner_);
}

}  // namespace muster::consul
