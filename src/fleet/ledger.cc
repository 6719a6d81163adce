#include "fleet/ledger.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace muster::fleet {
namespace {

using What = units::Verdict::What;

constexpr std::chrono::hours kMemory{1};
// Of units that are scheduled nowhere; of more, a machine that is listed anew is not complete at all for a while.
constexpr std::size_t kMostLoose = 100;
constexpr std::uint8_t kDistance = 1;  // what the host itself says counts for more

units::UnitText text_of(const UnitRow& row) {
  units::UnitText out;
  std::size_t line = 0;
  for (const Option& option : row.options) {
    const units::Place place{"fleet:" + row.name, ++line};  // the option's number: fleet keeps no lines
    out.entries.push_back({option.section, option.name, option.value, place});
    const bool news = std::none_of(out.sections.begin(), out.sections.end(),
                                   [&](const units::Entry& each) { return each.section == option.section; });
    if (news) out.sections.push_back({option.section, "", "", place});
  }
  return out;
}

// ListenStream= of the unit's .socket, where fleet has that too.
std::vector<std::string> listens_of(const Snapshot& snapshot, const std::string& unit) {
  std::vector<std::string> out;
  const std::size_t dot = unit.rfind('.');
  const auto socket = snapshot.units.find(unit.substr(0, dot) + ".socket");
  if (dot == std::string::npos || socket == snapshot.units.end()) return out;
  for (const Option& option : socket->second.options) {
    if (option.section == "Socket" && option.name == "ListenStream") out.push_back(option.value);
  }
  return out;
}

bool launched(const UnitRow& unit) { return unit.desired != "inactive" && unit.desired != "loaded"; }

bool tells(const Snapshot& snapshot, const std::string& machine, const std::string& unit) {
  const auto on = snapshot.states.find(machine);
  return on != snapshot.states.end() && on->second.contains(unit);
}

// A unit that is submitted is told of 5 to 10 s later (fleet 1.0): while its machine is silent of it, more may be on
// their way.
bool filling(const Snapshot& snapshot) {
  return std::any_of(snapshot.units.begin(), snapshot.units.end(), [&](const auto& each) {
    const auto& [name, row] = each;
    return launched(row) && snapshot.machines.contains(row.machine) && !tells(snapshot, row.machine, name);
  });
}

void add(std::vector<std::string>& to, const std::vector<std::string>& ids) {
  to.insert(to.end(), ids.begin(), ids.end());
}

void tidy(std::vector<std::string>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

struct Ledger::Draft {
  std::shared_ptr<Slice> slice = std::make_shared<Slice>();
  std::vector<Rejection>& rejections;
};

Ledger::Ledger(LedgerSettings settings) : settings_(std::move(settings)) {}

units::Machine Ledger::machine(const std::string& id) const {
  return id == settings_.local.id ? settings_.local : units::Machine{id};
}

HostRef Ledger::host(const std::string& machine) const {
  HostRef out;
  out.id = machine;
  const auto row = machines_.find(machine);
  if (row != machines_.end()) out.ip = row->second.ip;
  if (!settings_.local.id.empty()) out.ip = "127.0.0.1";
  return out;
}

// Takes in what units say; those that changed are read anew.
void Ledger::learn(const Snapshot& snapshot, Time now) {
  const bool had = !std::exchange(none_, snapshot.units.empty());
  const bool first = !std::exchange(begun_, true);
  if (snapshot.machines.empty() || (had && none_) || (first && filling(snapshot))) shaken_ = now;
  loose_.clear();
  for (const auto& [name, row] : snapshot.units) {
    Config& config = configs_[name];
    std::vector<std::string> listen = listens_of(snapshot, name);
    if (config.row.options != row.options || config.listen != listen) config.by_machine.clear();
    config.row = row;
    config.listen = std::move(listen);
    if (launched(row) && row.machine.empty() && !is_global(row)) loose_.insert(name);
  }
  learn_machines(snapshot, now);
}

void Ledger::learn_machines(const Snapshot& snapshot, Time now) {
  std::erase_if(listed_, [&](const auto& each) { return !snapshot.machines.contains(each.first); });
  for (const auto& [id, row] : snapshot.machines) {
    listed_.try_emplace(id, now);
    std::string before = machines_[id].ip;
    machines_[id] = row;
    if (row.ip.empty()) machines_[id].ip = std::move(before);
  }
}

const units::UnitConfig& Ledger::config_of(const std::string& unit, const std::string& machine_id) {
  Config& config = configs_[unit];
  const auto found = config.by_machine.find(machine_id);
  if (found != config.by_machine.end()) return found->second;
  units::UnitInput input{unit, text_of(config.row)};
  input.listen = config.listen;
  return config.by_machine[machine_id] = units::make_config(input, machine(machine_id));
}

// No state is told of a unit that may run there.
Ledger::Verdict::What Ledger::untold(const Snapshot& snapshot, const std::string& machine, const std::string& unit,
                                     Seen& seen, Time now) const {
  const bool alive = snapshot.machines.contains(machine);
  if (!alive) seen.untold.reset();
  if (alive && !seen.untold) seen.untold = now;
  // A cluster without machines runs nothing, and is more likely one whose etcd has lost all, or another one.
  const bool blind = snapshot.machines.empty();
  if (snapshot.destroyed.contains(unit) && !blind && ((alive && seen.outlived) || !shaken(now))) return What::End;
  const auto row = snapshot.units.find(unit);
  if (row != snapshot.units.end() && alive) {
    if (!launched(row->second)) return What::End;
    if (!is_global(row->second) && row->second.machine != machine) {
      if (!row->second.machine.empty()) return What::End;
      if (now >= *seen.untold + settings_.settle) return What::End;
    }
  }
  if (!seen.up) return What::Doubt;
  seen.lost = seen.lost || !shaken(now);
  return seen.lost && settings_.lost == Lost::Remove ? What::Absent : What::Register;
}

void Ledger::draw(Draft& draft, const std::string& machine_id, Seen& seen, What what) const {
  const units::Machine on = machine(machine_id);
  Slice& slice = *draft.slice;
  switch (what) {
    case What::Absent:
      return;
    case What::End:
      return add(slice.ended, units::instance_ids(seen.config, on));
    case What::Doubt:
      return add(slice.doubtful, units::instance_ids(seen.config, on));
    case What::Register:
    case What::Maintain:
      break;
  }
  add(slice.doubtful, units::broken_ids(seen.config, on));
  const auto ip = machines_.find(machine_id);
  const bool local = !settings_.local.id.empty();
  const units::InstancePolicy policy{"fleet", settings_.check_ttl, local || ip == machines_.end() ? "" : ip->second.ip,
                                     kDistance};
  for (const Instance& each : units::make_instances(seen.config, seen.state, on, policy, what == What::Maintain)) {
    slice.instances.add(each);
  }
}

void Ledger::judge(const Snapshot& snapshot, const std::string& machine, const std::string& unit, Draft& draft,
                   Time now) {
  const auto on = snapshot.states.find(machine);
  const StateRow* row = nullptr;
  if (on != snapshot.states.end()) {
    const auto found = on->second.find(unit);
    if (found != on->second.end()) row = &found->second;
  }
  Seen& seen = seen_[machine][unit];
  if (configs_.contains(unit)) {
    const units::UnitConfig& config = config_of(unit, machine);
    for (const units::Mistake& mistake : config.mistakes) {
      draft.rejections.push_back({Reason::BadUnit, units::instance_id(machine, unit, ""),
                                  units::to_string(mistake.place) + ": " + mistake.text});
    }
    // Services that the unit no longer asks for are the operator's doing, and end.
    std::vector<std::string> before = units::instance_ids(seen.config, this->machine(machine));
    const std::vector<std::string> after = units::instance_ids(config, this->machine(machine));
    std::erase_if(before, [&](const std::string& id) { return std::binary_search(after.begin(), after.end(), id); });
    add(draft.slice->ended, before);
    seen.config = config;
  }
  if (!seen.config.wanted) return;
  What what = What::Doubt;
  if (row != nullptr) {
    seen.untold.reset();
    seen.lost = false;
    seen.outlived = snapshot.destroyed.contains(unit);
    seen.state.load = row->load;
    seen.state.active = row->active;
    seen.state.sub = row->sub;
    what = seen.life.observe(seen.state, seen.config, now).what;
    if (what != What::Doubt) seen.up = what == What::Register || what == What::Maintain;
  } else {
    what = untold(snapshot, machine, unit, seen, now);
    if (what == What::End) {
      seen.up = false;
      seen.life = {};
    } else if (what == What::Register && seen.lost && settings_.lost == Lost::Critical) {
      Seen shown = seen;
      shown.state.active = "inactive";
      shown.state.sub = "fleet no longer tells its state";
      return draw(draft, machine, shown, what);
    }
  }
  draw(draft, machine, seen, what);
}

Update Ledger::fold(const Snapshot& snapshot, Time now) {
  learn(snapshot, now);
  const bool blind = snapshot.machines.empty();
  Update out;
  const bool removes = settings_.lost == Lost::Remove && !shaken(now);
  out.domain = removes && snapshot.whole && !blind && settings_.local.id.empty() ? Domain::All : Domain::Listed;
  out.rejections = snapshot.rejections;

  std::map<std::string, std::set<std::string>> pairs;  // what may be where
  for (const auto& [id, row] : snapshot.machines) pairs[id];
  for (const auto& [id, units] : seen_) {
    for (const auto& [unit, seen] : units) pairs[id].insert(unit);
  }
  for (const auto& [id, units] : snapshot.states) {
    for (const auto& [unit, row] : units) {
      if (snapshot.units.contains(unit) || configs_.contains(unit)) pairs[id].insert(unit);
    }
  }
  for (const auto& [name, row] : snapshot.units) {
    if (is_global(row)) {
      for (const auto& [id, machine] : snapshot.machines) pairs[id].insert(name);
    } else if (!row.machine.empty()) {
      pairs[row.machine].insert(name);
    }
  }

  known_.clear();
  for (const auto& [id, units] : pairs) {
    if (!settings_.local.id.empty() && id != settings_.local.id) continue;
    Draft draft{std::make_shared<Slice>(), out.rejections};
    for (const std::string& unit : units) judge(snapshot, id, unit, draft, now);
    doubt(snapshot, id, *draft.slice);
    const bool placed = doubt_loose(snapshot, id, *draft.slice, now);
    const HostRef where = host(id);
    if (where.ip.empty()) {
      out.rejections.push_back({Reason::NoAddress, id, "fleet: machine " + id + " has told no primaryIP"});
      continue;
    }
    const bool gone = !snapshot.machines.contains(id);
    if (gone && removes && out.domain == Domain::All) continue;
    Slice& slice = *draft.slice;
    slice.instances.seal();
    tidy(slice.doubtful);
    recall(id, slice, now);
    slice.distance = kDistance;
    slice.complete = snapshot.whole && !blind && placed && !shaken(now) && (!gone || removes);
    out.slices.push_back({where, draft.slice});
  }
  if (!blind) forget(snapshot);
  for (const auto& [name, config] : configs_) known_.insert(name);
  return out;
}

// What runs, though fleet does not say what it is (it is destroyed, or its row was missed between two pages): an
// earlier run may have registered it.
void Ledger::doubt(const Snapshot& snapshot, const std::string& machine, Slice& slice) const {
  const auto on = snapshot.states.find(machine);
  if (on == snapshot.states.end()) return;
  for (const auto& [unit, row] : on->second) {
    if (configs_.contains(unit) || row.active == "inactive" || row.active == "failed") continue;
    add(slice.doubtful, units::doubtful_ids(machine, unit));
  }
}

// What is scheduled nowhere may run on a machine whose fleetd is just back: an earlier run of muster may have
// registered it there. False: they are too many to be named.
bool Ledger::doubt_loose(const Snapshot& snapshot, const std::string& machine, Slice& slice, Time now) const {
  const auto since = listed_.find(machine);
  if (since == listed_.end() || now >= since->second + settings_.settle) return true;
  if (loose_.size() > kMostLoose) return false;
  const auto here = seen_.find(machine);
  for (const std::string& unit : loose_) {
    if (here != seen_.end() && here->second.contains(unit)) continue;  // judged
    if (!tells(snapshot, machine, unit)) add(slice.doubtful, units::doubtful_ids(machine, unit));
  }
  return true;
}

// What has ended is said for an hour: the agent may be out of reach when it is said first.
void Ledger::recall(const std::string& machine, Slice& slice, Time now) {
  std::map<std::string, Time>& ended = ended_[machine];
  for (const std::string& id : slice.ended) ended.insert_or_assign(id, now);
  std::erase_if(ended, [&](const auto& each) {
    return now - each.second > kMemory || slice.instances.contains(each.first) ||
           units::in_doubt(slice.doubtful, each.first);
  });
  slice.ended.clear();
  for (const auto& [id, time] : ended) slice.ended.push_back(id);
}

// Destroyed units, once they run nowhere.
void Ledger::forget(const Snapshot& snapshot) {
  for (const std::string& name : snapshot.destroyed) {
    bool left = false;
    for (auto& [id, units] : seen_) {
      const auto found = units.find(name);
      if (found == units.end()) continue;
      left = left || found->second.up;
      if (!found->second.up) units.erase(found);
    }
    if (!left) configs_.erase(name);
  }
  std::erase_if(seen_, [](const auto& each) { return each.second.empty(); });
}

}  // namespace muster::fleet
