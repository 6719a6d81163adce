// What is known of every unit, and the slice that this makes of the host. Pure but for its own memory: time is an
// argument.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "muster/rules.h"
#include "muster/slice.h"
#include "systemd/manager.h"
#include "systemd/wishes.h"
#include "units/instances.h"
#include "units/machine.h"
#include "units/state.h"

namespace muster::systemd {

// Thread: one.
class Ledger {
 public:
  using Time = Clock::time_point;

  Ledger(units::Machine machine, units::InstancePolicy policy)
      : machine_(std::move(machine)), policy_(std::move(policy)) {}

  // Each tells of something; whether the slice may have changed is asked by take_changed().
  void changed(const std::string& unit, const Patch& patch, Time now);
  void unloaded(const std::string& unit);  // no stop: its files must be read again, should it come back
  // A whole list: what is not in it is not loaded, and so does not run.
  void listed(const std::vector<Listed>& units, Time now);
  void wished(const std::string& unit, const Wishes::Wish& wish, Time now);
  void exited(const std::string& unit, const Patch& patch, Time now);
  // Of a unit that the operator does not want followed (any more): what it asks for is over.
  void dismissed(const units::UnitConfig& config, Time now);
  void reloaded();        // every file may be another
  void passed(Time now);  // time alone

  // Loaded units whose files must be read now: of the whole list (`all`), or of those that start or run.
  std::vector<std::string> unread(bool all) const;
  // Units whose process has failed since it was last told how.
  std::vector<std::string> take_failed();
  // Forgotten since the last call: their wishes may be forgotten too.
  std::vector<std::string> take_gone();
  // When passed() has something to say; Time::max(): never.
  Time due() const;
  bool take_changed();

  Slice slice(bool complete, Time now);
  // What the writers of units should put right: of all units, or of those read since the last call.
  std::vector<Rejection> rejections(bool all);
  std::size_t size() const { return units_.size(); }

 private:
  struct Unit {
    units::UnitState state;
    units::UnitState judged;  // the state of the verdict
    units::Life life;
    units::Verdict verdict{units::Verdict::What::Absent};
    ConfigPtr config;     // null: not read yet, or unreadable
    std::string trouble;  // why it could not be read
    std::vector<Instance> instances;
    bool waiting = false;  // a part of the state has come, and the rest is under way
    bool read = false;     // the files are those of the loaded unit
    bool loaded = true;
    bool news = false;     // rejections not yet told
    bool doubted = false;  // the last slice said that it is in doubt what it asks for
  };
  using Units = std::map<std::string, Unit>;

  bool told(const std::string& name, Unit& unit, const Patch& patch, Time now);
  bool renewed(const std::string& name, Unit& unit, Time now);
  void judge(const std::string& name, Unit& unit, Time now);
  void judge_blind(const std::string& name, Unit& unit, const units::UnitState& before, Time now);
  void end(const units::UnitConfig& config, Time now);
  bool over(const Unit& unit) const;
  Units::iterator forget(Units::iterator at, Time now);
  void add_rejections(const std::string& name, const Unit& unit, std::vector<Rejection>& out) const;

  const units::Machine machine_;
  const units::InstancePolicy policy_;
  Units units_;
  std::map<std::string, Time> ended_;  // ids of services that are over: also of units that have begun anew since
  std::vector<std::string> failed_;
  std::vector<std::string> gone_;
  bool changed_ = false;
};

}  // namespace muster::systemd
