#include "run/board.h"

#include <utility>

#include "core/marks.h"

namespace muster::run {

std::vector<AgentKey> Board::post(const std::string& source, const Update& update, const Before& before) {
  const std::lock_guard lock(mutex_);
  Known& known = sources_[source];
  if (update.full) ++known.reads;
  std::set<AgentKey> dirty;
  for (const HostSlice& said : update.slices) put(source, known, said, dirty);
  if (update.domain == Domain::All) drop_unlisted(source, known, update, dirty);
  std::vector<AgentKey> out(dirty.begin(), dirty.end());
  if (before) before(out, known.reads);
  return out;
}

void Board::put(const std::string& source, Known& known, const HostSlice& said, std::set<AgentKey>& dirty) {
  Entry& entry = known.hosts[said.host.id];
  const AgentKey agent = resolver_(said.host);
  const bool same = entry.slice && entry.agent == agent && entry.host == said.host &&
                    (entry.slice == said.slice || *entry.slice == *said.slice);
  if (same) return;
  if (entry.slice && entry.agent != agent) {  // the host is served by another agent now: the old one is cleaned too
    agents_[entry.agent].erase({source, said.host.id});
    dirty.insert(entry.agent);
  }
  entry = Entry{said.host, said.slice, agent};
  agents_[agent].insert({source, said.host.id});
  dirty.insert(agent);
}

void Board::drop_unlisted(const std::string& source, Known& known, const Update& update, std::set<AgentKey>& dirty) {
  if (!known.settled) {  // from now on an unknown host is proof, so every agent may have something to remove
    known.settled = true;
    for (const auto& [agent, served] : agents_) dirty.insert(agent);
  }
  std::set<std::string_view> listed;
  for (const HostSlice& said : update.slices) listed.insert(said.host.id);
  std::erase_if(known.hosts, [&](const auto& host) {
    if (listed.contains(host.first)) return false;
    agents_[host.second.agent].erase({source, host.first});
    dirty.insert(host.second.agent);
    return true;
  });
}

Wanted Board::wanted(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  Wanted out{agent, {}, {}, {}};
  for (const auto& [source, known] : sources_) {
    out.reads[source] = known.reads;
    if (known.settled) out.settled.push_back(source);
  }
  const auto served = agents_.find(agent);
  if (served == agents_.end()) return out;
  for (const auto& [source, host] : served->second) {
    const Entry& entry = sources_.at(source).hosts.at(host);
    out.slices.push_back({source, entry.host, entry.slice});
  }
  return out;
}

std::vector<WantedSlice> Board::moved(const AgentKey& agent, const Plan& plan) const {
  Served named;
  for (const Action& action : plan.actions) {
    if (action.verb == Verb::Deregister) named.emplace(mark(action.marks, kMetaSource), mark(action.marks, kMetaHost));
  }
  std::vector<WantedSlice> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [source, host] : named) {
    const auto known = sources_.find(source);
    if (known == sources_.end()) continue;
    const auto entry = known->second.hosts.find(host);
    if (entry == known->second.hosts.end() || entry->second.agent == agent) continue;
    out.push_back({source, entry->second.host, entry->second.slice});
  }
  return out;
}

std::vector<AgentKey> Board::agents() const {
  const std::lock_guard lock(mutex_);
  std::vector<AgentKey> out;
  for (const auto& [agent, served] : agents_) out.push_back(agent);
  return out;
}

void Board::visit(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  agents_[agent];
}

bool Board::serves(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  const auto served = agents_.find(agent);
  return served != agents_.end() && !served->second.empty();
}

std::vector<AgentKey> Board::hostless() const {
  const std::lock_guard lock(mutex_);
  std::vector<AgentKey> out;
  for (const auto& [agent, served] : agents_) {
    if (served.empty()) out.push_back(agent);
  }
  return out;
}

void Board::retire(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  const auto served = agents_.find(agent);
  if (served != agents_.end() && served->second.empty()) agents_.erase(served);
}

std::size_t Board::instances(const std::string& source) const {
  const std::lock_guard lock(mutex_);
  const auto known = sources_.find(source);
  if (known == sources_.end()) return 0;
  std::size_t out = 0;
  for (const auto& [id, entry] : known->second.hosts) out += entry.slice->instances.size();
  return out;
}

}  // namespace muster::run
