#include "systemd/ledger.h"

#include <algorithm>
#include <set>
#include <utility>

namespace muster::systemd {
namespace {

using units::Phase;
using What = units::Verdict::What;

// An end is remembered until Consul has surely heard of it; later its absence says the same.
constexpr std::chrono::hours kMemory{1};

bool runs(const units::UnitState& state) {
  const Phase phase = phase_of(state);
  return phase == Phase::Up || phase == Phase::Starting || phase == Phase::Restarting;
}

bool started(const units::UnitState& before, const units::UnitState& after) {
  const Phase phase = phase_of(after);
  return (phase == Phase::Starting || phase == Phase::Up) &&
         (phase != phase_of(before) || before.invocation != after.invocation);
}

// It was not running, and now it is: systemd starts only what it has loaded, also what was not there when it was
// listed.
bool begun(const units::UnitState& before, const units::UnitState& after) {
  const Phase phase = phase_of(before);
  if (phase == Phase::Unknown || !started(before, after)) return false;
  const bool ran = phase == Phase::Starting || phase == Phase::Up;
  return !ran || (!before.invocation.empty() && before.invocation != after.invocation);
}

bool present(What what) { return what == What::Register || what == What::Maintain; }

// Whether it asks for anything at all is not known.
bool blind(const ConfigPtr& config) { return !config || (config->partial && !config->wanted); }

// Of such a unit: it may have a Drain=, and what it has of OnRestart= is taken for the default.
units::UnitConfig unknown_config() {
  units::UnitConfig out;
  out.drain = std::chrono::hours(24);
  return out;
}

bool may_run(const units::UnitState& state, What what) { return runs(state) || present(what) || what == What::Doubt; }

}  // namespace

// False: nothing new. systemd tells of a unit in two signals, and the second, with ActiveState, completes the first.
bool Ledger::told(const std::string& name, Unit& unit, const Patch& patch, Time now) {
  if (!apply(patch, unit.state) && !unit.waiting) return false;
  unit.waiting = !patch.active;
  return !unit.waiting && renewed(name, unit, now);
}

// What a service says of itself while it runs (STATUS=) is no news: some say something else each second. Nor is a job,
// but for what it says of why a unit leaves.
bool Ledger::renewed(const std::string& name, Unit& unit, Time now) {
  units::UnitState before = unit.judged;
  before.status_text = unit.state.status_text;
  if (phase_of(unit.state) != Phase::Leaving) before.job = unit.state.job;
  if (before == unit.state) return false;
  judge(name, unit, now);
  return true;
}

// It stays in doubt until it is surely down, and a stop that was seen is an end.
void Ledger::judge_blind(const std::string& name, Unit& unit, const units::UnitState& before, Time now) {
  static const units::UnitConfig unknown = unknown_config();
  unit.verdict = unit.life.observe(unit.state, unknown, now);
  if (may_run(unit.state, unit.verdict.what) || !unit.doubted) return;
  unit.doubted = false;
  changed_ = true;
  if (phase_of(before) == Phase::Leaving) ended_.insert_or_assign(units::instance_id(machine_.id, name, ""), now);
}

void Ledger::judge(const std::string& name, Unit& unit, Time now) {
  // systemd reads the files of EnvironmentFile= anew for each process that it starts.
  if (unit.config && unit.config->fills && started(unit.judged, unit.state)) unit.read = false;
  const units::UnitState judged = std::exchange(unit.judged, unit.state);
  if (blind(unit.config)) return judge_blind(name, unit, judged, now);
  if (!unit.config->wanted) return;
  const What before = unit.verdict.what;
  unit.verdict = unit.life.observe(unit.state, *unit.config, now);
  // It may begin anew before anybody has asked for the slice, or before Consul could be told of it.
  if (unit.verdict.what == What::End && before != What::End) end(*unit.config, now);
  unit.instances.clear();
  if (present(unit.verdict.what)) {
    unit.instances = make_instances(*unit.config, unit.state, machine_, policy_, unit.verdict.what == What::Maintain);
  }
  changed_ = true;
}

void Ledger::changed(const std::string& name, const Patch& patch, Time now) {
  const auto [at, fresh] = units_.try_emplace(name);
  Unit& unit = at->second;
  unit.loaded = true;
  const units::UnitState before = unit.judged;
  const bool judged = told(name, unit, patch, now);
  if (judged && unit.state.load != "loaded" && begun(before, unit.state)) {
    unit.state.load = unit.judged.load = "loaded";
    unit.read = false;
  }
  if (!judged || !unit.config || !unit.config->wanted) return;
  const Phase phase = phase_of(unit.state);
  const bool died = phase == Phase::Failed || phase == Phase::Restarting;
  if (died && present(unit.verdict.what) && (patch.active || patch.sub)) failed_.push_back(name);
}

void Ledger::exited(const std::string& name, const Patch& patch, Time now) {
  const auto at = units_.find(name);
  if (at != units_.end() && apply(patch, at->second.state) && !at->second.waiting) renewed(name, at->second, now);
}

void Ledger::dismissed(const units::UnitConfig& config, Time now) {
  if (config.wanted) end(config, now);
}

void Ledger::unloaded(const std::string& name) {
  const auto at = units_.find(name);
  if (at == units_.end()) return;
  at->second.read = false;
  at->second.loaded = false;
}

void Ledger::listed(const std::vector<Listed>& listed, Time now) {
  std::set<std::string_view> names;
  for (const Listed& each : listed) {
    names.insert(each.name);
    Unit& unit = units_[each.name];
    unit.loaded = true;
    unit.state.load = each.load;
    told(each.name, unit, Patch{.active = each.active, .sub = each.sub, .job = each.job}, now);
  }
  for (auto& [name, unit] : units_) {
    if (names.contains(name)) continue;
    unit.loaded = unit.read = false;
    told(name, unit, Patch{.active = "inactive", .sub = "dead"}, now);
  }
}

void Ledger::wished(const std::string& name, const Wishes::Wish& wish, Time now) {
  const auto at = units_.find(name);
  if (at == units_.end()) return;
  Unit& unit = at->second;
  unit.news = true;
  unit.trouble = wish.trouble;
  const ConfigPtr before = std::exchange(unit.config, wish.config);
  apply(wish.patch, unit.state);
  if (before && before != unit.config && before->wanted) {
    const bool sure = unit.config && !unit.config->partial;
    if (sure && (present(unit.verdict.what) || unit.verdict.what == What::End)) {
      end(*before, now);  // what it wants still, is kept
    }
    changed_ = true;
  }
  const bool seen = blind(before) && !blind(unit.config);
  if (seen || (before != unit.config && unit.config && !unit.config->wanted)) {
    unit.life = {};
    unit.verdict = {What::Absent};
    unit.instances.clear();
  }
  if (!unit.config) changed_ = true;
  judge(name, unit, now);
  unit.read = true;
}

void Ledger::reloaded() {
  for (auto& [name, unit] : units_) unit.read = false;
}

void Ledger::passed(Time now) {
  for (auto& [name, unit] : units_) {
    if (unit.verdict.until && *unit.verdict.until <= now) judge(name, unit, now);
  }
}

std::vector<std::string> Ledger::unread(bool all) const {
  std::vector<std::string> out;
  for (const auto& [name, unit] : units_) {
    if (!unit.read && unit.loaded && unit.state.load == "loaded" && (all || runs(unit.state))) out.push_back(name);
  }
  return out;
}

std::vector<std::string> Ledger::take_failed() { return std::exchange(failed_, {}); }
std::vector<std::string> Ledger::take_gone() { return std::exchange(gone_, {}); }
bool Ledger::take_changed() { return std::exchange(changed_, false); }

Ledger::Time Ledger::due() const {
  Time first = Time::max();
  for (const auto& [name, unit] : units_) {
    if (unit.verdict.until) first = std::min(first, *unit.verdict.until);
  }
  return first;
}

void Ledger::end(const units::UnitConfig& config, Time now) {
  for (std::string& id : instance_ids(config, machine_)) ended_.insert_or_assign(std::move(id), now);
}

// Not loaded, and nothing of it is held.
bool Ledger::over(const Unit& unit) const { return !unit.loaded && !present(unit.verdict.what) && !unit.verdict.until; }

Ledger::Units::iterator Ledger::forget(Units::iterator at, Time now) {
  const Unit& unit = at->second;
  if (unit.config && unit.config->wanted && unit.verdict.what == What::End) end(*unit.config, now);
  gone_.push_back(at->first);
  return units_.erase(at);
}

Slice Ledger::slice(bool complete, Time now) {
  for (auto at = units_.begin(); at != units_.end();) at = over(at->second) ? forget(at, now) : std::next(at);
  std::erase_if(ended_, [&](const auto& entry) { return now - entry.second > kMemory; });
  Slice out;
  out.distance = 0;  // seen on the host itself
  out.complete = complete;
  std::set<std::string> kept, ended, doubtful;
  for (auto& [name, unit] : units_) {
    // systemd runs what it could not load today, too: a broken, masked or deleted file says nothing of what runs.
    unit.doubted = (!unit.config || unit.config->partial) && may_run(unit.state, unit.verdict.what);
    if (unit.doubted) {
      for (std::string& id : units::doubtful_ids(machine_.id, name)) doubtful.insert(std::move(id));
    }
    if (!unit.config) continue;
    for (const Instance& instance : unit.instances) {
      kept.insert(instance.id);
      out.instances.add(instance);
    }
    if (!unit.config->wanted) continue;
    auto ids = instance_ids(*unit.config, machine_);
    if (unit.verdict.what == What::Doubt) doubtful.insert(ids.begin(), ids.end());
    if (unit.verdict.what == What::End) ended.insert(ids.begin(), ids.end());
    if (!present(unit.verdict.what)) continue;
    auto broken = broken_ids(*unit.config, machine_);
    doubtful.insert(broken.begin(), broken.end());
  }
  for (const std::string& id : kept) doubtful.erase(id);
  out.doubtful.assign(doubtful.begin(), doubtful.end());
  std::erase_if(ended_, [&](const auto& entry) {
    return kept.contains(entry.first) || units::in_doubt(out.doubtful, entry.first);
  });
  for (const auto& [id, time] : ended_) ended.insert(id);
  for (const std::string& id : kept) ended.erase(id);
  out.instances.seal();
  out.ended.assign(ended.begin(), ended.end());
  return out;
}

void Ledger::add_rejections(const std::string& name, const Unit& unit, std::vector<Rejection>& out) const {
  const std::string id = units::instance_id(machine_.id, name, "");
  if (!unit.trouble.empty()) out.push_back({Reason::BadUnit, id, unit.trouble});
  if (!unit.config) return;
  for (const units::Mistake& mistake : unit.config->mistakes) {
    out.push_back({Reason::BadUnit, id, to_string(mistake.place) + ": " + mistake.text});
  }
}

std::vector<Rejection> Ledger::rejections(bool all) {
  std::vector<Rejection> out;
  for (auto& [name, unit] : units_) {
    if (all || unit.news) add_rejections(name, unit, out);
    unit.news = false;
  }
  return out;
}

}  // namespace muster::systemd
