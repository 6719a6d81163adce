#include "consul/identity.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "consul/peer.h"
#include "core/marks.h"
#include "core/text.h"
#include "net/http.h"

namespace muster::consul {
namespace {

using nlohmann::json;

// "http://10.0.0.1:8500" -> "10.0.0.1"; empty where the URL does not name a host by its address.
std::string address_of(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return "";
  std::string host = url.substr(begin + 3, url.rfind(':') - begin - 3);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return usable_ip(host) ? host : "";
}

bool holds_canary(const Actual& actual) {
  return std::any_of(actual.services.begin(), actual.services.end(),
                     [](const ActualService& service) { return mark(service.meta, kMetaSource) == kCanarySource; });
}

class VerifiedAgent : public Agent {
 public:
  VerifiedAgent(std::unique_ptr<Agent> agent, Peer peer, Selves& selves, Identities& identities, bool enforce)
      : agent_(std::move(agent)),
        peer_(std::move(peer)),
        key_{peer_.url()},
        selves_(selves),
        identities_(identities),
        enforce_(enforce) {}

  Result<Actual> read(std::stop_token stop) override {
    auto actual = agent_->read(stop);
    if (!actual) {
      identities_.forget(key_);
      return actual;
    }
    auto remarks = identities_.known(key_);
    if (!remarks || !holds_canary(*actual)) {
      remarks = ask(stop);
      identities_.learn(key_, *remarks);
    }
    if (enforce_ && !remarks->empty()) return fail(Fault::Keep, remarks->front().text);
    actual->remarks = std::move(*remarks);
    return actual;
  }

  Applied apply(const Plan& plan, std::stop_token stop) override {
    Applied applied = agent_->apply(plan, std::move(stop));
    if (!applied.failures.empty() && applied.failures.back().error.fault != Fault::Item) identities_.forget(key_);
    return applied;
  }

 private:
  std::vector<Remark> ask(const std::stop_token& stop) {
    const auto unverified = [&](const std::string& why) {
      return std::vector<Remark>{{RemarkKind::Unverified, "who answers cannot be verified: " + why}};
    };
    const auto self = selves_.ask(key_, stop);
    if (!self) return unverified(self.error().message);
    const auto node = peer_.get("/v1/catalog/node/" + net::escape(self->node), stop);
    return judge_identity(key_.url, *self, node ? decode_node_id(*node) : "");
  }

  const std::unique_ptr<Agent> agent_;
  Peer peer_;
  const AgentKey key_;
  Selves& selves_;
  Identities& identities_;
  const bool enforce_;
};

}  // namespace

std::string decode_node_id(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  const auto node = answer.find("Node");
  if (node == answer.end() || !node->is_object()) return "";
  const auto id = node->find("ID");
  return id != node->end() && id->is_string() ? id->get<std::string>() : "";
}

std::vector<Remark> judge_identity(const std::string& url, const Self& self, const std::string& catalog_node_id) {
  std::vector<Remark> out;
  const std::string address = address_of(url);
  const bool loopback = address == "127.0.0.1" || address == "::1";
  if (!address.empty() && !loopback && !self.address.empty() && self.address != address) {
    out.push_back({RemarkKind::WrongAgent, url + " answers as node " + self.node + " of " + self.address});
  }
  if (!catalog_node_id.empty() && !self.node_id.empty() && catalog_node_id != self.node_id) {
    out.push_back({RemarkKind::NodeRefused,
                   url + ": the servers refuse node " + self.node + ": it came back with the id " + self.node_id +
                       ", and the catalog holds " + catalog_node_id +
                       "; give the agent its old node-id file back, or deregister the node from the catalog"});
  }
  return out;
}

std::optional<std::vector<Remark>> Identities::known(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(agent);
  if (found == entries_.end()) return std::nullopt;
  // What is wrong is looked at each time: it may have been mended.
  if (!found->second.remarks.empty() || Clock::now() - found->second.asked >= fresh_) return std::nullopt;
  return found->second.remarks;
}

void Identities::learn(const AgentKey& agent, std::vector<Remark> remarks) {
  const std::lock_guard lock(mutex_);
  entries_[agent] = {std::move(remarks), Clock::now()};
}

void Identities::forget(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  entries_.erase(agent);
}

VerifiedAgents::VerifiedAgents(std::unique_ptr<ConsulAgents> agents, const ConsulSettings& settings,
                               std::shared_ptr<const Credentials> credentials, std::shared_ptr<Identities> identities)
    : agents_(std::move(agents)),
      credentials_(std::move(credentials)),
      identities_(std::move(identities)),
      enforce_(settings.verify == Verify::Enforce) {}

std::unique_ptr<Agent> VerifiedAgents::at(const AgentKey& key) {
  return std::make_unique<VerifiedAgent>(agents_->at(key), Peer(agents_->client(), *credentials_, key.url),
                                         agents_->selves(), *identities_, enforce_);
}

}  // namespace muster::consul
