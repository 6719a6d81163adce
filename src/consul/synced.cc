#include "consul/synced.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "consul/decode.h"
#include "consul/peer.h"
#include "core/canary.h"
#include "core/canonical.h"
#include "core/marks.h"
#include "core/text.h"

namespace muster::consul {
namespace {

const ActualService* find_service(const Actual& in, const std::string& id) {
  const auto found =
      std::lower_bound(in.services.begin(), in.services.end(), id,
                       [](const ActualService& service, const std::string& key) { return service.id < key; });
  return found != in.services.end() && found->id == id ? &*found : nullptr;
}

// The catalog's ids know no case.
std::string absence(const ActualService& here, const Actual& catalog) {
  for (const ActualService& each : catalog.services) {
    if (each.id.size() != here.id.size() || lower(each.id) != lower(here.id)) continue;
    const std::string owner = mark(each.meta, kMetaOwner);
    return "the catalog holds " + each.id + (owner.empty() ? "" : " of owner " + owner) +
           " in its place: it knows no case";
  }
  return "the catalog lacks it";
}

std::string difference(const ActualService& here, const Actual& catalog) {
  const ActualService* const there = find_service(catalog, here.id);
  if (there == nullptr) return absence(here, catalog);
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

bool registers(const Plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
    return action.verb != Verb::Deregister && action.verb != Verb::DeregisterCheck;
  });
}

class SyncedAgent : public Agent {
 public:
  SyncedAgent(std::unique_ptr<Agent> agent, Peer peer, Selves& selves, Suspects& suspects, const Owner& owner)
      : agent_(std::move(agent)),
        peer_(std::move(peer)),
        key_{peer_.url()},
        selves_(selves),
        suspects_(suspects),
        owner_(owner) {}

  Result<Actual> read(std::stop_token stop) override {
    auto look = suspects_.take(key_, Clock::now());  // before the reading: what changes later is looked at later
    auto actual = agent_->read(stop);
    repairing_.clear();
    if (look && actual) compare_with_catalog(*actual, std::move(*look), stop);
    if (look && !actual) suspects_.again(key_, std::move(*look), Clock::now());
    if (!actual) return actual;
    if (auto remark = suspects_.repairs.remark(key_, Clock::now())) actual->remarks.push_back(std::move(*remark));
    return actual;
  }

  Applied apply(const Plan& plan, std::stop_token stop) override {
    if (registers(plan) && !suspects_.stands(key_)) {
      const auto self = selves_.recent(key_, stop);
      if (self && is_leaving(*self)) {
        return {{}, {{"", {Fault::Retry, peer_.url() + ": leaves its cluster; nothing is registered with it"}}}};
      }
    }
    Applied applied = agent_->apply(plan, std::move(stop));
    suspects_.wrote(key_, applied.done);
    std::set<std::string> repaired;
    for (const Action& action : applied.done) {
      if (repairing_.contains(action.service.id)) repaired.insert(action.service.id);
    }
    suspects_.repairs.wrote(key_, repaired, Clock::now());
    return applied;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void compare_with_catalog(Actual& actual, Suspects::Look look, const std::stop_token& stop) {
    auto found = judge(actual, look, stop);
    if (!found) return suspects_.retry(key_, std::move(look), Clock::now());
    look.failed = 0;
    --look.left;
    look.differed = std::move(found->waiting.ids);
    if (look.left > 0 && !found->fresh.empty()) {
      look.differed.merge(found->fresh);
      suspects_.again(key_, std::move(look), Clock::now() + Suspects::kMoment);
    } else if (!look.differed.empty()) {
      look.left = 1;
      suspects_.again(key_, std::move(look), found->waiting.until);
    }
  }

  struct Found {
    std::set<std::string> fresh;  // ids of what differs, and did not in the look before
    Repairs::Waiting waiting;
  };

  // Calls unsynced what differed in the look before as well and may be repaired.
  Result<Found> judge(Actual& actual, const Suspects::Look& look, const std::stop_token& stop) {
    const auto catalog = read_catalog(look.node, stop);
    if (!catalog) return tl::unexpected(catalog.error());
    if (!catalog->exists) {
      const auto self = selves_.recent(key_, stop);
      if (!self || self->status != 1) return Found{};
    }
    compare(actual, catalog->actual, owner_);
    Found found;
    Repairs::Differences twice;
    for (const ActualService& service : actual.services) {
      if (service.unsynced.empty()) continue;
      if (look.differed.contains(service.id)) twice.emplace(service.id, service.unsynced);
      if (!look.differed.contains(service.id)) found.fresh.insert(service.id);
    }
    found.waiting = suspects_.repairs.judge(key_, twice, Clock::now());
    for (ActualService& service : actual.services) {
      const bool repaired = twice.contains(service.id) && !found.waiting.ids.contains(service.id);
      if (repaired) repairing_.insert(service.id);
      if (!repaired) service.unsynced.clear();
    }
    return found;
  }

  Result<CatalogNode> read_catalog(const std::string& node, const std::stop_token& stop) {
    auto services = peer_.get("/v1/catalog/node-services/" + net::escape(node), stop);
    if (!services) return tl::unexpected(services.error());
    auto checks = peer_.get("/v1/health/node/" + net::escape(node), stop);
    if (!checks) return tl::unexpected(checks.error());
    return decode_catalog_node(std::move(*services), std::move(*checks));
  }

  const std::unique_ptr<Agent> agent_;
  Peer peer_;
  const AgentKey key_;
  Selves& selves_;
  Suspects& suspects_;
  const Owner& owner_;
  std::set<std::string> repairing_;  // ids that the last read called unsynced
};

}  // namespace

void Suspects::raise(const AgentKey& agent, const std::string& node, Time now) {
  constexpr unsigned kLooks = 2;
  const std::lock_guard lock(mutex_);
  const auto [at, added] = pending_.try_emplace(agent);
  Pending& pending = at->second;
  if (added) pending.first = now;
  pending.look.node = node;
  pending.look.left = kLooks;
  pending.due = std::min(now + kSettling, pending.first + kLongest);
  pending.named = false;
  if (wake_) wake_();
}

std::optional<Suspects::Look> Suspects::take(const AgentKey& agent, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(agent);
  if (found == pending_.end() || found->second.due > now) return std::nullopt;
  Look look = std::move(found->second.look);
  pending_.erase(found);
  return look;
}

void Suspects::again(const AgentKey& agent, Look look, Time when) {
  const std::lock_guard lock(mutex_);
  const auto [at, added] = pending_.try_emplace(agent);
  Pending& pending = at->second;
  pending.look.differed.merge(look.differed);
  if (!added) return;  // changed again meanwhile: that comes soon enough
  pending.look.node = std::move(look.node);
  pending.look.left = look.left;
  pending.look.failed = look.failed;
  pending.first = pending.due = when;
  if (wake_) wake_();
}

void Suspects::retry(const AgentKey& agent, Look look, Time now) {
  if (look.failed >= kRetries) return;
  const auto delay = kRetry * (1U << look.failed++);
  again(agent, std::move(look), now + delay);
}

void Suspects::wrote(const AgentKey& agent, const std::vector<Action>& done) {
  if (done.empty()) return;
  const std::lock_guard lock(mutex_);
  ++writes_[agent];
  const auto found = pending_.find(agent);
  if (found == pending_.end()) return;
  for (const Action& action : done) found->second.look.differed.erase(action.service.id);
}

std::uint64_t Suspects::writes(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = writes_.find(agent);
  return found == writes_.end() ? 0 : found->second;
}

void Suspects::stands(const AgentKey& agent, bool stands) {
  const std::lock_guard lock(mutex_);
  stands ? void(standing_.insert(agent)) : void(standing_.erase(agent));
}

bool Suspects::stands(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  return standing_.contains(agent);
}

std::vector<AgentKey> Suspects::take_due(Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<AgentKey> out;
  for (auto& [agent, pending] : pending_) {
    if (pending.named || pending.due > now) continue;
    pending.named = true;
    out.push_back(agent);
  }
  return out;
}

std::optional<Suspects::Time> Suspects::next() const {
  const std::lock_guard lock(mutex_);
  std::optional<Time> first;
  for (const auto& [agent, pending] : pending_) {
    if (!pending.named && (!first || pending.due < *first)) first = pending.due;
  }
  return first;
}

void Suspects::on_change(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

void compare(Actual& actual, const Actual& catalog, const Owner& owner) {
  const std::string canary = canary_id(owner);
  const bool blind = find_service(catalog, canary) == nullptr;
  for (ActualService& service : actual.services) {
    if (mark(service.meta, kMetaOwner) != owner.id || (blind && service.id != canary)) continue;
    service.unsynced = difference(service, catalog);
  }
}

SyncedAgents::SyncedAgents(std::unique_ptr<Agents> agents, net::HttpClient& client, Selves& selves,
                           std::shared_ptr<const Credentials> credentials, std::shared_ptr<Suspects> suspects,
                           Owner owner)
    : agents_(std::move(agents)),
      client_(client),
      selves_(selves),
      credentials_(std::move(credentials)),
      suspects_(std::move(suspects)),
      owner_(std::move(owner)) {}

std::unique_ptr<Agent> SyncedAgents::at(const AgentKey& key) {
  return std::make_unique<SyncedAgent>(agents_->at(key), Peer(client_, *credentials_, key.url), selves_, *suspects_,
                                       owner_);
}

}  // namespace muster::consul
