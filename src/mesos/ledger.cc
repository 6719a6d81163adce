#include "mesos/ledger.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "mesos/machines.h"

namespace muster::mesos {
namespace {

// Times are the master's own, rounded; an agent cannot have registered with it before its election.
constexpr double kClockSlack = 1.0;
// The breaker believes an absence that three reads over a minute agree on.
constexpr int kReadsAfterAbsence = 4;
constexpr std::chrono::seconds kTimeAfterAbsence{90};

bool registered_since(const AgentInfo& agent, double elected) {
  const double latest = std::max(agent.registered, agent.reregistered);
  return latest == 0 || latest + kClockSlack >= elected;
}

bool holds(const std::vector<std::string>& sorted, const std::string& id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

// Not by copies: of completed tasks there are as many as of running ones.
void merge(std::vector<std::string>& into, std::vector<std::string> more) {
  if (into.empty()) into.swap(more);
  into.insert(into.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

// The running tasks of another agent on the same host.
void append(InstanceList& into, InstanceList& from) {
  if (into.empty()) {
    into = std::move(from);
    return;
  }
  for (std::size_t i = 0; i < from.size(); ++i) into.add(from.at(i));
}

std::set<std::string_view> recovered_ids(const State& state) {
  std::set<std::string_view> ids;
  if (!state.recovered) return ids;
  for (const RecoveredAgent& agent : *state.recovered) ids.insert(agent.id);
  return ids;
}

bool knows_no_agent(const State& state) {
  return state.agents.empty() && (!state.recovered || state.recovered->empty());
}

// Masters list completed tasks for long and forget the oldest: neither may make a slice differ. Of what a read lists as
// ended, what ran a read ago is news; what was told before stays told, as long as it is little.
void keep_news(const Slice& before, Slice& now) {
  constexpr std::size_t kKept = 512;
  std::erase_if(now.ended,
                [&](const std::string& id) { return !before.instances.contains(id) && !holds(before.ended, id); });
  if (before.ended.size() + now.ended.size() > kKept) return;
  std::vector<std::string> told = before.ended;
  std::erase_if(told, [&](const std::string& id) { return now.instances.contains(id); });
  merge(now.ended, told);
}

}  // namespace

Ledger::Ledger(LedgerSettings settings) : settings_(settings) {}

std::shared_ptr<const InstanceList> Ledger::held(const std::string& agent) const {
  const auto known = agents_.find(agent);
  const auto host = known == agents_.end() ? hosts_.end() : hosts_.find(known->second.pid.ip);
  if (host == hosts_.end() || !host->second.slice) return nullptr;
  return {host->second.slice, &host->second.slice->instances};
}

bool Ledger::another_cluster(const State& state) const {
  if (agents_.empty() || knows_no_agent(state)) return false;
  // An agent that lost its work folder comes back under a new id, at its old address.
  std::set<std::pair<std::string_view, std::uint16_t>> places;
  for (const auto& [id, agent] : agents_) places.emplace(agent.pid.ip, agent.pid.port);
  for (const AgentInfo& agent : state.agents) {
    if (agents_.contains(agent.id) || (agent.pid && places.contains({agent.pid->ip, agent.pid->port}))) return false;
  }
  for (const std::string_view id : recovered_ids(state)) {
    if (agents_.contains(std::string(id))) return false;
  }
  return true;
}

void Ledger::note_election(const State& state, const Moment& moment) {
  if (reads_ == 0) first_read_ = moment.now;
  if (reads_ == 0 || state.master.elected_time != elected_time_) elected_seen_ = moment.now;
  elected_time_ = state.master.elected_time;
  ++reads_;
  const auto age = std::max<std::chrono::nanoseconds>(moment.elected_for, moment.now - elected_seen_);
  young_ = age < settings_.failover_grace;
  blind_ = knows_no_agent(state) || (!state.recovered && young_);
  wants_read_ = false;
  unsettled_ = young_ || blind_;
  --absent_reads_;
}

// What keeps the next read from being a late one.
void Ledger::note_open(const Host& host, Time now) {
  const bool grace = std::any_of(host.lost_since.begin(), host.lost_since.end(),
                                 [&](const auto& lost) { return now - lost.second < settings_.lost_grace; });
  unsettled_ = unsettled_ || grace || !host.slice->complete || !host.misses.empty();
}

void Ledger::add_registered(State& state, Drafts& drafts, Time now) {
  std::set<std::pair<std::string, std::uint16_t>> places;
  for (const AgentInfo& agent : state.agents) {
    const auto known = agents_.find(agent.id);
    if (!agent.pid && known == agents_.end()) continue;
    const Pid pid = agent.pid ? *agent.pid : known->second.pid;
    if (known != agents_.end()) drafts[known->second.pid.ip].spoken_for = true;  // it may have moved
    agents_[agent.id] = {pid, now, reads_};
    places.emplace(pid.ip, pid.port);
    Draft& draft = drafts[pid.ip];
    draft.spoken_for = true;
    if (!agent.pid || !registered_since(agent, elected_time_)) draft.settled = false;
    if (const auto tasks = state.tasks.find(agent.id); tasks != state.tasks.end()) {
      append(draft.slice.instances, tasks->second.running);
      merge(draft.slice.ended, std::move(tasks->second.ended));
      merge(draft.lost, std::move(tasks->second.lost));
      merge(draft.pending, std::move(tasks->second.pending));
      draft.settled = draft.settled && tasks->second.whole;
      state.tasks.erase(tasks);  // its memory is wanted for the next
    }
    draft.slice.instances.add(make_agent(agent, pid));
  }
  // A process that listens where an absent agent did has taken its place.
  std::set<std::string_view> present;
  for (const AgentInfo& agent : state.agents) present.insert(agent.id);
  std::erase_if(agents_, [&](const auto& known) {
    return !present.contains(known.first) && places.contains({known.second.pid.ip, known.second.pid.port});
  });
}

void Ledger::add_absent(State& state, Drafts& drafts, Time now) {
  const std::set<std::string_view> recovered = recovered_ids(state);
  for (auto known = agents_.begin(); known != agents_.end();) {
    const auto& [id, agent] = *known;
    if (agent.last_read == reads_) {
      ++known;
      continue;
    }
    Draft& draft = drafts[agent.pid.ip];
    draft.spoken_for = true;
    const bool may_return =
        recovered.contains(id) || young_ || (!state.recovered && now - agent.last_seen < settings_.failover_grace);
    const auto tasks = state.tasks.find(id);
    const bool has_lost = tasks != state.tasks.end() && !tasks->second.lost.empty();
    const bool has_running = tasks != state.tasks.end() && !tasks->second.running.empty();
    if (tasks != state.tasks.end()) merge(draft.slice.ended, std::move(tasks->second.ended));
    if (has_lost) merge(draft.lost, tasks->second.lost);
    if (may_return || has_running) draft.settled = false;
    const bool keep = may_return || has_running || (has_lost && now - agent.last_seen < settings_.lost_grace);
    known = keep || blind_ ? std::next(known) : agents_.erase(known);
  }
}

Domain Ledger::domain_of(const State& state, const Drafts& drafts, Time now) const {
  if (blind_ || young_ || !state.whole || (state.recovered && !state.recovered->empty())) return Domain::Listed;
  // Unreachable agents are in no list. Those that we have met are carried; others may hold services of an earlier run.
  if (state.master.unreachable_agents > 0 && now - first_read_ < settings_.failover_grace) return Domain::Listed;
  for (const AgentInfo& agent : state.agents) {
    if (!agent.pid) return Domain::Listed;
  }
  for (const auto& [id, tasks] : state.tasks) {
    if (agents_.contains(id)) continue;
    const bool doubtful = !tasks.lost.empty() && now - first_read_ < settings_.lost_grace;
    if (!tasks.running.empty() || doubtful) return Domain::Listed;
  }
  const bool settled = std::all_of(drafts.begin(), drafts.end(), [](const auto& each) { return each.second.settled; });
  return settled ? Domain::All : Domain::Listed;
}

// Whether a master that names no agent, but has led for long, still tells by name that all the tasks of this host are
// out of reach, and the grace of each has run out.
bool Ledger::all_lost(const Host& host, const Draft& draft, Time now) const {
  if (young_ || !draft.settled || !draft.spoken_for || draft.lost.empty() || !host.slice) return false;
  const InstanceList& held = host.slice->instances;
  for (std::size_t i = 0; i < held.size(); ++i) {
    const Instance instance = held.at(i);
    if (instance.kind != Kind::Task) continue;
    const auto lost = host.lost_since.find(instance.id);
    if (!holds(draft.lost, instance.id) || lost == host.lost_since.end()) return false;
    if (now - lost->second < settings_.lost_grace) return false;
  }
  return true;
}

void Ledger::doubt(Host& host, Draft& draft, Time now) const {
  std::erase_if(host.lost_since,
                [&](const auto& lost) { return draft.slice.complete && !holds(draft.lost, lost.first); });
  for (const std::string& id : draft.lost) {
    const Time since = host.lost_since.try_emplace(id, now).first->second;
    if (now - since < settings_.lost_grace) draft.slice.doubtful.push_back(id);
  }
  merge(draft.slice.doubtful, draft.pending);
  // An end of an earlier task of the same id says nothing of this one.
  std::erase_if(draft.slice.ended, [&](const std::string& id) { return holds(draft.lost, id); });
}

bool Ledger::carries(Host& host, const Draft& draft, const std::string& id) const {
  if (holds(draft.slice.ended, id)) return false;
  if (!draft.slice.complete) return true;
  if (holds(draft.lost, id)) return holds(draft.slice.doubtful, id);
  return ++host.misses[id] < settings_.misses_before_remove;
}

SlicePtr Ledger::settle(Host& host, Draft& draft, Time now) const {
  InstanceList& fresh = draft.slice.instances;
  fresh.seal();
  std::erase_if(draft.slice.ended, [&](const std::string& id) { return fresh.contains(id); });
  std::vector<std::string> left;
  std::set_difference(host.masters.begin(), host.masters.end(), draft.masters.begin(), draft.masters.end(),
                      std::back_inserter(left));
  merge(draft.slice.ended, left);
  host.masters = std::move(draft.masters);
  if (host.slice) keep_news(*host.slice, draft.slice);
  doubt(host, draft, now);
  std::vector<std::size_t> carried;
  std::map<std::string, int> misses;
  for (std::size_t i = 0; host.slice && i < host.slice->instances.size(); ++i) {
    const std::string_view id = host.slice->instances.id(i);
    if (fresh.contains(id) || !carries(host, draft, std::string(id))) continue;
    carried.push_back(i);
    if (const auto missed = host.misses.find(std::string(id)); missed != host.misses.end()) misses.insert(*missed);
  }
  host.misses = std::move(misses);
  for (const std::size_t i : carried) fresh.add(host.slice->instances.at(i));
  if (!carried.empty()) fresh.seal();
  if (!host.slice || *host.slice != draft.slice) {
    draft.slice.ended.shrink_to_fit();
    host.slice = std::make_shared<const Slice>(std::move(draft.slice));
  }
  std::erase_if(host.status_at, [&](const auto& told) { return !host.slice->instances.contains(told.first); });
  return host.slice;
}

Result<Update> Ledger::fold(State state, const Masters& masters, const Moment& moment) {
  if (another_cluster(state)) {
    return fail(Fault::Keep, "master " + state.master.pid + " (" + state.master.id +
                                 ") knows none of our agents: another cluster? Restart muster to follow it");
  }
  note_election(state, moment);
  if (young_) {
    for (const auto& [id, name] : state.groups) groups_.insert_or_assign(id, name);
  } else {
    groups_ = std::move(state.groups);
  }
  Drafts drafts;
  add_registered(state, drafts, moment.now);
  add_absent(state, drafts, moment.now);
  for (const auto& [ip, host] : hosts_) drafts.try_emplace(ip);
  Update update;
  update.domain = domain_of(state, drafts, moment.now);
  update.slices.reserve(drafts.size() + masters.all.size());
  bool missed = reads_ == 1;  // what an earlier run has left may be absent
  std::set<std::string> stays;
  for (const auto& [id, agent] : agents_) stays.insert(agent.pid.ip);
  for (const Master& master : masters.all) {
    if (master.ip.empty()) continue;
    const bool leads = masters.leader && masters.leader->base == master.base;
    const Instance instance = make_master(master, leads);
    Draft& draft = drafts[master.ip];
    draft.slice.instances.add(instance);
    merge(draft.masters, {instance.id});
    stays.insert(master.ip);
  }
  for (auto& [ip, draft] : drafts) {
    // Of a host without an agent only a whole list of hosts can say that no agent is on it.
    draft.slice.complete =
        draft.settled && !blind_ && state.whole && (draft.spoken_for || update.domain == Domain::All);
    Host& host = hosts_[ip];
    if (blind_ && state.whole) draft.slice.complete = all_lost(host, draft, moment.now);
    keep_newer(host, draft, moment.begun);
    forget_heard(host, draft, moment.begun);
    const SlicePtr before = host.slice;
    update.slices.push_back({{ip, ip, {}, {}}, settle(host, draft, moment.now)});
    note_open(host, moment.now);
    missed = missed || (before && before != host.slice && missed_any(*before, *host.slice));
    if (!stays.contains(ip) && host.slice->instances.empty()) hosts_.erase(ip);
  }
  if (missed) {
    absent_reads_ = kReadsAfterAbsence;
    absent_until_ = moment.now + kTimeAfterAbsence;
  }
  changed_.clear();  // all of it is in this answer
  update.rejections = std::move(state.rejections);
  std::move(heard_rejections_.begin(), heard_rejections_.end(), std::back_inserter(update.rejections));
  heard_rejections_.clear();
  return update;
}

}  // namespace muster::mesos
