#include "nomad/ledger.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::string>;

constexpr std::size_t kOverKept = 512;  // allocations of a node that are over and still told of
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

}  // namespace

bool Ledger::news(const Allocation& allocation) const {
  const auto known = entries_.find(allocation.id);
  return known == entries_.end() || allocation.modify_index > known->second.index;
}

std::uint64_t Ledger::index_of(const std::string& id) const {
  const auto known = entries_.find(id);
  return known == entries_.end() ? 0 : known->second.index;
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
void Ledger::put(const std::string& id, Entry& entry, std::vector<Instance> instances) {
  for (const Instance& before : instances_of(id)) entry.ended.push_back(before.id);
  tidy(entry.ended);
  tidy(entry.doubtful);
  std::erase_if(entry.ended, [&](const std::string& gone) {
    return std::binary_search(entry.doubtful.begin(), entry.doubtful.end(), gone) ||
           std::any_of(instances.begin(), instances.end(), [&](const Instance& each) { return each.id == gone; });
  });
  changed_[id] = std::move(instances);
}

void Ledger::finish(const std::string& id, Entry& entry, const Allocation* allocation, const Node* node) {
  entry.over = true;
  entry.drained.reset();
  entry.doubtful.clear();
  entry.vague = false;
  if (allocation != nullptr && allocation->job) {
    Ids ids = all_ids(*allocation, *node, settings_.services);
    entry.ended.insert(entry.ended.end(), ids.begin(), ids.end());
  }
  put(id, entry, {});
}

// It is there, in one state or another; `made` is what runs of it.
void Ledger::fold_live(const Allocation& allocation, Entry& entry, const Made& made, Time now) {
  std::vector<Instance> before = instances_of(allocation.id);
  entry.doubtful = made.doubtful;
  entry.vague = !made.whole || !allocation.job;
  if (entry.vague) {  // what stands under it may be what could not be worked out
    for (const Instance& each : before) entry.doubtful.push_back(each.id);
  }
  const auto stands = [&](const std::string& id) {
    return std::any_of(before.begin(), before.end(), [&](const Instance& each) { return each.id == id; });
  };
  std::vector<Instance> instances;
  for (const Instance& each : made.instances) {
    // While it starts, or starts again, nothing new is offered.
    if (entry.phase == Phase::Pending && !stands(each.id)) {
      entry.doubtful.push_back(each.id);
    } else {
      instances.push_back(each);
    }
  }
  // What cannot be worked out just now stays as it was.
  for (Instance& each : before) {
    const auto again = [&](const Instance& now_made) { return now_made.id == each.id; };
    if (std::any_of(instances.begin(), instances.end(), again)) continue;
    if (std::find(entry.doubtful.begin(), entry.doubtful.end(), each.id) == entry.doubtful.end()) continue;
    instances.push_back(std::move(each));
  }
  std::sort(instances.begin(), instances.end(), [](const Instance& a, const Instance& b) { return a.id < b.id; });
  if (entry.phase == Phase::Stopping) set_maintenance(instances, kStopping);
  if (entry.phase == Phase::Unknown && settings_.unknown == Doubt::Maintenance) set_maintenance(instances, kUnknown);
  if (entry.phase == Phase::Lost && settings_.lost == Doubt::Maintenance) set_maintenance(instances, kLost);
  const bool stops = entry.phase == Phase::Stopping && allocation.desired_status != "run";
  if (!stops) entry.drained.reset();
  if (stops && !entry.drained) entry.drained = now + drain_of(allocation, settings_.drain);
  put(allocation.id, entry, std::move(instances));
  if (entry.drained && *entry.drained <= now) finish(allocation.id, entry, nullptr, nullptr);
}

void Ledger::fold(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows, Time now,
                  std::vector<Rejection>& rejections, bool again) {
  if (!again && !news(allocation)) return;
  Entry& entry = entries_[allocation.id];
  if (allocation.modify_index < entry.index) return;
  entry.index = allocation.modify_index;
  entry.phase = phase_of(allocation);
  const bool lost = entry.phase == Phase::Lost && settings_.lost == Doubt::Remove;
  const bool unknown = entry.phase == Phase::Unknown && settings_.unknown == Doubt::Remove;
  const bool drained = entry.over && entry.phase == Phase::Stopping;
  if (entry.phase == Phase::Ended || lost || unknown || drained)
    return finish(allocation.id, entry, &allocation, &node);
  entry.over = false;
  Allocation asked = allocation;
  if (entry.phase == Phase::Pending || entry.phase == Phase::Lost) asked.client_status = "running";
  Made made = make_instances(asked, node, rows, settings_.services);
  rejections.insert(rejections.end(), made.rejections.begin(), made.rejections.end());
  const bool keep = entry.phase == Phase::Lost && settings_.lost == Doubt::Keep;
  // Its rows go before it does, and the last good word is better than one without them.
  if (entry.phase == Phase::Stopping) {
    if (std::vector<Instance> before = instances_of(allocation.id); !before.empty()) {
      made = Made{};
      made.instances = std::move(before);
    }
  }
  if (keep) {
    for (const Instance& each : instances_of(allocation.id)) made.doubtful.push_back(each.id);
    made.instances.clear();
  }
  fold_live(allocation, entry, made, now);
}

void Ledger::end(const std::string& id) {
  const auto known = entries_.find(id);
  if (known != entries_.end()) finish(id, known->second, nullptr, nullptr);
}

void Ledger::listed(const Ids& seen, bool whole) {
  complete_ = whole;
  std::size_t over = 0;
  for (const auto& [id, entry] : entries_) over += entry.over ? 1 : 0;
  for (auto at = entries_.begin(); at != entries_.end() && over > kOverKept;) {
    const bool gone = at->second.over && !std::binary_search(seen.begin(), seen.end(), at->first);
    over -= gone ? 1 : 0;
    if (gone) changed_.try_emplace(at->first);
    at = gone ? entries_.erase(at) : std::next(at);
  }
}

Ids Ledger::live() const {
  Ids out;
  for (const auto& [id, entry] : entries_) {
    if (!entry.over) out.push_back(id);
  }
  return out;
}

Ids Ledger::missing(const Ids& seen) const {
  const Ids known = live();
  Ids out;
  std::set_difference(known.begin(), known.end(), seen.begin(), seen.end(), std::back_inserter(out));
  return out;
}

void Ledger::restart() {
  for (auto& [id, entry] : entries_) entry.index = 0;
}

bool Ledger::tick(Time now) {
  bool changed = false;
  for (auto& [id, entry] : entries_) {
    if (!entry.drained || *entry.drained > now) continue;
    finish(id, entry, nullptr, nullptr);
    changed = true;
  }
  return changed;
}

std::optional<Ledger::Time> Ledger::due() const {
  std::optional<Time> out;
  for (const auto& [id, entry] : entries_) {
    if (entry.drained && (!out || *entry.drained < *out)) out = entry.drained;
  }
  return out;
}

SlicePtr Ledger::slice() {
  const bool complete =
      complete_ && std::none_of(entries_.begin(), entries_.end(), [](const auto& each) { return each.second.vague; });
  if (slice_ && changed_.empty() && slice_->complete == complete) return slice_;
  Slice now;
  now.complete = complete;
  for (std::size_t i = 0; slice_ && i < slice_->instances.size(); ++i) {
    const std::string id(allocation_of(slice_->instances.id(i)));
    if (!changed_.contains(id)) now.instances.add(slice_->instances.at(i));
  }
  for (const auto& [id, instances] : changed_) {
    for (const Instance& each : instances) now.instances.add(each);
  }
  now.instances.seal();
  changed_.clear();
  for (const auto& [id, entry] : entries_) {
    now.ended.insert(now.ended.end(), entry.ended.begin(), entry.ended.end());
    now.doubtful.insert(now.doubtful.end(), entry.doubtful.begin(), entry.doubtful.end());
  }
  tidy(now.ended);
  tidy(now.doubtful);
  if (!slice_ || *slice_ != now) slice_ = std::make_shared<const Slice>(std::move(now));
  return slice_;
}

}  // namespace muster::nomad
