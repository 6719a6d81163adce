#include "units/state.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

namespace muster::units {
namespace {

using What = Verdict::What;
using std::chrono::milliseconds;
using std::chrono::seconds;

UnitState state(const std::string& active, const std::string& sub, const std::string& result = "success") {
  UnitState out;
  out.active = active;
  out.sub = sub;
  out.result = result;
  return out;
}

const UnitState kRunning = state("active", "running");
const UnitState kStopping = state("deactivating", "stop-sigterm");
const UnitState kDead = state("inactive", "dead");
const UnitState kFailed = state("failed", "failed", "signal");
const UnitState kAutoRestart = state("activating", "auto-restart", "signal");
const UnitState kStarting = state("activating", "start");

// The life of one unit, told in ms.
class UnitLife : public testing::Test {
 protected:
  What at(int ms, const UnitState& now) { return life_.observe(now, config_, Life::Time(milliseconds(ms))).what; }
  UnitConfig config_;
  Life life_;
};

TEST_F(UnitLife, AUnitThatStartsIsRegisteredOnceItIsActive) {
  EXPECT_EQ(at(0, kDead), What::End);
  EXPECT_EQ(at(1, kStarting), What::Absent);
  EXPECT_EQ(at(2, kRunning), What::Register);
  EXPECT_EQ(at(3, state("reloading", "reload")), What::Register);
}

TEST_F(UnitLife, AStoppedUnitLeavesBeforeItIsDown) {
  EXPECT_EQ(at(0, kRunning), What::Register);
  EXPECT_EQ(at(1, kStopping), What::End);
  EXPECT_EQ(at(2, kDead), What::End);
}

// Seen on a real systemd: kill -9 with Restart=on-failure goes all this way in 240 ms.
TEST_F(UnitLife, ACrashWithRestartIsHeldAllTheWay) {
  EXPECT_EQ(at(0, kRunning), What::Register);
  EXPECT_EQ(at(1, kFailed), What::Register);
  EXPECT_EQ(at(2, kAutoRestart), What::Register);
  EXPECT_EQ(at(200, state("inactive", "dead", "success")), What::Register);
  EXPECT_EQ(at(201, kStarting), What::Register);
  EXPECT_EQ(at(240, kRunning), What::Register);
}

TEST_F(UnitLife, AHoldEndsAndSaysWhen) {
  at(0, kRunning);
  const Verdict held = life_.observe(kFailed, config_, Life::Time(milliseconds(500)));
  EXPECT_EQ(held.what, What::Register);
  EXPECT_EQ(held.until, Life::Time(milliseconds(10500)));
  EXPECT_EQ(at(10499, kFailed), What::Register);
  EXPECT_EQ(at(10500, kFailed), What::End);
  EXPECT_EQ(at(10501, kAutoRestart), What::End);
}

TEST_F(UnitLife, OnRestartMayRemoveAtOnceOrKeepForEver) {
  config_.on_restart.hold = milliseconds(0);
  at(0, kRunning);
  EXPECT_EQ(at(1, kFailed), What::End);
  config_.on_restart.hold.reset();
  at(2, kRunning);
  EXPECT_EQ(at(3, kFailed), What::Register);
  EXPECT_EQ(at(1000000, kFailed), What::Register);
}

TEST_F(UnitLife, AUnitThatEndsByItselfIsHeldForAMoment) {
  at(0, kRunning);
  EXPECT_EQ(at(1, kDead), What::Register);
  EXPECT_EQ(at(501, kDead), What::End);
}

TEST_F(UnitLife, DrainKeepsItInMaintenanceUntilItIsDownOrTheTimeIsOver) {
  config_.drain = seconds(5);
  at(0, kRunning);
  EXPECT_EQ(at(1000, kStopping), What::Maintain);
  EXPECT_EQ(at(5999, kStopping), What::Maintain);
  EXPECT_EQ(at(6000, kStopping), What::End);
  at(7000, kRunning);
  EXPECT_EQ(at(7001, kStopping), What::Maintain);
  EXPECT_EQ(at(7002, kDead), What::End);
}

// muster was restarted while a unit drained: its service went at once.
TEST_F(UnitLife, AFirstSightOfAStopIsADrainFromThenOn) {
  config_.drain = seconds(5);
  const Verdict first = life_.observe(kStopping, config_, Life::Time(milliseconds(1000)));
  EXPECT_EQ(first.what, What::Maintain);
  EXPECT_EQ(first.until, Life::Time(milliseconds(6000)));
  EXPECT_EQ(at(5999, kStopping), What::Maintain);
  EXPECT_EQ(at(6000, kStopping), What::End);
  EXPECT_EQ(at(6001, kStopping), What::End);
}

TEST_F(UnitLife, AFirstSightOfAStopIsOverOnceTheUnitIsDownAndAtOnceWithoutADrain) {
  EXPECT_EQ(at(0, kStopping), What::End);
  life_ = {};
  config_.drain = seconds(5);
  EXPECT_EQ(at(0, kStopping), What::Maintain);
  EXPECT_EQ(at(1, kDead), What::End);
}

TEST_F(UnitLife, AStopThatFailsIsStillAStop) {
  at(0, kRunning);
  at(1, kStopping);
  EXPECT_EQ(at(2, state("failed", "failed", "timeout")), What::End);
}

TEST_F(UnitLife, ACrashThatPassesThroughDeactivatingIsNoStop) {
  at(0, kRunning);
  EXPECT_EQ(at(1, state("deactivating", "stop-post", "exit-code")), What::Register);
  EXPECT_EQ(at(2, kFailed), What::Register);
}

// muster was restarted while systemd was bringing the unit back: what Consul holds of it is not to go yet.
TEST_F(UnitLife, AFirstSightOnTheWayUpIsInDoubtForAsLongAsAHold) {
  EXPECT_EQ(at(0, kAutoRestart), What::Doubt);
  EXPECT_EQ(at(9999, kStarting), What::Doubt);
  EXPECT_EQ(at(10000, kAutoRestart), What::End);
}

TEST_F(UnitLife, WithReadyCheckItIsRegisteredWhileItStarts) {
  config_.ready = Ready::Check;
  EXPECT_EQ(at(0, kStarting), What::Register);
  EXPECT_EQ(at(1, kRunning), What::Register);
}

// A Type=notify unit that crashed before it was ready was taken out, and came back with its next start: 49 writes in 45
// s.
TEST_F(UnitLife, WithReadyCheckACrashWhileItStartsIsHeldAsAnyOther) {
  config_.ready = Ready::Check;
  EXPECT_EQ(at(0, kDead), What::End);
  for (int ms = 20000; ms < 80000; ms += 20000) {
    EXPECT_EQ(at(ms, kStarting), What::Register);
    EXPECT_EQ(at(ms + 15000, kFailed), What::Register) << ms;
    EXPECT_EQ(at(ms + 15001, kAutoRestart), What::Register) << ms;
    EXPECT_EQ(at(ms + 15100, kDead), What::Register) << ms;
  }
  EXPECT_EQ(at(80000, kStarting), What::Register);
  EXPECT_EQ(at(81000, kFailed), What::Register);
  EXPECT_EQ(at(91000, kFailed), What::End);
}

// `systemctl restart` of such a unit left it out until it was active.
TEST_F(UnitLife, WithReadyCheckAUnitThatWasStoppedIsRegisteredWhileItStartsAgain) {
  config_.ready = Ready::Check;
  at(0, kRunning);
  EXPECT_EQ(at(1, kStopping), What::End);
  EXPECT_EQ(at(2, kDead), What::End);
  EXPECT_EQ(at(3, kStarting), What::Register);
}

// systemctl stop while a unit waits for its restart shows as inactive and nothing else: with OnRestart=keep it stayed.
TEST_F(UnitLife, AStopWhileItWaitsForItsRestartIsAnEnd) {
  config_.on_restart.hold.reset();
  at(0, kRunning);
  at(1, kFailed);
  EXPECT_EQ(at(2, kAutoRestart), What::Register);
  const Verdict down = life_.observe(kDead, config_, Life::Time(milliseconds(20000)));
  EXPECT_EQ(down.what, What::Register) << "a restart takes the same road";
  EXPECT_EQ(down.until, Life::Time(milliseconds(20500)));
  EXPECT_EQ(at(20500, kDead), What::End);
}

TEST_F(UnitLife, AFirstSightBetweenTwoStartsIsInDoubtUntilItIsSurelyDown) {
  EXPECT_EQ(at(0, kAutoRestart), What::Doubt);
  EXPECT_EQ(at(100, kDead), What::Doubt);
  EXPECT_EQ(at(600, kDead), What::End);
}

// A unit with ExecStop= is deactivating after a clean exit too, and Restart=always brings it back.
TEST_F(UnitLife, OneThatGoesByItselfIsNotStoppedThoughItIsDeactivating) {
  UnitState leaving = kStopping;
  leaving.job = false;
  at(0, kRunning);
  EXPECT_EQ(at(1, leaving), What::Register);
  EXPECT_EQ(at(2, kDead), What::Register);
  EXPECT_EQ(at(3, kAutoRestart), What::Register);
  EXPECT_EQ(at(4, kRunning), What::Register);
  EXPECT_EQ(at(5, leaving), What::Register);
  leaving.job = true;
  EXPECT_EQ(at(6, leaving), What::End) << "someone stops it now";
}

TEST_F(UnitLife, AWordThatNobodyKnowsProvesNothing) {
  at(0, kRunning);
  EXPECT_EQ(at(1, state("maintenance", "")), What::Doubt);
  EXPECT_EQ(at(2, state("", "")), What::Doubt);
  EXPECT_EQ(at(3, kStopping), What::End);
}

TEST(UnitHealth, FollowsTheTable) {
  EXPECT_EQ(status_of(kRunning), "passing");
  EXPECT_EQ(status_of(state("active", "exited")), "passing");
  EXPECT_EQ(status_of(state("active", "listening")), "passing");
  EXPECT_EQ(status_of(state("reloading", "reload")), "passing");
  for (const UnitState& down : {kStarting, kAutoRestart, kFailed, kDead, kStopping}) {
    EXPECT_EQ(status_of(down), "critical") << down.active;
  }
  EXPECT_EQ(status_of(state("maintenance", "")), "");
}

TEST(UnitHealth, TheOutputSaysWhyItFailed) {
  UnitState failed = kFailed;
  failed.exit_code = CLD_KILLED;
  failed.exit_status = SIGKILL;
  failed.restarts = 3;
  EXPECT_EQ(output_of(failed), "failed/failed, result signal, killed by SIGKILL, restarts 3");
  failed = state("failed", "failed", "exit-code");
  failed.exit_code = CLD_EXITED;
  failed.exit_status = 137;
  EXPECT_EQ(output_of(failed), "failed/failed, result exit-code, exit status 137");
}

// Programs write STATUS= as they like; each would be a write to Consul.
TEST(UnitHealth, TheOutputOfARunningUnitDoesNotChangeWithItsStatusText) {
  UnitState running = kRunning;
  running.status_text = "served 17 requests";
  EXPECT_EQ(output_of(running), "active/running");
}

}  // namespace
}  // namespace muster::units
