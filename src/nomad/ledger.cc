#include "nomad/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::string>;

constexpr std::ptrdiff_t kOverKept = 512;  // allocations of a node that are over and still told of
constexpr char kStopping[] = "Nomad is about to stop it";
constexpr char kLost[] = "its Nomad client is lost";
constexpr char kUnknown[] = "its Nomad client is disconnected";

void tidy(Ids& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

// As it would be if everything in it ran: all that it can ever have offered.
Allocation wish(Allocation allocation) {
  allocation.client_status = "running";
  allocation.desired_status = "run";
  allocation.migrate = false;
  if (!allocation.job) return allocation;
  for (const TaskBlock& task : allocation.job->tasks) {
    TaskState& state = allocation.task_states[task.name];
    state.state = "running";
    state.started = true;
  }
  return allocation;
}

Ids all_ids(const Allocation& allocation, const Node& node, const ServiceSettings& settings) {
  Made made = make_instances(wish(allocation), node, {}, settings);
  Ids ids = std::move(made.doubtful);
  for (const Instance& each : made.instances) ids.push_back(each.id);
  return ids;
}

// Before the client kills it: it begins to count its own delay when it hears of the stop, which is after us at best.
milliseconds drain_of(const Allocation& allocation, milliseconds longest) {
  if (!allocation.job) return milliseconds(0);
  const Job& job = *allocation.job;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const ServiceBlock& service : job.services) {
    const TaskBlock* const task = find_task(job, service.task);
    least = std::min(least, std::max<std::int64_t>(job.shutdown_delay, 0) +
                                (task == nullptr ? 0 : std::max<std::int64_t>(task->shutdown_delay, 0)));
  }
  if (job.services.empty()) least = job.shutdown_delay;
  return std::clamp(milliseconds(least / 2'000'000), milliseconds(0), longest);
}

void set_maintenance(std::vector<Instance>& instances, const char* reason) {
  for (Instance& each : instances) each.maintenance = reason;
}

// Null: it is not there. For entries that may be changed and for others.
auto* find_in(auto& sorted, const AllocId& id) {
  const auto at =
      std::ranges::lower_bound(sorted, id, {}, [](const auto& entry) -> const AllocId& { return entry.id; });
  return at != sorted.end() && at->id == id ? &*at : nullptr;
}

}  // namespace

const Ledger::Entry* Ledger::find(const std::string& id) const { return find_in(entries_, AllocId(id)); }
Ledger::Entry* Ledger::find(const std::string& id) { return find_in(entries_, AllocId(id)); }

Ledger::Entry& Ledger::entry_of(const std::string& id) {
  AllocId wanted(id);
  if (Entry* const known = find_in(entries_, wanted)) return *known;
  return *entries_.insert(std::ranges::lower_bound(entries_, wanted, {}, &Entry::id), Entry{std::move(wanted)});
}

Ledger::Rest& Ledger::rest_of(Entry& entry) {
  if (!entry.rest) entry.rest = std::make_unique<Rest>();
  return *entry.rest;
}

bool Ledger::news(const Allocation& allocation) const {
  const Entry* const known = find(allocation.id);
  return known == nullptr || allocation.modify_index > known->index;
}

std::vector<Instance> Ledger::instances_of(const std::string& id) const {
  if (const auto found = changed_.find(id); found != changed_.end()) return found->second;
  std::vector<Instance> out;
  if (!slice_) return out;
  const InstanceList& list = slice_->instances;
  const std::string prefix = id_prefix(id);
  std::size_t low = 0;
  for (std::size_t high = list.size(); low < high;) {
    const std::size_t middle = (low + high) / 2;
    if (list.id(middle) < prefix) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; low < list.size() && list.id(low).starts_with(prefix); ++low) out.push_back(list.at(low));
  return out;
}

// What was there and is no longer has ended: its allocation said so.
void Ledger::put(Entry& entry, std::vector<Instance> instances) {
  const std::string id = entry.id.text();
  Rest& rest = rest_of(entry);
  for (const Instance& before : instances_of(id)) rest.ended.push_back(before.id);
  tidy(rest.ended);
  tidy(rest.doubtful);
  std::erase_if(rest.ended, [&](const std::string& gone) {
    return std::binary_search(rest.doubtful.begin(), rest.doubtful.end(), gone) ||
           std::any_of(instances.begin(), instances.end(), [&](const Instance& each) { return each.id == gone; });
  });
  if (rest.ended.empty() && rest.doubtful.empty() && !rest.drained) entry.rest.reset();
  changed_[id] = std::move(instances);
}

void Ledger::finish(Entry& entry, const Allocation* allocation, const Node* node) {
  Rest& rest = rest_of(entry);
  entry.over = true;
  rest.drained.reset();
  rest.doubtful.clear();
  entry.vague = false;
  if (allocation != nullptr && allocation->job) {
    Ids ids = all_ids(*allocation, *node, settings_.services);
    rest.ended.insert(rest.ended.end(), ids.begin(), ids.end());
  }
  put(entry, {});
}

// It is there, in one state or another; `made` is what runs of it.
void Ledger::fold_live(const Allocation& allocation, Phase phase, Entry& entry, const Made& made, Time now) {
  Rest& rest = rest_of(entry);
  std::vector<Instance> before = instances_of(allocation.id);
  rest.doubtful = made.doubtful;
  entry.vague = !made.whole || !allocation.job;
  if (entry.vague) {  // what stands under it may be what could not be worked out
    for (const Instance& each : before) rest.doubtful.push_back(each.id);
  }
  const auto stands = [&](const std::string& id) {
    return std::any_of(before.begin(), before.end(), [&](const Instance& each) { return each.id == id; });
  };
  std::vector<Instance> instances;
  for (const Instance& each : made.instances) {
    // While it starts, or starts again, nothing new is offered.
    if (phase == Phase::Pending && !stands(each.id)) {
      rest.doubtful.push_back(each.id);
    } else {
      instances.push_back(each);
    }
  }
  // What cannot be worked out just now stays as it was.
  for (Instance& each : before) {
    const auto again = [&](const Instance& now_made) { return now_made.id == each.id; };
    if (std::any_of(instances.begin(), instances.end(), again)) continue;
    if (std::find(rest.doubtful.begin(), rest.doubtful.end(), each.id) == rest.doubtful.end()) continue;
    instances.push_back(std::move(each));
  }
  std::sort(instances.begin(), instances.end(), [](const Instance& a, const Instance& b) { return a.id < b.id; });
  if (phase == Phase::Stopping) set_maintenance(instances, kStopping);
  if (phase == Phase::Unknown && settings_.unknown == Doubt::Maintenance) set_maintenance(instances, kUnknown);
  if (phase == Phase::Lost && settings_.lost == Doubt::Maintenance) set_maintenance(instances, kLost);
  const bool stops = phase == Phase::Stopping && allocation.desired_status != "run";
  if (!stops) rest.drained.reset();
  if (stops && !rest.drained) rest.drained = now + drain_of(allocation, settings_.drain);
  put(entry, std::move(instances));
  if (entry.rest && entry.rest->drained && *entry.rest->drained <= now) finish(entry, nullptr, nullptr);
}

void Ledger::fold(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows, Time now,
                  std::vector<Rejection>& rejections, bool again) {
  if (!again && !news(allocation)) return;
  Entry& entry = entry_of(allocation.id);
  entry.seen = true;
  if (allocation.modify_index < entry.index) return;
  entry.index = allocation.modify_index;
  const Phase phase = phase_of(allocation);
  const bool lost = phase == Phase::Lost && settings_.lost == Doubt::Remove;
  const bool unknown = phase == Phase::Unknown && settings_.unknown == Doubt::Remove;
  const bool drained = entry.over && phase == Phase::Stopping;
  if (phase == Phase::Ended || lost || unknown || drained) return finish(entry, &allocation, &node);
  entry.over = false;
  Allocation asked = allocation;
  if (phase == Phase::Pending || phase == Phase::Lost) asked.client_status = "running";
  Made made = make_instances(asked, node, rows, settings_.services);
  rejections.insert(rejections.end(), made.rejections.begin(), made.rejections.end());
  const bool keep = phase == Phase::Lost && settings_.lost == Doubt::Keep;
  // Its rows go before it does, and the last good word is better than one without them.
  if (phase == Phase::Stopping) {
    if (std::vector<Instance> before = instances_of(allocation.id); !before.empty()) {
      made = Made{};
      made.instances = std::move(before);
    }
  }
  if (keep) {
    for (const Instance& each : instances_of(allocation.id)) made.doubtful.push_back(each.id);
    made.instances.clear();
  }
  fold_live(allocation, phase, entry, made, now);
}

void Ledger::end(const std::string& id) {
  if (Entry* const known = find(id)) finish(*known, nullptr, nullptr);
}

void Ledger::begin_list() {
  for (Entry& entry : entries_) entry.seen = false;
}

void Ledger::see(const std::string& id) {
  if (Entry* const known = find(id)) known->seen = true;
}

void Ledger::listed(bool whole) {
  complete_ = whole;
  std::ptrdiff_t over = std::ranges::count_if(entries_, &Entry::over);
  std::erase_if(entries_, [&](const Entry& entry) {
    const bool gone = over > kOverKept && entry.over && !entry.seen;
    if (gone) changed_.try_emplace(entry.id.text());
    over -= gone ? 1 : 0;
    return gone;
  });
  entries_.shrink_to_fit();
}

bool Ledger::has_live() const {
  return std::ranges::any_of(entries_, [](const Entry& entry) { return !entry.over; });
}

Ids Ledger::missing() const {
  Ids out;
  for (const Entry& entry : entries_) {
    if (!entry.over && !entry.seen) out.push_back(entry.id.text());
  }
  return out;
}

void Ledger::restart() {
  for (Entry& entry : entries_) entry.index = 0;
}

bool Ledger::tick(Time now) {
  bool changed = false;
  for (Entry& entry : entries_) {
    if (!entry.rest || !entry.rest->drained || *entry.rest->drained > now) continue;
    finish(entry, nullptr, nullptr);
    changed = true;
  }
  return changed;
}

std::optional<Ledger::Time> Ledger::due() const {
  std::optional<Time> out;
  for (const Entry& entry : entries_) {
    if (entry.rest && entry.rest->drained && (!out || *entry.rest->drained < *out)) out = entry.rest->drained;
  }
  return out;
}

SlicePtr Ledger::slice() {
  const bool complete = complete_ && std::ranges::none_of(entries_, &Entry::vague);
  if (slice_ && changed_.empty() && slice_->complete == complete) return slice_;
  Slice now;
  now.complete = complete;
  for (std::size_t i = 0; slice_ && i < slice_->instances.size(); ++i) {
    if (!changed_.contains(allocation_of(slice_->instances.id(i)))) now.instances.add(slice_->instances.at(i));
  }
  for (const auto& [id, instances] : changed_) {
    for (const Instance& each : instances) now.instances.add(each);
  }
  now.instances.seal();
  changed_.clear();
  for (const Entry& entry : entries_) {
    if (!entry.rest) continue;
    now.ended.insert(now.ended.end(), entry.rest->ended.begin(), entry.rest->ended.end());
    now.doubtful.insert(now.doubtful.end(), entry.rest->doubtful.begin(), entry.rest->doubtful.end());
  }
  tidy(now.ended);
  tidy(now.doubtful);
  if (!slice_ || *slice_ != now) slice_ = std::make_shared<const Slice>(std::move(now));
  return slice_;
}

}  // namespace muster::nomad
