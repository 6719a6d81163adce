#include "muster/breaker.h"

#include <algorithm>
#include <utility>

namespace muster {
namespace {

std::string source_of(const Action& action) {
  const auto found = action.marks.find(kMetaSource);
  return found == action.marks.end() ? std::string() : found->second;
}

bool by_absence(const Action& action) { return action.verb == Verb::Deregister && action.proof == Proof::Absent; }

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
    source.agents.erase(agent);
    source.pending.erase(agent);
  }
}

Plan Breaker::judge(Plan plan, const Wanted& wanted, Time now) {
  silent_.erase(wanted.agent);
  for (const auto& [name, count] : plan.ours) sources_[name];
  for (auto& [name, source] : sources_) judge_source(name, source, plan, wanted, now);
  return plan;
}

void Breaker::judge_source(const std::string& name, PerSource& source, Plan& plan, const Wanted& wanted, Time now) {
  const auto reads = wanted.reads.find(name);
  const std::uint64_t read = reads == wanted.reads.end() ? 0 : reads->second;
  const auto waited = source.unplanned.find(wanted.agent);  // a plan on older knowledge does not count
  if (waited != source.unplanned.end() && waited->second <= read) source.unplanned.erase(waited);
  PerAgent& agent = source.agents[wanted.agent];
  const auto ours = plan.ours.find(name);
  agent.ours = ours == plan.ours.end() ? 0 : ours->second;

  // What is still asked keeps the hold that it had; what is no longer asked is forgotten, confirmations included.
  std::map<std::string, Hold> absent;
  for (const Action& action : plan.actions) {
    if (!by_absence(action) || source_of(action) != name) continue;
    const auto known = agent.absent.find(action.service.id);
    absent[action.service.id] = known == agent.absent.end() ? Hold{now, read, false, false} : known->second;
  }
  agent.absent = std::move(absent);
  source.pending.erase(wanted.agent);
  if (agent.absent.empty()) return;

  const bool whole = source.unplanned.empty();
  const bool tripped = over_limit(source, now);
  std::vector<Action> allowed;
  for (Action& action : plan.actions) {
    const auto hold = agent.absent.find(action.service.id);
    if (!by_absence(action) || source_of(action) != name || hold == agent.absent.end()) {
      allowed.push_back(std::move(action));
      continue;
    }
    hold->second.breaker = hold->second.breaker || (whole && tripped);
    const bool pass = (whole && !tripped) || believed(hold->second, read, now);
    if (pass) {
      source.removed[wanted.agent.url + " " + action.service.id] = now;
      agent.absent.erase(hold);
      allowed.push_back(std::move(action));
    } else {
      plan.held.push_back({std::move(action), hold->second.breaker ? "breaker" : "pending"});
    }
  }
  plan.actions = std::move(allowed);
  const auto unjudged = [](const auto& entry) { return !entry.second.breaker; };
  if (std::any_of(agent.absent.begin(), agent.absent.end(), unjudged)) source.pending.insert(wanted.agent);
}

bool Breaker::over_limit(PerSource& source, Time now) const {
  std::erase_if(source.removed, [&](const auto& entry) { return now - entry.second > settings_.window; });
  std::size_t asked = source.removed.size();
  std::size_t held = source.removed.size();
  for (const auto& [key, agent] : source.agents) {
    held += agent.ours;
    for (const auto& [id, hold] : agent.absent) asked += source.removed.contains(key.url + " " + id) ? 0U : 1U;
  }
  return asked > std::max<std::size_t>(settings_.least, held * settings_.percent / 100);
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
  for (const auto& [name, source] : sources_) {
    for (const auto& [key, agent] : source.agents) {
      if (!agent.absent.empty()) out.insert(key);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace muster
