// What fleet has said so far, folded into what runs where. Pure: time is an argument.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "fleet/client.h"
#include "muster/source.h"
#include "units/config.h"
#include "units/instances.h"
#include "units/machine.h"
#include "units/state.h"

namespace muster::fleet {

// What becomes of a unit that should run, when fleet no longer tells its state: its fleetd is dead, or its machine. The
// unit itself may run on.
enum class Lost : std::uint8_t {
  Keep,      // as it was; if the host is dead, Consul's own failure detector says so
  Critical,  // its unit check becomes critical
  Remove,
};

struct LedgerSettings {
  Lost lost = Lost::Keep;
  std::string check_ttl = "87600h";
  // Scope node: only this machine, by the agent on 127.0.0.1. Empty id: the cluster.
  units::Machine local{};
  // For so long a machine must be listed without a unit's state before a unit that is scheduled nowhere is believed to
  // be gone from it, and fleet must have answered without a break before one that it does not know any more is, and
  // before what it does not list is absent: longer than its agent_ttl of 30 s, after which the states of a dead machine
  // and it itself vanish, and within which each machine says all of its own again.
  std::chrono::milliseconds settle{60 * 1000};
};

// An instance ends when fleet says so: its unit is destroyed, or is inactive or failed on a machine that is listed, or
// is scheduled on another. States that merely vanish are Lost. A unit that is gone together with its state proves
// nothing while fleet may have lost its memory: over an etcd that lost its data it answers for 2 to 13 s as an empty
// cluster does, with a 404 for each unit and a machine or none, and then 500, while the units run on (fleet 1.0 with
// etcd 3.4). The first read of all is believed, also in what it does not list, unless it finds a cluster that is being
// filled: without a machine or a unit, or with units that their machines do not tell of yet.
class Ledger {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Ledger(LedgerSettings settings);

  // Units that a read should confirm by name when its listing lacks them.
  const std::set<std::string>& known() const { return known_; }
  Update fold(const Snapshot& snapshot, Time now);
  void missed(Time now) { shaken_ = now; }  // a read that failed

 private:
  struct Seen {  // one unit on one machine
    units::Life life;
    units::UnitState state;      // the last that was told
    std::optional<Time> untold;  // since when no state is told while the machine is listed
    bool up = false;             // the last verdict was to register it
    bool lost = false;           // Lost applies, until a state is told again
    bool outlived = false;  // its state was told when the unit was destroyed already, as it is until it has stopped
    units::UnitConfig config;
  };
  struct Config {
    UnitRow row;
    std::vector<std::string> listen;
    std::map<std::string, units::UnitConfig> by_machine;
  };
  struct Draft;
  using Verdict = units::Verdict;

  void learn(const Snapshot& snapshot, Time now);
  void learn_machines(const Snapshot& snapshot, Time now);
  // Also when etcd is back after an outage machines and states come one by one.
  bool shaken(Time now) const { return shaken_ && now < *shaken_ + settings_.settle; }
  const units::UnitConfig& config_of(const std::string& unit, const std::string& machine);
  units::Machine machine(const std::string& id) const;
  void judge(const Snapshot& snapshot, const std::string& machine, const std::string& unit, Draft& draft, Time now);
  Verdict::What untold(const Snapshot& snapshot, const std::string& machine, const std::string& unit, Seen& seen,
                       Time now) const;
  void draw(Draft& draft, const std::string& machine, Seen& seen, Verdict::What what) const;
  void doubt(const Snapshot& snapshot, const std::string& machine, Slice& slice) const;
  bool doubt_loose(const Snapshot& snapshot, const std::string& machine, Slice& slice, Time now) const;
  HostRef host(const std::string& machine) const;
  void recall(const std::string& machine, Slice& slice, Time now);
  void forget(const Snapshot& snapshot);

  LedgerSettings settings_;
  std::map<std::string, Config> configs_;                     // by unit
  std::map<std::string, MachineRow> machines_;                // ever seen, with something on them or listed
  std::map<std::string, Time> listed_;                        // machines, since when they are listed without a break
  std::map<std::string, std::map<std::string, Seen>> seen_;   // by machine, by unit
  std::map<std::string, std::map<std::string, Time>> ended_;  // by machine: ids that have ended, and when
  std::set<std::string> known_;
  std::set<std::string> loose_;  // should run, and are scheduled nowhere
  // When fleet last failed to answer, listed no machine or no unit any more, or was found half filled at the start.
  std::optional<Time> shaken_;
  bool none_ = false;   // no unit is listed
  bool begun_ = false;  // there was a read
};

}  // namespace muster::fleet
