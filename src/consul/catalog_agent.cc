#include "consul/catalog_agent.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>

#include "consul/peer.h"
#include "core/canonical.h"
#include "core/text.h"

namespace muster::consul {
namespace {

constexpr std::string_view kScheme = "catalog://";
constexpr char kTxn[] = "/v1/txn";

// FNV-1a: it ends up in names that must stay the same across versions and machines.
std::string short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  std::array<char, 9> out{};
  std::snprintf(out.data(), out.size(), "%08x", static_cast<unsigned>(hash));
  return out.data();
}

bool is_ipv4(std::string_view text) {
  return usable_ip(text) && text.find('.') != std::string_view::npos && text.find(':') == std::string_view::npos;
}

// A check that consul-esm ran, by its id, and that it has nothing to run any more: emptied by hand.
std::string undefined_check(const ActualService& service, const CatalogNode& node) {
  for (const CatalogCheck& check : node.checks) {
    const bool run = check.id.starts_with("http:") || check.id.starts_with("http-") || check.id.starts_with("tcp:") ||
                     check.id.starts_with("tcp-");
    if (run && check.service_id == service.id && our_check_id(check.id, service.id) && !check.defined) {
      return "check " + check.id + " has lost its definition";
    }
  }
  return "";
}

class CatalogAgent : public Agent {
 public:
  CatalogAgent(Peer peer, std::string host, const std::string& owner, const ProveLock& prove_lock, Census& census)
      : peer_(std::move(peer)),
        host_(std::move(host)),
        node_(catalog_node_name(host_)),
        owner_(owner),
        prove_lock_(prove_lock),
        census_(census) {}

  Result<Actual> read(std::stop_token stop) override;
  Applied apply(const Plan& plan, std::stop_token stop) override;

 private:
  Result<CatalogNode> read_node(const std::stop_token& stop);
  Result<void> check_ours(const CatalogNode& node) const;
  Result<bool> has_agent(const std::stop_token& stop);
  std::vector<Step> make_steps(const Plan& plan, Applied& applied) const;
  Result<void> add_end(const Plan& plan, std::vector<Step>& steps, const std::stop_token& stop);
  void send_all(const Plan& plan, std::vector<Step> steps, Applied& applied, const std::stop_token& stop);
  // Sends what fits from `next` on; the end of it. Steps that are refused leave `steps`.
  Result<std::size_t> send_some(const Plan& plan, std::vector<Step>& steps, std::size_t next, Applied& applied,
                                const std::stop_token& stop);
  Result<void> drop_refused(const Plan& plan, const net::Response& answer, std::size_t head, std::vector<Step>& steps,
                            std::size_t begin, std::size_t end, Applied& applied) const;
  Error error(Fault fault, const std::string& text) const;

  Peer peer_;
  const std::string host_;
  const std::string node_;
  const std::string& owner_;
  const ProveLock& prove_lock_;
  Census& census_;
  std::optional<CatalogNode> known_;  // as of the last read, until something is written
};

Result<Actual> CatalogAgent::read(std::stop_token stop) {
  known_.reset();
  auto node = read_node(stop);
  if (!node) return tl::unexpected(node.error());
  if (auto ours = check_ours(*node); !ours) return tl::unexpected(ours.error());
  const auto lives = has_agent(stop);
  if (!lives) return tl::unexpected(lives.error());
  for (ActualService& service : node->actual.services) {
    service.unsynced = undefined_check(service, *node);
    service.tagged_addresses.reset();  // transactions of 1.8.7 take them and store none
  }
  if (*lives) {
    node->actual.remarks.push_back(
        {RemarkKind::LiveAgent,
         "a Consul agent serves " + host_ + ": services of this host belong to it; use --consul-mode=agent"});
  }
  known_ = std::move(*node);
  return known_->actual;
}

// Consistent: a former leader must not answer from memory what a plan is then made of.
Result<CatalogNode> CatalogAgent::read_node(const std::stop_token& stop) {
  auto services = peer_.get("/v1/catalog/node-services/" + net::escape(node_) + "?consistent", stop);
  if (!services) return tl::unexpected(services.error());
  auto checks = peer_.get("/v1/health/node/" + net::escape(node_) + "?consistent", stop);
  if (!checks) return tl::unexpected(checks.error());
  auto node = decode_catalog_node(std::move(*services), std::move(*checks));
  if (!node) node.error().message = peer_.url() + ": node " + node_ + ": " + node.error().message;
  return node;
}

Result<void> CatalogAgent::check_ours(const CatalogNode& node) const {
  const auto mark = node.meta.find(kMetaOwner);
  if (node.exists && mark == node.meta.end()) {
    return fail(Fault::Keep, peer_.url() + ": node " + node_ + " of the catalog was not made by muster; left alone");
  }
  if (node.exists && mark->second != owner_) {
    return fail(Fault::Keep, peer_.url() + ": node " + node_ + " belongs to owner " + mark->second + "; left alone");
  }
  return {};
}

Result<bool> CatalogAgent::has_agent(const std::stop_token& stop) {
  auto lives = census_.lives(host_, [&](const std::string& path) { return peer_.get(path, stop); });
  if (!lives && lives.error().fault == Fault::Keep) {
    return fail(Fault::Keep, peer_.url() + ": " + lives.error().message);
  }
  return lives;
}

Applied CatalogAgent::apply(const Plan& plan, std::stop_token stop) {
  Applied applied;
  if (plan.actions.empty()) return applied;
  if (!known_) {
    if (auto actual = read(stop); !actual) {
      applied.failures.push_back({"", std::move(actual.error())});
      return applied;
    }
  }
  const auto removes = [](const Action& action) { return action.verb == Verb::Deregister; };
  if (left_alone(known_->actual) && !std::all_of(plan.actions.begin(), plan.actions.end(), removes)) {
    applied.failures.push_back({"", {Fault::Keep, known_->actual.remarks.front().text}});
    return applied;
  }
  std::vector<Step> steps = make_steps(plan, applied);
  if (auto end = add_end(plan, steps, stop); !end) {
    applied.failures.push_back({"", std::move(end.error())});
  } else {
    send_all(plan, std::move(steps), applied, stop);
  }
  known_.reset();
  return applied;
}

// Actions that need no operation are done already.
std::vector<Step> CatalogAgent::make_steps(const Plan& plan, Applied& applied) const {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < plan.actions.size(); ++i) {
    const Action& action = plan.actions[i];
    auto operations = encode_action(node_, action, *known_);
    if (!operations) {
      applied.failures.push_back({action.service.id, error(Fault::Item, operations.error().message)});
      continue;
    }
    if (operations->empty()) {
      applied.done.push_back(action);
      continue;
    }
    Step step{i, std::move(*operations)};
    if (fits(step)) {
      steps.push_back(std::move(step));
    } else {
      applied.failures.push_back({action.service.id, error(Fault::Item, "too large for one transaction")});
    }
  }
  return steps;
}

// A node goes with its last service. It is read once more, since with it would go whatever someone else put there.
Result<void> CatalogAgent::add_end(const Plan& plan, std::vector<Step>& steps, const std::stop_token& stop) {
  std::set<std::string_view> left;
  for (const ActualService& service : known_->actual.services) left.insert(service.id);
  for (const Step& step : steps) {
    const Action& action = plan.actions[*step.action];
    if (action.verb != Verb::Deregister) return {};
    left.erase(action.service.id);
  }
  if (steps.empty() || !left.empty()) return {};
  auto now = read_node(stop);
  if (!now) return tl::unexpected(now.error());
  const auto same = [](const ActualService& a, const ActualService& b) { return a.id == b.id; };
  const auto& then = known_->actual.services;
  if (!std::equal(then.begin(), then.end(), now->actual.services.begin(), now->actual.services.end(), same)) return {};
  steps.push_back({std::nullopt, {delete_node(node_)}});
  return {};
}

void CatalogAgent::send_all(const Plan& plan, std::vector<Step> steps, Applied& applied, const std::stop_token& stop) {
  for (std::size_t next = 0; next < steps.size();) {
    auto end = send_some(plan, steps, next, applied, stop);
    if (!end) {
      applied.failures.push_back({"", std::move(end.error())});
      return;
    }
    for (; next < *end; ++next) {
      if (steps[next].action) applied.done.push_back(plan.actions[*steps[next].action]);
    }
  }
}

Result<std::size_t> CatalogAgent::send_some(const Plan& plan, std::vector<Step>& steps, std::size_t next,
                                            Applied& applied, const std::stop_token& stop) {
  while (next < steps.size()) {
    const auto proof = prove_lock_();
    if (!proof) return tl::unexpected(error(Fault::Retry, "the lock is not held: nothing is written"));
    std::vector<std::string> head{check_session(*proof)};
    if (next == 0) head.push_back(set_node(node_, host_, owner_, *known_));
    const std::size_t end = fill(steps, next, head);
    auto answer = peer_.put(kTxn, encode_txn(head, steps, next, end), stop);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == 200) return end;
    if (auto some = drop_refused(plan, *answer, head.size(), steps, next, end, applied); !some) {
      return tl::unexpected(some.error());
    }
  }
  return next;
}

// The world moved since we read it: read and plan again.
bool is_stale(std::string_view what) {
  return what.find("index is stale") != std::string_view::npos ||
         what.find("Missing node registration") != std::string_view::npos;
}

Result<void> CatalogAgent::drop_refused(const Plan& plan, const net::Response& answer, std::size_t head,
                                        std::vector<Step>& steps, std::size_t begin, std::size_t end,
                                        Applied& applied) const {
  const std::string whole = std::to_string(answer.status) + " " + answer.body;
  const auto errors = answer.status == 409 ? decode_txn_errors(answer.body) : std::vector<TxnError>();
  if (errors.empty()) return tl::unexpected(error(Fault::Retry, whole));
  std::set<std::size_t> refused;
  for (const TxnError& each : errors) {
    if (each.operation == 0) return tl::unexpected(error(Fault::Retry, "the lock is not ours any more: " + each.what));
    if (each.operation < head || is_stale(each.what)) return tl::unexpected(error(Fault::Retry, each.what));
    std::size_t step = begin;
    for (std::size_t at = head; step < end; ++step) {
      at += steps[step].operations.size();
      if (each.operation < at) break;
    }
    if (step == end || !steps[step].action) return tl::unexpected(error(Fault::Retry, each.what));
    if (!refused.insert(step).second) continue;
    applied.failures.push_back({plan.actions[*steps[step].action].service.id, error(Fault::Item, each.what)});
  }
  if (!steps.back().action) steps.pop_back();  // something stays on the node
  for (auto step = refused.rbegin(); step != refused.rend(); ++step) {
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(*step));
  }
  return {};
}

Error CatalogAgent::error(Fault fault, const std::string& text) const {
  return peer_.error(fault, "PUT", kTxn, "node " + node_ + ": " + text);
}

}  // namespace

AgentKey catalog_key(const HostRef& host) {
  const std::string& name = !host.ip.empty() ? host.ip : !host.consul_node.empty() ? host.consul_node : host.id;
  return {std::string(kScheme) + name};
}

bool is_catalog_key(const AgentKey& key) { return key.url.starts_with(kScheme); }

std::string catalog_node_name(std::string_view host) {
  constexpr std::size_t kLongest = 63 - sizeof("muster--01234567") + 1;
  std::string clean = lower(host);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')); }, '-');
  std::string dotted(clean);
  std::replace(dotted.begin(), dotted.end(), '-', '.');
  const bool faithful = is_ipv4(host) || (clean == host && !is_ipv4(dotted));
  if (faithful && clean.size() <= kLongest && !clean.ends_with('-')) return "muster-" + clean;
  return "muster-" + clean.substr(0, kLongest) + "-" + short_hash(host);
}

CatalogAgents::CatalogAgents(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials,
                             std::string owner, ProveLock prove_lock, std::shared_ptr<Census> census)
    : client_(http_options(settings)),
      url_(agent_at(settings, "127.0.0.1").url),
      credentials_(std::move(credentials)),
      owner_(std::move(owner)),
      prove_lock_(std::move(prove_lock)),
      census_(std::move(census)) {}

std::unique_ptr<Agent> CatalogAgents::at(const AgentKey& key) {
  std::string host = is_catalog_key(key) ? key.url.substr(kScheme.size()) : key.url;
  return std::make_unique<CatalogAgent>(Peer(client_, *credentials_, url_), std::move(host), owner_, prove_lock_,
                                        *census_);
}

}  // namespace muster::consul
