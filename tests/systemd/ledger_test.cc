#include "systemd/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace muster::systemd {
namespace {

using std::chrono::seconds;
using Ids = std::vector<std::string>;

constexpr char kMachine[] = "0123456789abcdef0123456789abcdef";

Ids ids(std::initializer_list<std::string> units) {
  Ids out;
  for (const std::string& unit : units) out.push_back(std::string(kMachine) + "/" + unit);
  return out;
}

Patch state(const std::string& active, const std::string& sub) {
  Patch out;
  out.active = active;
  out.sub = sub;
  return out;
}

Wishes::Wish wish(const std::string& unit, const std::string& text) {
  units::UnitInput input;
  input.name = unit;
  input.text = units::decode_text(text, unit);
  Wishes::Wish out;
  out.config = std::make_shared<units::UnitConfig>(make_config(input, units::Machine{kMachine}));
  return out;
}

Wishes::Wish unreadable() {
  Wishes::Wish out;
  out.trouble = "web.service: permission denied";
  return out;
}

// Time stands still unless a test moves it.
class LedgerTest : public testing::Test {
 protected:
  void list(const std::vector<Listed>& units) { ledger.listed(units, now); }
  void up(const std::string& unit) { ledger.changed(unit, state("active", "running"), now); }
  void stop(const std::string& unit) {
    ledger.changed(unit, state("deactivating", "stop-sigterm"), now);
    ledger.changed(unit, state("inactive", "dead"), now);
  }
  void wants(const std::string& unit, const std::string& text = "[X-Consul]\nPort=80\n") {
    ledger.wished(unit, wish(unit, text), now);
  }
  Slice slice() { return ledger.slice(true, now); }
  static Ids registered(const Slice& slice) {
    Ids out;
    for (std::size_t i = 0; i < slice.instances.size(); ++i) out.emplace_back(slice.instances.id(i));
    return out;
  }

  Ledger ledger{units::Machine{kMachine}, units::InstancePolicy{}};
  Ledger::Time now{seconds(1000)};
};

TEST_F(LedgerTest, AUnitThatRunsAndWantsToBeThereIsRegisteredAndOneThatDoesNotIsNot) {
  list({{"web.service", "loaded", "active", "running"}, {"cron.service", "loaded", "active", "running"}});
  EXPECT_EQ(ledger.unread(true), (Ids{"cron.service", "web.service"}));
  wants("web.service");
  wants("cron.service", "[Service]\nExecStart=/bin/true\n");
  EXPECT_EQ(ledger.unread(true), Ids{});
  const Slice made = slice();
  EXPECT_EQ(registered(made), ids({"web.service"}));
  EXPECT_EQ(made.ended, Ids{});
  EXPECT_TRUE(made.complete);
}

// systemd reads the files of EnvironmentFile= at each start; ours were those of the first.
TEST_F(LedgerTest, FilesThatFillInVariablesAreReadAnewAtEachStartAndNotInBetween) {
  up("web.service");
  up("plain.service");
  wants("plain.service");
  wants("web.service", "[Service]\nEnvironment=PORT=80\n[X-Consul]\nPort=${PORT}\n");
  EXPECT_EQ(ledger.unread(false), Ids{});
  ledger.changed("web.service", state("reloading", "reload"), now);
  up("web.service");
  EXPECT_EQ(ledger.unread(false), Ids{});
  for (const char* unit : {"web.service", "plain.service"}) {
    stop(unit);
    ledger.changed(unit, state("activating", "start-pre"), now);
  }
  EXPECT_EQ(ledger.unread(false), (Ids{"web.service"}));
  wants("web.service", "[Service]\nEnvironment=PORT=80\n[X-Consul]\nPort=${PORT}\n");
  up("web.service");
  EXPECT_EQ(ledger.unread(false), (Ids{"web.service"})) << "ExecStartPre= may have written them";
}

TEST_F(LedgerTest, StateThatIsToldAgainIsNoNews) {
  up("web.service");
  wants("web.service");
  EXPECT_TRUE(ledger.take_changed());
  up("web.service");
  up("web.service");
  EXPECT_FALSE(ledger.take_changed());
}

TEST_F(LedgerTest, WhatAServiceSaysOfItselfWhileItRunsIsNoNews) {
  up("web.service");
  wants("web.service");
  ledger.take_changed();
  Patch chatter;
  chatter.status_text = "served 1000 requests";
  ledger.changed("web.service", chatter, now);
  up("web.service");
  EXPECT_FALSE(ledger.take_changed());
}

TEST_F(LedgerTest, HalfOfAStateIsNotJudged) {
  up("web.service");
  wants("web.service");
  ledger.take_changed();
  Patch first;
  first.result = "signal";
  first.restarts = 1;
  ledger.changed("web.service", first, now);
  EXPECT_FALSE(ledger.take_changed()) << "it would be passing with the result of a crash";
  ledger.changed("web.service", state("activating", "auto-restart"), now);
  EXPECT_TRUE(ledger.take_changed());
  const std::string output = slice().instances.at(0).checks.at(0).output;
  EXPECT_NE(output.find("result signal"), std::string::npos) << output;
}

TEST_F(LedgerTest, AStopIsAnEndFromTheMomentItBegins) {
  up("web.service");
  wants("web.service");
  ledger.changed("web.service", state("deactivating", "stop-sigterm"), now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
  EXPECT_EQ(registered(slice()), Ids{});
}

TEST_F(LedgerTest, AnEndOutlivesTheUnitThatIsUnloadedAfterIt) {
  up("job.service");
  wants("job.service");
  stop("job.service");
  ledger.unloaded("job.service");
  EXPECT_EQ(slice().ended, ids({"job.service"}));
  EXPECT_EQ(ledger.size(), 0u) << "transient units would pile up";
  EXPECT_EQ(ledger.take_gone(), Ids{"job.service"});
  EXPECT_EQ(slice().ended, ids({"job.service"}));
  now += std::chrono::hours(2);
  EXPECT_EQ(slice().ended, Ids{}) << "its absence says the same by now";
}

TEST_F(LedgerTest, AUnitThatComesBackIsNoLongerOver) {
  up("job.service");
  wants("job.service");
  stop("job.service");
  ledger.unloaded("job.service");
  slice();
  up("job.service");
  EXPECT_EQ(ledger.unread(false), Ids{"job.service"}) << "its file may be another now";
  wants("job.service");
  EXPECT_EQ(slice().ended, Ids{});
  EXPECT_EQ(registered(slice()), ids({"job.service"}));
}

TEST_F(LedgerTest, UnloadingAloneIsNoStop) {
  up("web.service");
  wants("web.service");
  ledger.take_changed();
  ledger.unloaded("web.service");
  EXPECT_FALSE(ledger.take_changed());
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
}

TEST_F(LedgerTest, WhatAListDoesNotHoldAnyMoreDoesNotRun) {
  list({{"web.service", "loaded", "active", "running"}});
  wants("web.service");
  list({});
  EXPECT_EQ(ledger.due(), now + std::chrono::milliseconds(500)) << "it may be on its way to a restart";
  now = ledger.due();
  ledger.passed(now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
}

TEST_F(LedgerTest, ACrashOnTheWayToARestartKeepsTheService) {
  up("web.service");
  wants("web.service");
  Patch crash = state("failed", "failed");
  crash.result = "signal";
  ledger.changed("web.service", crash, now);
  EXPECT_EQ(ledger.take_failed(), Ids{"web.service"});
  ledger.changed("web.service", state("activating", "auto-restart"), now);
  ledger.changed("web.service", state("inactive", "dead"), now);
  const Slice between = slice();
  EXPECT_EQ(registered(between), ids({"web.service"}));
  EXPECT_EQ(between.ended, Ids{});
  EXPECT_EQ(between.instances.at(0).checks.at(0).status, "critical");
  Patch back = state("active", "running");
  back.result = "success";
  ledger.changed("web.service", back, now);
  EXPECT_EQ(slice().instances.at(0).checks.at(0).status, "passing");
  EXPECT_EQ(ledger.due(), Ledger::Time::max());
}

TEST_F(LedgerTest, AReloadEndsTheServicesThatTheFilesNoLongerAskFor) {
  up("web.service");
  wants("web.service", "[X-Consul]\nPort=80\n[X-Consul:admin]\nPort=81\n");
  EXPECT_EQ(registered(slice()), ids({"web.service", "web.service/admin"}));
  ledger.reloaded();
  EXPECT_EQ(ledger.unread(true), Ids{"web.service"});
  wants("web.service");
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
  EXPECT_EQ(slice().ended, ids({"web.service/admin"}));
  wants("web.service", "[Service]\n");
  EXPECT_EQ(slice().ended, ids({"web.service", "web.service/admin"}));
}

TEST_F(LedgerTest, ASectionThatIsBrokenByAReloadIsInDoubtAndNotOver) {
  up("web.service");
  wants("web.service");
  wants("web.service", "[X-Consul]\nPort=eighty\n");
  const Slice made = slice();
  EXPECT_EQ(registered(made), Ids{});
  EXPECT_EQ(made.ended, Ids{});
  EXPECT_EQ(made.doubtful, ids({"web.service"}));
  EXPECT_EQ(ledger.rejections(false).size(), 1u);
  EXPECT_EQ(ledger.rejections(false).size(), 0u) << "told once, but with every list";
  EXPECT_EQ(ledger.rejections(true).size(), 1u);
}

TEST_F(LedgerTest, ARunningUnitWhoseFileCannotBeReadIsInDoubt) {
  up("web.service");
  ledger.wished("web.service", unreadable(), now);
  EXPECT_EQ(slice().doubtful, ids({"web.service", "web.service/"})) << "with all that its sections may ask for";
  EXPECT_EQ(slice().ended, Ids{});
  ASSERT_EQ(ledger.rejections(true).size(), 1u);
  EXPECT_EQ(ledger.rejections(true).front().detail, "web.service: permission denied");
  stop("web.service");
  EXPECT_EQ(slice().doubtful, Ids{}) << "it does not run: nothing of it can";
}

TEST_F(LedgerTest, AFileThatCannotBeReadAnyMoreLeavesWhatItSaid) {
  up("web.service");
  const auto first = wish("web.service", "[X-Consul]\nPort=80\n");
  ledger.wished("web.service", first, now);
  Wishes::Wish later = first;
  later.trouble = "web.service: permission denied";
  ledger.reloaded();
  ledger.wished("web.service", later, now);
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
  EXPECT_EQ(ledger.rejections(true).size(), 1u);
}

// Broken, masked or deleted files of units that run: after a daemon-reload and a restart of muster, their services were
// taken out as absent.
TEST_F(LedgerTest, ARunningUnitThatSystemdCouldNotLoadTodayIsInDoubt) {
  for (const char* load : {"bad-setting", "not-found", "masked", "error"}) {
    list({{"web.service", load, "active", "running"}});
    EXPECT_EQ(ledger.unread(true), Ids{});
    EXPECT_EQ(slice().doubtful, ids({"web.service", "web.service/"})) << load;
    EXPECT_EQ(slice().ended, Ids{});
  }
  list({{"web.service", "not-found", "inactive", "dead"}});
  EXPECT_EQ(slice().doubtful, ids({"web.service", "web.service/"})) << "it may be on its way to a restart";
  now = ledger.due();
  ledger.passed(now);
  EXPECT_EQ(slice().doubtful, Ids{});
  EXPECT_EQ(slice().ended, Ids{}) << "nobody saw it being stopped";
}

// Its stop was no news: it stayed registered until the next list, and counted as absent then.
TEST_F(LedgerTest, TheStopOfAUnitOfWhichNothingIsKnownIsAnEndOnceItIsDown) {
  list({{"gone.service", "not-found", "active", "running"}});
  slice();
  ledger.take_changed();
  Patch leaving = state("deactivating", "stop-sigterm");
  leaving.job = true;
  ledger.changed("gone.service", leaving, now);
  EXPECT_EQ(slice().doubtful, ids({"gone.service", "gone.service/"})) << "it may have a Drain=";
  EXPECT_EQ(slice().ended, Ids{});
  ledger.changed("gone.service", state("inactive", "dead"), now);
  ledger.unloaded("gone.service");
  EXPECT_TRUE(ledger.take_changed());
  const Slice after = slice();
  EXPECT_EQ(after.ended, ids({"gone.service"}));
  EXPECT_EQ(after.doubtful, Ids{});
  EXPECT_EQ(ledger.size(), 0u);
}

TEST_F(LedgerTest, ACrashOfAUnitOfWhichNothingIsKnownIsNoEndAndLeavesItInDoubtForAsLongAsAHold) {
  up("web.service");
  ledger.wished("web.service", unreadable(), now);
  slice();
  ledger.take_changed();
  Patch crash = state("failed", "failed");
  crash.result = "signal";
  ledger.changed("web.service", crash, now);
  EXPECT_FALSE(ledger.take_changed()) << "it would be absent for some ms on its way to a restart";
  EXPECT_EQ(slice().doubtful, ids({"web.service", "web.service/"}));
  now += seconds(10);
  ledger.passed(now);
  EXPECT_TRUE(ledger.take_changed());
  EXPECT_EQ(slice().doubtful, Ids{});
  EXPECT_EQ(slice().ended, Ids{});
}

TEST_F(LedgerTest, AUnitThatNobodyAskedForComesAndGoesWithoutNews) {
  ledger.changed("cron.service", state("activating", "start"), now);
  ledger.changed("cron.service", state("deactivating", "stop"), now);
  ledger.changed("cron.service", state("inactive", "dead"), now);
  ledger.unloaded("cron.service");
  EXPECT_FALSE(ledger.take_changed());
  EXPECT_EQ(slice().ended, Ids{});
  EXPECT_EQ(ledger.size(), 0u);
}

// A unit that was unreadable is followed from its state alone once it can be read.
TEST_F(LedgerTest, WhatWasInDoubtIsRegisteredOnceItCanBeRead) {
  up("web.service");
  ledger.wished("web.service", unreadable(), now);
  slice();
  ledger.reloaded();
  wants("web.service");
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
  EXPECT_EQ(slice().doubtful, Ids{});
  ledger.changed("web.service", state("deactivating", "stop-sigterm"), now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
}

// Named in another's After= it was listed as not there, and its start was overlooked until the next list.
TEST_F(LedgerTest, AUnitThatWasNotThereWhenItWasListedIsReadWhenItStarts) {
  list({{"late.service", "not-found", "inactive", "dead"}, {"gone.service", "not-found", "active", "running"}});
  Patch first = state("active", "running");
  first.invocation = "0123";
  first.status_text = "still here";
  ledger.changed("gone.service", first, now);
  EXPECT_EQ(ledger.unread(false), Ids{}) << "it runs on without a file, which says nothing of what it asks for";
  ledger.changed("late.service", state("activating", "start-pre"), now);
  EXPECT_EQ(ledger.unread(false), Ids{"late.service"});
  wants("late.service");
  up("late.service");
  EXPECT_EQ(registered(slice()), ids({"late.service"}));
}

TEST_F(LedgerTest, WhatADropInThatCannotBeReadMayAskForIsInDoubt) {
  up("web.service");
  wants("web.service", "[X-Consul]\nPort=80\n[X-Consul:admin]\nPort=81\n");
  units::UnitConfig part = *wish("web.service", "[X-Consul]\nPort=80\n").config;
  part.partial = true;
  Wishes::Wish later;
  later.config = std::make_shared<units::UnitConfig>(part);
  ledger.wished("web.service", later, now);
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
  EXPECT_EQ(slice().doubtful, ids({"web.service/"}));
  EXPECT_EQ(slice().ended, Ids{});
}

// systemctl restart of ten slow units while Consul was away: ten stopped services stood as passing, held by the
// breaker.
TEST_F(LedgerTest, AnEndIsSaidUntilTheUnitIsUpAgain) {
  up("web.service");
  wants("web.service");
  stop("web.service");
  ledger.changed("web.service", state("activating", "start"), now);  // in one batch
  EXPECT_EQ(slice().ended, ids({"web.service"}));
  now += seconds(30);
  ledger.passed(now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
  up("web.service");
  EXPECT_EQ(slice().ended, Ids{});
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
}

// It stayed registered, critical, until muster was started again.
TEST_F(LedgerTest, AStopWhileItWaitsForItsRestartIsAnEndThoughItIsUnloadedAtOnce) {
  up("web.service");
  wants("web.service", "[X-Consul]\nPort=80\nOnRestart=keep\n");
  ledger.changed("web.service", state("failed", "failed"), now);
  ledger.changed("web.service", state("activating", "auto-restart"), now);
  ledger.changed("web.service", state("inactive", "dead"), now);
  ledger.unloaded("web.service");
  EXPECT_EQ(registered(slice()), ids({"web.service"}));
  now = ledger.due();
  ledger.passed(now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
  EXPECT_EQ(ledger.size(), 0u);
}

// The first of a crash's two signals was written to Consul by itself: running, with the exit status of the dead.
TEST_F(LedgerTest, AnExitStatusThatComesBeforeTheStateWaitsForIt) {
  up("web.service");
  wants("web.service");
  ledger.take_changed();
  Patch first;
  first.exit_code = 2;
  first.exit_status = 9;
  first.result = "signal";
  ledger.changed("web.service", first, now);
  EXPECT_FALSE(ledger.take_changed());
  Patch asked;
  asked.exit_status = 15;
  ledger.exited("web.service", asked, now);
  EXPECT_FALSE(ledger.take_changed()) << "the state is still under way";
  ledger.changed("web.service", state("failed", "failed"), now);
  EXPECT_TRUE(ledger.take_changed());
  asked.exit_status = 9;
  ledger.exited("web.service", asked, now);
  EXPECT_TRUE(ledger.take_changed()) << "what it was asked for is judged at once";
}

TEST_F(LedgerTest, AJobIsNoNewsButForAUnitThatLeaves) {
  up("web.service");
  wants("web.service");
  ledger.take_changed();
  Patch job = state("active", "running");
  job.job = true;
  ledger.changed("web.service", job, now);
  EXPECT_FALSE(ledger.take_changed());
  Patch leaving = state("deactivating", "stop");
  leaving.job = false;
  ledger.changed("web.service", leaving, now);
  EXPECT_EQ(registered(slice()), ids({"web.service"})) << "ExecStop= after a clean exit";
  leaving.job = true;
  ledger.changed("web.service", leaving, now);
  EXPECT_EQ(slice().ended, ids({"web.service"}));
}

// Narrowed --systemd-units left the rest to the breaker, as absent.
TEST_F(LedgerTest, WhatTheOperatorNoLongerWantsFollowedIsOver) {
  ledger.dismissed(*wish("db.service", "[X-Consul]\n[X-Consul:admin]\n").config, now);
  ledger.dismissed(*wish("cron.service", "[Service]\n").config, now);
  EXPECT_EQ(slice().ended, ids({"db.service", "db.service/admin"}));
}

TEST_F(LedgerTest, UnitsThatAreNotThereOrMaskedAreNotAskedFor) {
  list({{"gone.service", "not-found", "inactive", "dead"}, {"masked.service", "masked", "inactive", "dead"}});
  EXPECT_EQ(ledger.unread(true), Ids{});
}

TEST_F(LedgerTest, OfSignalsOnlyUnitsThatStartOrRunAreReadSinceAQuestionWouldLoadTheOthers) {
  ledger.changed("idle.service", state("inactive", "dead"), now);
  ledger.changed("born.service", state("activating", "start-pre"), now);
  up("web.service");
  EXPECT_EQ(ledger.unread(false), (Ids{"born.service", "web.service"}));
}

}  // namespace
}  // namespace muster::systemd
