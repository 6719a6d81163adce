#include "nomad/auditor.h"

#include <map>
#include <set>
#include <utility>

#include "core/text.h"
#include "nomad/reader.h"

namespace muster::nomad {
namespace {

class Audit {
 public:
  Audit(const NomadSettings& settings, const std::string& owner, std::stop_token stop)
      : settings_(settings), owner_(owner), stop_(std::move(stop)), reader_(settings_) {}

  // Stubs in cluster scope: attributes come with the allocations that need them.
  Result<std::vector<Node>> nodes() {
    if (settings_.scope != Scope::Node) return reader_.nodes(stop_);
    Result<std::string> id = settings_.node_id.empty() ? reader_.node_id(stop_) : settings_.node_id;
    if (!id) return tl::unexpected(id.error());
    Result<Node> node = reader_.node(*id, stop_);
    if (!node) return tl::unexpected(node.error());
    return std::vector<Node>{*std::move(node)};
  }

  HostRef host_of(const Node& node) const {
    const std::string local = "127.0.0.1";
    const std::string ip = usable_ip(node.address) ? node.address : "";
    return {node.id, settings_.scope == Scope::Node ? local : ip, std::string(attribute(node, "unique.consul.name")),
            ""};
  }

  void read_agent(Agents& agents, const AgentKey& key) {
    Result<Actual> actual = agents.at(key)->read(stop_);
    if (!actual) return report_.unread.push_back(actual.error().message);
    for (ActualService& each : actual->services) held_.push_back({key, std::move(each)});
  }

  void read_backings() {
    for (const Held& each : held_) {
      if (!look_at(each.service, owner_, report_.looked_at)) continue;
      const std::string id = allocation_behind(each.service, owner_);
      if (!backings_.contains(id)) backings_.emplace(id, read_backing(id));
    }
  }

  AuditReport finish(const KnownNodes& nodes, std::chrono::system_clock::time_point now) {
    report_.findings = audit(held_, backings_, nodes, owner_, settings_.services, now);
    return std::move(report_);
  }

 private:
  Backing read_backing(const std::string& id) {
    Result<Found> found = reader_.allocation(id, stop_);
    if (!found) {
      report_.unread.push_back(found.error().message);
      return {};
    }
    Backing out{std::move(found->allocation), found->gone};
    if (!out.allocation) return out;
    out.rows = reader_.rows(*out.allocation, stop_);
    out.node = node_of(out.allocation->node_id);
    return out;
  }

  // What is not told of a node leaves variables as they are, and so a finding less.
  const Node& node_of(const std::string& id) {
    const auto [at, added] = nodes_.try_emplace(id);
    if (!added) return at->second;
    at->second.id = id;
    if (Result<Node> node = reader_.node(id, stop_)) at->second = *std::move(node);
    return at->second;
  }

  const NomadSettings settings_;
  const std::string owner_;
  const std::stop_token stop_;
  Reader reader_;
  std::vector<Held> held_;
  std::map<std::string, Backing> backings_;
  std::map<std::string, Node> nodes_;
  AuditReport report_;
};

}  // namespace

Result<AuditReport> read_audit(const NomadSettings& settings, Agents& agents, const Resolve& resolve,
                               const std::string& owner, std::chrono::system_clock::time_point now,
                               std::stop_token stop) {
  Audit audit(settings, owner, std::move(stop));
  const Result<std::vector<Node>> nodes = audit.nodes();
  if (!nodes) return tl::unexpected(nodes.error());
  std::set<AgentKey> keys;
  KnownNodes known;
  for (const Node& node : *nodes) {
    known.ids.insert(node.id);
    known.addresses.insert(node.address);
    if (AgentKey key = resolve(audit.host_of(node)); !key.url.empty()) keys.insert(std::move(key));
  }
  for (const AgentKey& key : keys) audit.read_agent(agents, key);
  audit.read_backings();
  return audit.finish(known, now);
}

std::vector<Repaired> repair(Agents& agents, const std::vector<Finding>& findings, std::stop_token stop) {
  std::vector<Repaired> out;
  for (const Finding& each : findings) {
    if (!each.stale) continue;
    Plan plan;
    Action action;
    action.verb = Verb::Deregister;
    action.service.id = each.service_id;
    action.service.name = each.name;
    action.why = each.detail;
    action.proof = Proof::Operator;
    plan.actions.push_back(std::move(action));
    const Applied applied = agents.at(each.agent)->apply(plan, stop);
    const bool done = applied.failures.empty() && !applied.done.empty();
    const std::string how = done                       ? "removed"
                            : applied.failures.empty() ? "not removed"
                                                       : applied.failures.front().error.message;
    out.push_back({each.agent.url + "  " + each.service_id + "  " + how, done});
  }
  return out;
}

}  // namespace muster::nomad
