// What events change in the ledger: one task of one host at a time.
#include <algorithm>
#include <utility>

#include "mesos/ledger.h"
#include "mesos/task.h"

namespace muster::mesos {
namespace {

constexpr std::size_t kMostStaged = 1000;  // of one host
constexpr std::size_t kMostEnded = 512;    // told of one host; older ones are proven by complete reads
constexpr std::size_t kMostRejections = 1000;

bool holds(const std::vector<std::string>& sorted, const std::string& id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

void insert(std::vector<std::string>& sorted, const std::string& id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at == sorted.end() || *at != id) sorted.insert(at, id);
}

}  // namespace

struct Ledger::Said {
  const Event& event;
  const std::string& ip;
  const KnownAgent& agent;
  Host& host;
  const std::string& group;
  bool shared;  // by another framework: the group
  Time now;

  // The task that is meant, if it is among the instances. Ids are unique within a framework only.
  std::optional<Instance> known() const {
    const InstanceList& list = host.slice->instances;
    for (std::size_t i = 0; list.contains(event.task) && i < list.size(); ++i) {
      if (list.id(i) != event.task) continue;
      Instance instance = list.at(i);
      if (means(instance)) return instance;
    }
    return std::nullopt;
  }
  // Frameworks may share a name, and their tasks an id: then nobody can say which of the two the event is about.
  bool ambiguous() const {
    const auto staged = host.staged.find(event.task);
    if (staged != host.staged.end() && staged->second.framework != event.framework) return true;
    const InstanceList& list = host.slice->instances;
    if (!list.contains(event.task)) return false;
    std::size_t namesakes = 0;
    for (std::size_t i = 0; i < list.size(); ++i) namesakes += list.id(i) == event.task ? 1 : 0;
    const bool waits = holds(host.slice->doubtful, event.task) && !host.lost_since.contains(event.task);
    return shared || namesakes > 1 || waits || staged != host.staged.end();
  }
  // Its end was told already. Events of one task come in order, so that this is another one of its id, or nonsense.
  bool over() const {
    const auto heard = host.heard.find(event.task);
    return holds(host.slice->ended, event.task) || (heard != host.heard.end() && heard->second.over);
  }
  bool means(const Instance& instance) const {
    return instance.kind == Kind::Task && instance.id == event.task && instance.group == group;
  }
};

void Ledger::hear(const Event& event, Time now) {
  switch (event.kind) {
    case EventKind::TaskAdded:
    case EventKind::TaskUpdated:
      return hear_task(event, now);
    case EventKind::FrameworkNamed:
      groups_.insert_or_assign(event.framework, event.framework_name);
      return;
    case EventKind::AgentAdded:
    case EventKind::AgentRemoved:
      wants_read_ = true;
      return;
    case EventKind::Unread:
    case EventKind::Unknown:
      wants_read_ = wants_read_ || event.kind == EventKind::Unread;
      if (heard_rejections_.size() < kMostRejections) {
        heard_rejections_.push_back(
            {Reason::BadEvent, "", event.problem.empty() ? "event of type " + event.type : event.problem});
      }
      return;
    case EventKind::Subscribed:
    case EventKind::Heartbeat:
    case EventKind::FrameworkRemoved:  // the end of each of its tasks is told
      return;
  }
}

bool Ledger::shares_name(const std::string& group) const {
  return std::count_if(groups_.begin(), groups_.end(), [&](const auto& each) { return each.second == group; }) > 1;
}

void Ledger::hear_task(const Event& event, Time now) {
  const auto agent = agents_.find(event.agent);
  const auto group = groups_.find(event.framework);
  const auto host = agent == agents_.end() ? hosts_.end() : hosts_.find(agent->second.pid.ip);
  if (host == hosts_.end() || !host->second.slice) {
    wants_read_ = true;
    return;
  }
  static const std::string kNobody;
  const std::string& name = group == groups_.end() ? kNobody : group->second;
  const Said said{event, host->first, agent->second, host->second, name, shares_name(name), now};
  if (group == groups_.end()) {
    // Nobody can say whether this is the task that we know, or what the rules think of its framework.
    wants_read_ = true;
    if (!said.host.slice->instances.contains(event.task)) put(said, std::nullopt, Word::Doubtful);
    return;
  }
  if (said.ambiguous()) {
    wants_read_ = true;
    return;
  }
  switch (phase_of(event.state)) {
    case Phase::Running:
    case Phase::Draining:
      return on_running(said);
    case Phase::Pending:
      return on_pending(said);
    case Phase::Ended:
      return on_ended(said);
    case Phase::Lost:
      return on_lost(said);
  }
}

void Ledger::on_running(const Said& said) {
  const Event& event = said.event;
  std::optional<Instance> instance = said.known();
  if (instance && event.kind == EventKind::TaskAdded) {
    // Told again when its agent comes back: then nothing is new.
    const auto again =
        decode_task(event.body, event.agent, said.agent.pid, event.framework, said.group, heard_rejections_);
    wants_read_ = wants_read_ || again != instance;
    return;
  }
  if (instance) {
    const auto last = said.host.status_at.find(event.task);
    if (event.status_time > 0 && last != said.host.status_at.end() && event.status_time < last->second) {
      wants_read_ = true;
      return;
    }
    take_status(said, *instance);
  } else if (!said.over()) {
    const auto staged = said.host.staged.find(event.task);
    std::string text = event.kind == EventKind::TaskAdded ? event.body : std::string();
    if (text.empty() && staged != said.host.staged.end()) {
      text = with_status(staged->second.body, event.state, event.body);
    }
    if (!text.empty()) {
      instance = decode_task(text, event.agent, said.agent.pid, event.framework, said.group, heard_rejections_);
    }
  }
  if (!instance) {
    wants_read_ = true;
    return put(said, std::nullopt, Word::Doubtful);
  }
  said.host.lost_since.erase(event.task);
  said.host.misses.erase(event.task);
  said.host.staged.erase(event.task);
  if (event.status_time > 0) said.host.status_at.insert_or_assign(event.task, event.status_time);
  put(said, instance, Word::Runs);
}

void Ledger::take_status(const Said& said, Instance& instance) {
  const Event& event = said.event;
  instance.draining = phase_of(event.state) == Phase::Draining;
  if (!event.healthy) return;
  const Health health = *event.healthy ? Health::Passing : Health::Failing;
  // A read does not tell how old the health is that it told.
  const bool first = !said.host.status_at.contains(event.task);
  if (first && health == Health::Failing && instance.health != health) wants_read_ = true;
  instance.health = health;
}

void Ledger::on_pending(const Said& said) {
  const Event& event = said.event;
  if (said.host.slice->instances.contains(event.task)) {
    // Events of one task come in order: another one of the same id, or nonsense.
    if (event.kind == EventKind::TaskUpdated) return;
    wants_read_ = true;
    said.host.staged.insert_or_assign(event.task, Staged{event.framework, event.body});
    return;
  }
  if (said.over()) {
    wants_read_ = true;
  } else if (event.kind == EventKind::TaskAdded && said.host.staged.size() < kMostStaged) {
    said.host.staged.insert_or_assign(event.task, Staged{event.framework, event.body});
  }
  put(said, std::nullopt, Word::Doubtful);
}

void Ledger::on_ended(const Said& said) {
  said.host.lost_since.erase(said.event.task);
  said.host.misses.erase(said.event.task);
  said.host.staged.erase(said.event.task);
  said.host.status_at.erase(said.event.task);
  put(said, std::nullopt, Word::Ended);
}

void Ledger::on_lost(const Said& said) {
  const Time since = said.host.lost_since.try_emplace(said.event.task, said.now).first->second;
  if (said.now - since >= settings_.lost_grace) return;
  unsettled_ = true;
  put(said, said.known(), Word::Doubtful);
}

void Ledger::put(const Said& said, const std::optional<Instance>& instance, Word word) {
  const std::string& id = said.event.task;
  const Slice& before = *said.host.slice;
  Slice after;
  after.complete = before.complete;
  after.ended = before.ended;
  after.doubtful = before.doubtful;
  bool another = false;  // task of the same id, of another framework
  for (std::size_t i = 0; i < before.instances.size(); ++i) {
    const Instance each = before.instances.at(i);
    if (said.means(each)) continue;
    another = another || each.id == id;
    after.instances.add(each);
  }
  if (instance) after.instances.add(*instance);
  after.instances.seal();
  std::erase(after.ended, id);
  std::erase(after.doubtful, id);
  if (word == Word::Doubtful) insert(after.doubtful, id);
  if (word == Word::Ended && !another) {
    if (after.ended.size() >= kMostEnded) after.ended.clear();
    insert(after.ended, id);
  }
  Heard& heard = said.host.heard[id];
  heard = {said.now, heard.over || word == Word::Ended};
  if (after == before) return;
  said.host.slice = std::make_shared<const Slice>(std::move(after));
  changed_.insert(said.ip);
}

std::optional<Update> Ledger::take_heard() {
  if (changed_.empty()) return std::nullopt;
  Update update;
  update.domain = Domain::Listed;
  update.full = false;
  for (const std::string& ip : changed_) update.slices.push_back({{ip, ip, {}, {}}, hosts_.at(ip).slice});
  update.rejections = std::exchange(heard_rejections_, {});
  changed_.clear();
  return update;
}

bool Ledger::calm(Time now) const { return !unsettled_ && absent_reads_ <= 0 && now >= absent_until_; }

// What events said after the read was begun stands in its place.
void Ledger::keep_newer(const Host& host, Draft& draft, Time begun) {
  std::set<std::string> newer;
  for (const auto& [id, heard] : host.heard) {
    if (heard.last > begun) newer.insert(id);
  }
  if (newer.empty() || !host.slice) return;
  InstanceList read = std::exchange(draft.slice.instances, {});
  read.seal();
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!newer.contains(std::string(read.id(i)))) draft.slice.instances.add(read.at(i));
  }
  const InstanceList& held = host.slice->instances;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (newer.contains(std::string(held.id(i)))) draft.slice.instances.add(held.at(i));
  }
  for (std::vector<std::string>* list : {&draft.slice.ended, &draft.lost, &draft.pending}) {
    std::erase_if(*list, [&](const std::string& id) { return newer.contains(id); });
  }
  for (const std::string& id : newer) {
    if (holds(host.slice->ended, id)) insert(draft.slice.ended, id);
    if (holds(host.slice->doubtful, id)) insert(host.lost_since.contains(id) ? draft.lost : draft.pending, id);
  }
}

// Tasks that the read knows otherwise need no more be remembered.
void Ledger::forget_heard(Host& host, const Draft& draft, Time begun) {
  std::erase_if(host.heard, [&](const auto& heard) { return heard.second.last <= begun; });
  if (!draft.slice.complete) return;
  std::erase_if(host.staged, [&](const auto& staged) {
    return !host.heard.contains(staged.first) && !holds(draft.pending, staged.first);
  });
}

// Whether a task went by its mere absence, which the breaker wants to see in several reads.
bool Ledger::missed_any(const Slice& before, const Slice& after) {
  for (std::size_t i = 0; i < before.instances.size(); ++i) {
    const std::string id(before.instances.id(i));
    if (!after.instances.contains(id) && !holds(after.ended, id)) return true;
  }
  return false;
}

}  // namespace muster::mesos
