#include "muster/breaker.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "core/marks.h"

namespace muster {
namespace {

std::string source_of(const Action& action) { return mark(action.marks, kMetaSource); }

bool by_absence(const Action& action) { return action.verb == Verb::Deregister && action.proof == Proof::Absent; }

std::string key_of(const AgentKey& agent, const std::string& service_id) { return agent.url + " " + service_id; }

std::uint64_t reads_of(const Wanted& wanted, const std::string& source) {
  const auto found = wanted.reads.find(source);
  return found == wanted.reads.end() ? 0 : found->second;
}

}  // namespace

void Breaker::expect(const std::string& source, std::uint64_t read, const std::vector<AgentKey>& agents) {
  for (const AgentKey& agent : agents) {
    if (!silent_.contains(agent)) sources_[source].unplanned[agent] = read;
  }
}

void Breaker::skip(const AgentKey& agent) {
  silent_.insert(agent);
  for (auto& [name, source] : sources_) source.unplanned.erase(agent);
}

void Breaker::forget(const AgentKey& agent) {
  skip(agent);
  silent_.erase(agent);
  for (auto& [name, source] : sources_) {
    const auto known = source.agents.find(agent);
    if (known == source.agents.end()) continue;
    source.ours -= known->second.ours;
    source.waiting -= known->second.absent.size();
    source.agents.erase(known);
    source.holding.erase(agent);
    source.pending.erase(agent);
  }
}

Plan Breaker::judge(Plan plan, const Wanted& wanted, Time now) {
  silent_.erase(wanted.agent);
  for (const auto& [name, count] : plan.ours) sources_[name];
  for (auto& [name, source] : sources_) judge_source(name, source, plan, wanted, now);
  return plan;
}

// What the agent holds and is asked to give up now. What is still asked keeps the hold that it had; what is no longer
// asked is forgotten, confirmations included; what was let through before and is still there was counted then. One that
// was let through, came back and is absent again counts again.
void Breaker::take_in(const std::string& name, PerSource& source, const Plan& plan, const Wanted& wanted, Time now) {
  const std::uint64_t read = reads_of(wanted, name);
  const auto waited = source.unplanned.find(wanted.agent);  // a plan on older knowledge does not count
  if (waited != source.unplanned.end() && waited->second <= read) source.unplanned.erase(waited);

  std::set<std::string> asked;
  for (const Action& action : plan.actions) {
    if (by_absence(action) && source_of(action) == name) asked.insert(key_of(wanted.agent, action.service.id));
  }
  const std::string agent_key = key_of(wanted.agent, "");
  for (auto at = source.removed.lower_bound(agent_key);
       at != source.removed.end() && at->first.starts_with(agent_key);) {
    at = asked.contains(at->first) ? std::next(at) : source.removed.erase(at);
  }

  PerAgent next;
  const auto ours = plan.ours.find(name);
  if (ours != plan.ours.end()) next.ours = ours->second;
  PerAgent& agent = source.agents[wanted.agent];
  for (const Action& action : plan.actions) {
    const std::string& id = action.service.id;
    if (!by_absence(action) || source_of(action) != name || source.removed.contains(key_of(wanted.agent, id))) continue;
    const auto known = agent.absent.find(id);
    next.absent[id] = known == agent.absent.end() ? Hold{now, read, false, false} : known->second;
  }
  source.ours += next.ours - agent.ours;
  source.waiting += next.absent.size() - agent.absent.size();
  agent = std::move(next);
}

void Breaker::judge_source(const std::string& name, PerSource& source, Plan& plan, const Wanted& wanted, Time now) {
  forget_old(source, now);
  take_in(name, source, plan, wanted, now);
  source.holding.erase(wanted.agent);
  source.pending.erase(wanted.agent);
  auto& absent = source.agents[wanted.agent].absent;
  if (absent.empty()) return;

  const bool whole = source.unplanned.empty();
  const bool tripped = over_limit(source);
  std::vector<Action> allowed;
  for (Action& action : plan.actions) {
    const auto hold = absent.find(action.service.id);
    if (!by_absence(action) || source_of(action) != name || hold == absent.end()) {
      allowed.push_back(std::move(action));
      continue;
    }
    hold->second.breaker = hold->second.breaker || (whole && tripped);
    if ((whole && !tripped) || believed(hold->second, reads_of(wanted, name), now)) {
      const std::string key = key_of(wanted.agent, action.service.id);
      source.removed[key] = now;
      source.removals.emplace_back(now, key);
      absent.erase(hold);
      --source.waiting;
      allowed.push_back(std::move(action));
    } else {
      plan.held.push_back({std::move(action), hold->second.breaker ? "breaker" : "pending"});
    }
  }
  plan.actions = std::move(allowed);
  if (!absent.empty()) source.holding.insert(wanted.agent);
  const auto unjudged = [](const auto& entry) { return !entry.second.breaker; };
  if (std::any_of(absent.begin(), absent.end(), unjudged)) source.pending.insert(wanted.agent);
}

void Breaker::forget_old(PerSource& source, Time now) const {
  while (!source.removals.empty() && now - source.removals.front().first > settings_.window) {
    const auto known = source.removed.find(source.removals.front().second);
    if (known != source.removed.end() && known->second == source.removals.front().first) source.removed.erase(known);
    source.removals.pop_front();
  }
}

bool Breaker::over_limit(const PerSource& source) const {
  const std::size_t gone = source.removals.size();
  return gone + source.waiting > std::max<std::size_t>(settings_.least, (gone + source.ours) * settings_.percent / 100);
}

bool Breaker::believed(const Hold& hold, std::uint64_t reads, Time now) const {
  if (hold.confirmed) return true;
  return reads + 1 >= hold.read + settings_.reads && now - hold.since >= settings_.time;
}

void Breaker::confirm() {
  for (auto& [name, source] : sources_) {
    for (auto& [key, agent] : source.agents) {
      for (auto& [id, hold] : agent.absent) hold.confirmed = hold.confirmed || hold.breaker;
    }
  }
}

// After every run over an agent: no walk over all of them.
std::vector<AgentKey> Breaker::take_ripe() {
  std::vector<AgentKey> out;
  for (auto& [name, source] : sources_) {
    if (source.unplanned.empty()) out.insert(out.end(), source.pending.begin(), source.pending.end());
  }
  return out;
}

std::vector<AgentKey> Breaker::holding() const {
  std::set<AgentKey> out;
  for (const auto& [name, source] : sources_) out.insert(source.holding.begin(), source.holding.end());
  return {out.begin(), out.end()};
}

}  // namespace muster
