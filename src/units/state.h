// What a unit's state means for its service. Pure; time is an argument. The tables are in docs/units.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "units/config.h"

namespace muster::units {

// As systemd (D-Bus) or fleet tells it, word for word; what a source does not know stays empty.
struct UnitState {
  std::string load = "loaded";  // LoadState
  std::string active;           // ActiveState
  std::string sub;              // SubState
  std::string result;           // "success", "exit-code", "signal", ...
  int exit_code = 0;            // CLD_EXITED, CLD_KILLED or CLD_DUMPED (ExecMainCode); 0: not told
  int exit_status = 0;          // exit status, or the signal (ExecMainStatus)
  std::uint32_t restarts = 0;   // NRestarts
  std::string status_text;      // of Type=notify (StatusText)
  std::string invocation;       // hexadecimal
  // Whether systemd works at a job for it (Job): a stop that someone ordered has one, a process that goes by itself has
  // none. Nothing: not told.
  std::optional<bool> job{};
  friend bool operator==(const UnitState&, const UnitState&) = default;
};

enum class Phase : std::uint8_t {
  Unknown,     // a word that we do not know, or none: nothing is concluded
  Starting,    // activating, for whatever reason but auto-restart
  Up,          // active (running, exited, listening, ...) and reloading
  Restarting,  // activating/auto-restart: it died, and systemd brings it back
  Leaving,     // deactivating
  Failed,
  Down,  // inactive
};

Phase phase_of(const UnitState& state);
// Of the unit check: "passing" or "critical"; empty for Phase::Unknown.
std::string_view status_of(const UnitState& state);
// Of the unit check, for people: "failed: exit-code, exit status 137, 3 restarts". Holds nothing that changes while
// state does not.
std::string output_of(const UnitState& state);

// What a source does with the unit's instances now.
struct Verdict {
  enum class What : std::uint8_t {
    Absent,    // not up yet, and never was: neither an instance nor an end
    Register,  // make_instances
    Maintain,  // make_instances, in maintenance: it drains
    End,       // Slice::ended
    Doubt,     // Slice::doubtful
  };
  What what = What::Doubt;
  std::optional<std::chrono::steady_clock::time_point> until{};  // ask again then, though nothing has happened
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// The life of one unit: holds it through restarts (OnRestart=), drains it (Drain=). A unit that was up and dies is
// held, its check critical: systemd shows failed and inactive for some ms on the way to auto-restart and to active
// again. One that is stopped (deactivating, without a failure, on someone's order) leaves at once, or when Drain= is
// over, or when it is down. One that is down, and does not come up again within 500 ms, has ended, whatever OnRestart=
// says: it went by itself, or was stopped while it waited for its restart. At first sight a unit that is down is ended
// in any case, one that is coming up is in doubt for as long as it would be held, since an earlier run may have
// registered it, and one that is being stopped drains from then on. Thread: the caller serialises.
class Life {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Call at every change of state or configuration, and at Verdict::until. Saying the same twice changes nothing.
  Verdict observe(const UnitState& state, const UnitConfig& config, Time now);

 private:
  Verdict leave(Phase phase, const UnitConfig& config, Time now);
  Verdict held(Phase phase, const UnitConfig& config, Time now, Verdict::What what);
  Verdict end();

  Phase phase_ = Phase::Unknown;
  bool up_ = false;        // it was up, and no end has been said since
  bool stopping_ = false;  // someone stops it: what follows is no crash
  bool doubted_ = false;   // first seen on its way up
  Time since_{};           // it was last up (or starting, with Ready=check), or was first seen
  Time down_{};            // it came into Phase::Down
};

}  // namespace muster::units
