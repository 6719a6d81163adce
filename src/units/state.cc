#include "units/state.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

namespace muster::units {
namespace {

using std::chrono::milliseconds;

// On the way to a restart a unit is inactive for less than a ms before auto-restart (a clean exit, Restart=always) and
// again before it starts.
constexpr milliseconds kSettle{500};

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? std::to_string(number) : "SIG" + std::string(name);
}

}  // namespace

Phase phase_of(const UnitState& state) {
  const std::string_view active = state.active;
  if (active == "active" || active == "reloading" || active == "refreshing") return Phase::Up;
  if (active == "activating") return state.sub.starts_with("auto-restart") ? Phase::Restarting : Phase::Starting;
  if (active == "deactivating") return Phase::Leaving;
  if (active == "failed") return Phase::Failed;
  if (active == "inactive") return Phase::Down;
  return Phase::Unknown;
}

std::string_view status_of(const UnitState& state) {
  const Phase phase = phase_of(state);
  if (phase == Phase::Unknown) return "";
  return phase == Phase::Up ? "passing" : "critical";
}

std::string output_of(const UnitState& state) {
  std::string out = state.active;
  if (!state.sub.empty()) out += "/" + state.sub;
  if (!state.result.empty() && state.result != "success") out += ", result " + state.result;
  // While it runs these are of an earlier process.
  if (phase_of(state) != Phase::Up) {
    if (state.exit_code == CLD_EXITED) out += ", exit status " + std::to_string(state.exit_status);
    if (state.exit_code == CLD_KILLED) out += ", killed by " + signal_name(state.exit_status);
    if (state.exit_code == CLD_DUMPED) out += ", killed by " + signal_name(state.exit_status) + " with a core dump";
  }
  if (state.restarts > 0) out += ", restarts " + std::to_string(state.restarts);
  // A program writes STATUS= as it likes, and each would be a write to Consul.
  if (!state.status_text.empty() && phase_of(state) != Phase::Up) out += ", status: " + state.status_text;
  if (!state.invocation.empty()) out += ", invocation " + state.invocation;
  return out;
}

Verdict Life::observe(const UnitState& state, const UnitConfig& config, Time now) {
  const Phase before = phase_;
  const Phase phase = phase_of(state);
  if (phase == Phase::Unknown) return {Verdict::What::Doubt, {}};
  phase_ = phase;
  if (phase == Phase::Up) {
    up_ = true;
    stopping_ = doubted_ = false;
    return {Verdict::What::Register, {}};
  }
  const bool failed = !state.result.empty() && state.result != "success";
  if (phase == Phase::Leaving && !(before == Phase::Leaving && stopping_)) {
    stopping_ = !failed && state.job.value_or(true);
  }
  if (before == Phase::Unknown && phase == Phase::Leaving && stopping_) {
    up_ = true;  // how long it has been draining is not known: from now on
    since_ = now;
  }
  if (before == Phase::Up || (before == Phase::Starting && up_ && config.ready == Ready::Check)) since_ = now;
  if (phase == Phase::Down && before != Phase::Down) down_ = now;
  if (before == Phase::Unknown && (phase == Phase::Restarting || phase == Phase::Starting)) {
    doubted_ = true;  // an earlier run may have registered it before it died
    since_ = now;
  }
  if (phase == Phase::Starting && config.ready == Ready::Check) {
    up_ = true;
    stopping_ = false;
    return {Verdict::What::Register, {}};
  }
  if (up_ && stopping_) return leave(phase, config, now);
  if (up_) return held(phase, config, now, Verdict::What::Register);
  if (doubted_ && (phase == Phase::Restarting || phase == Phase::Starting || phase == Phase::Down)) {
    return held(phase, config, now, Verdict::What::Doubt);
  }
  doubted_ = false;
  return {phase == Phase::Starting ? Verdict::What::Absent : Verdict::What::End, {}};
}

Verdict Life::leave(Phase phase, const UnitConfig& config, Time now) {
  if (phase == Phase::Leaving && now < since_ + config.drain) {
    return {Verdict::What::Maintain, since_ + config.drain};
  }
  return end();
}

Verdict Life::held(Phase phase, const UnitConfig& config, Time now, Verdict::What what) {
  std::optional<Time> until;
  if (config.on_restart.hold) until = since_ + *config.on_restart.hold;
  if (phase == Phase::Down) until = std::min(until.value_or(Time::max()), down_ + kSettle);
  if (!until || now < *until) return {what, until};
  return end();
}

Verdict Life::end() {
  up_ = doubted_ = false;
  return {Verdict::What::End, {}};
}

}  // namespace muster::units
