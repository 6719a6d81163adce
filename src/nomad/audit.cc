#include "nomad/audit.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>
#include <utility>

#include "core/text.h"
#include "nomad/address.h"
#include "nomad/interpolate.h"

namespace muster::nomad {
namespace {

using Clock = std::chrono::system_clock;

constexpr std::string_view kTheirs = "_nomad-task-";
constexpr std::string_view kSidecar = "-sidecar-proxy";

bool theirs(const ActualService& service) { return service.id.starts_with(kTheirs); }

std::string_view value_of(const Meta& meta, const char* key) {
  const auto found = meta.find(key);
  return found == meta.end() ? std::string_view{} : found->second;
}

// 8-4-4-4-12 hexadecimal digits.
bool uuid(std::string_view text) {
  constexpr std::size_t kLength = 36;
  if (text.size() != kLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

// A place where a service is offered; no host: the agent's own address.
struct Place {
  std::string host;
  int port = 0;
  bool sure = true;  // false: only the client knows
};

// By id, as Nomad's client would register them in Consul.
std::map<std::string, Place> places_of_nomad(const Allocation& allocation, const Node& node, bool& whole) {
  std::map<std::string, Place> out;
  for (const ServiceBlock& block : allocation.job->services) {
    if (block.provider == "nomad") continue;
    Variables variables(allocation, node, block.task);
    const std::string name = variables.replace(block.name), label = variables.replace(block.port_label);
    if (holds_variable(name) || holds_variable(label)) {
      whole = false;
      continue;
    }
    const std::string address = variables.replace(block.address);
    const Result<Endpoint> found = resolve_address(allocation, block.task, {block.address_mode, address, label});
    // A driver with a network of its own is advertised by `auto` in tasks.
    const bool driver = !block.task.empty() && block.address_mode != "host" && address.empty();
    const std::string owner = block.task.empty() ? "group-" + allocation.group : block.task;
    const bool sure = found && !driver && !holds_variable(address);
    out[std::string(kTheirs) + allocation.id + "-" + owner + "-" + name + "-" + label] =
        found ? Place{found->host, found->port, sure} : Place{"", 0, false};
  }
  return out;
}

// Agents that one Nomad client alone registers at, and that is one of `clients`.
std::set<AgentKey> agents_of(const std::set<std::string>& clients, const std::vector<Held>& held) {
  std::map<AgentKey, std::set<std::pair<std::string, int>>> seen;
  for (const Held& each : held) {
    if (each.service.id.starts_with("_nomad-client-"))
      seen[each.agent].emplace(each.service.address, each.service.port);
  }
  std::set<AgentKey> out;
  for (const auto& [agent, places] : seen) {
    if (places.size() == 1 && clients.contains(places.begin()->first)) out.insert(agent);
  }
  return out;
}

class Auditor {
 public:
  Auditor(const std::map<std::string, Backing>& backings, const ServiceSettings& settings, Clock::time_point now)
      : backings_(backings), settings_(settings), now_(now) {}

  // `of_this_cluster`: beyond doubt.
  void judge(const Held& held, const std::string& alloc_id, bool of_this_cluster) {
    const auto found = backings_.find(alloc_id);
    if (found == backings_.end() || (!found->second.allocation && !found->second.gone)) {
      return add(held, Verdict::Unseen, "nothing is known of allocation " + alloc_id);
    }
    const Backing& backing = found->second;
    if (backing.gone) {
      const std::string host(value_of(held.service.meta, kMetaHost));
      const bool foreign = !theirs(held.service) && !of_this_cluster;
      return add(held, Verdict::Gone,
                 "Nomad has no allocation " + alloc_id + (foreign ? ", and no node " + host + ", where it ran" : ""),
                 std::nullopt, of_this_cluster);
    }
    switch (phase_of(*backing.allocation)) {
      case Phase::Ended:
      case Phase::Lost:
        return judge_ended(held, *backing.allocation);
      case Phase::Running:
        return theirs(held.service) ? judge_theirs(held, backing) : judge_ours(held, backing);
      default:
        return;  // coming, going, or disconnected: nothing can be said
    }
  }

  void judge_duplicate(const Held& held, const AgentKey& other) {
    add(held, Verdict::Duplicate, "also at " + other.url);
  }

  std::vector<Finding> take() {
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.agent, a.service_id, a.verdict) < std::tie(b.agent, b.service_id, b.verdict);
    });
    return std::move(findings_);
  }

 private:
  void add(const Held& held, Verdict verdict, std::string detail, std::optional<std::chrono::seconds> age = {},
           bool stale = false) {
    findings_.push_back({held.agent, held.service.id, held.service.name, verdict, std::move(detail), age, stale});
  }

  void judge_ended(const Held& held, const Allocation& allocation) {
    const Clock::time_point ended{
        std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(allocation.modify_time))};
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now_ - ended);
    if (allocation.modify_time > 0 && age < kGrace) return;
    add(held, Verdict::Ended, "allocation " + allocation.id + " is " + allocation.client_status,
        allocation.modify_time > 0 ? std::optional(age) : std::nullopt, phase_of(allocation) == Phase::Ended);
  }

  void judge_theirs(const Held& held, const Backing& backing) {
    const Allocation& allocation = *backing.allocation;
    if (allocation.job == nullptr || held.service.id.ends_with(kSidecar)) return;
    bool whole = allocation.job->problems.empty();
    const auto places = places_of_nomad(allocation, backing.node, whole);
    const auto found = places.find(held.service.id);
    if (found == places.end()) {
      if (whole) add(held, Verdict::NotOffered, "allocation " + allocation.id + " runs and offers no such service");
      return;
    }
    if (found->second.sure) judge_place(held, found->second);
  }

  void judge_ours(const Held& held, const Backing& backing) {
    const Made made = make_instances(*backing.allocation, backing.node, backing.rows, settings_);
    const std::string_view id = value_of(held.service.meta, kMetaInstance);
    for (const Instance& each : made.instances) {
      if (each.id != id) continue;
      return judge_place(held, {each.addresses.empty() ? "" : each.addresses.front().ip,
                                each.ports.empty() ? 0 : int{each.ports.front().number}});
    }
    const bool doubtful = std::find(made.doubtful.begin(), made.doubtful.end(), id) != made.doubtful.end();
    if (doubtful || !made.whole) return;
    add(held, Verdict::NotOffered, "allocation " + backing.allocation->id + " runs and offers no such service now");
  }

  void judge_place(const Held& held, const Place& place) {
    if (held.service.port == place.port && (place.host.empty() || held.service.address == place.host)) return;
    const std::string is = join_host_port(held.service.address, std::to_string(held.service.port));
    add(held, Verdict::WrongAddress,
        is + " stands there, and it is " + join_host_port(place.host, std::to_string(place.port)));
  }

  const std::map<std::string, Backing>& backings_;
  const ServiceSettings& settings_;
  const Clock::time_point now_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, 6> kNames{"ended",       "gone",          "unseen",
                                                   "not offered", "wrong address", "duplicate"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string allocation_behind(const ActualService& service, std::string_view owner) {
  constexpr std::size_t kId = 36;
  if (theirs(service)) {
    const std::string_view id = std::string_view(service.id).substr(kTheirs.size(), kId);
    return uuid(id) ? std::string(id) : std::string{};
  }
  const bool ours = value_of(service.meta, kMetaOwner) == owner && value_of(service.meta, kMetaSource) == "nomad";
  return ours ? std::string(allocation_of(value_of(service.meta, kMetaInstance))) : std::string{};
}

std::vector<Finding> audit(const std::vector<Held>& held, const std::map<std::string, Backing>& backings,
                           const KnownNodes& nodes, std::string_view owner, const ServiceSettings& settings,
                           Clock::time_point now) {
  Auditor auditor(backings, settings, now);
  const std::set<AgentKey> of_clients = agents_of(nodes.addresses, held);
  std::map<std::string, const Held*> first;  // by service id
  for (const Held& each : held) {
    const std::string alloc_id = allocation_behind(each.service, owner);
    if (alloc_id.empty()) continue;
    const bool known = theirs(each.service) ? of_clients.contains(each.agent)
                                            : nodes.ids.contains(std::string(value_of(each.service.meta, kMetaHost)));
    auditor.judge(each, alloc_id, known);
    const auto [at, added] = first.try_emplace(each.service.id, &each);
    if (!added && at->second->agent != each.agent) auditor.judge_duplicate(each, at->second->agent);
  }
  return auditor.take();
}

bool look_at(const ActualService& service, std::string_view owner, LookedAt& count) {
  if (!allocation_behind(service, owner).empty()) {
    ++count.registrations;
    return true;
  }
  const std::string_view other = value_of(service.meta, kMetaOwner);
  if (value_of(service.meta, kMetaSource) == "nomad" && other != owner) ++count.others[std::string(other)];
  return false;
}

std::string text_of(const std::vector<Finding>& findings, const LookedAt& looked_at) {
  std::string out;
  std::size_t stale = 0;
  for (const Finding& each : findings) {
    const std::string age = each.age ? ", for " + std::to_string(each.age->count()) + "s" : "";
    out += each.agent.url + "  " + each.service_id + "  " + std::string(to_string(each.verdict)) + ": " + each.detail +
           age + (each.stale ? " (stale)" : "") + "\n";
    stale += each.stale ? 1 : 0;
  }
  out += std::to_string(looked_at.registrations) + " registrations of allocations, " + std::to_string(findings.size()) +
         " findings, " + std::to_string(stale) + " proven stale\n";
  for (const auto& [owner, count] : looked_at.others) {
    out += "not looked at: " + std::to_string(count) +
           " of another owner; give --owner=" + (printable(owner) ? owner : "NAME") + " to look at them\n";
  }
  return out;
}

}  // namespace muster::nomad
