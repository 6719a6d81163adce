// What one event may change, and what a read that is older than it must not take back.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "fakes/mesos_events.h"
#include "fakes/mesos_state.h"
#include "mesos/ledger.h"

namespace muster::mesos {
namespace {

using fakes::MesosAgent;
using fakes::MesosCluster;
using fakes::MesosTask;
using std::chrono::minutes;
using std::chrono::seconds;
using Strings = std::vector<std::string>;
using Time = std::chrono::steady_clock::time_point;

constexpr char kIp[] = "10.0.0.1";
constexpr char kOther[] = "10.0.0.2";

MesosTask task(const std::string& id, const std::string& state = "TASK_RUNNING",
               const std::string& framework = "marathon") {
  MesosTask out;
  out.id = id;
  out.name = "web";
  out.agent = kIp;
  out.framework = framework;
  out.state = state;
  out.ports = {31000};
  return out;
}

class LedgerEvents : public ::testing::Test {
 protected:
  LedgerEvents() {
    cluster_.elected_time = 1700000000.5;
    cluster_.agents = {{"S-1", kIp, "node1"}, {"S-2", kOther, "node2"}};
    cluster_.tasks = {task("a")};
    read();
  }

  // A read begun at `begun` and folded now.
  void read(Time begun) {
    Result<State> state = decode_state(fakes::render_state(cluster_), ledger_.groups());
    ASSERT_TRUE(state);
    const auto update = ledger_.fold(*std::move(state), {}, {now_, std::chrono::hours(2), begun});
    ASSERT_TRUE(update) << update.error().message;
    for (const HostSlice& each : update->slices) slices_[each.host.ip] = each.slice;
  }
  void read() { read(now_); }
  // Every read counts as begun after all that was heard before.
  void pass(std::chrono::milliseconds time) { now_ += time; }

  void hear(const std::string& record) {
    pass(seconds(1));
    const auto event = decode_event({record, true});
    ASSERT_TRUE(event);
    ledger_.hear(*event, now_);
    const auto update = ledger_.take_heard();
    changed_ = update.has_value();
    if (!update) return;
    EXPECT_FALSE(update->full);
    for (const HostSlice& each : update->slices) slices_[each.host.ip] = each.slice;
  }
  void added(const MesosTask& each) { hear(fakes::task_added(cluster_, each)); }
  void updated(const MesosTask& each) { hear(fakes::task_updated(cluster_, each)); }

  // Of a status of that second after the epoch.
  void updated_at(const MesosTask& each, int second) {
    const std::regex time(R"("timestamp":[0-9.e+]+)");
    hear(std::regex_replace(fakes::task_updated(cluster_, each), time, "\"timestamp\":" + std::to_string(second)));
  }

  Strings running() const {
    Strings out;
    const InstanceList& list = slices_.at(kIp)->instances;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Instance instance = list.at(i);
      const std::string more = instance.health == Health::Failing ? " sick" : instance.draining ? " draining" : "";
      if (instance.kind == Kind::Task) out.push_back(instance.id + more);
    }
    return out;
  }
  Strings ended() const { return slices_.at(kIp)->ended; }
  Strings doubtful() const { return slices_.at(kIp)->doubtful; }
  bool complete() const { return slices_.at(kIp)->complete; }

  MesosCluster cluster_;
  Ledger ledger_{LedgerSettings{}};
  Time now_ = Time{} + minutes(1000);
  std::map<std::string, SlicePtr> slices_;
  bool changed_ = false;
};

TEST_F(LedgerEvents, ATaskIsInDoubtUntilItRunsAndThenAsInAState) {
  added(task("b", "TASK_STAGING"));
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_EQ(doubtful(), Strings{"b"});
  updated(task("b", "TASK_STARTING"));
  EXPECT_EQ(doubtful(), Strings{"b"});
  updated(task("b"));
  EXPECT_EQ(running(), (Strings{"a", "b"}));
  EXPECT_EQ(doubtful(), Strings{});
  EXPECT_TRUE(complete());
  EXPECT_FALSE(ledger_.wants_read());
  const SlicePtr heard = slices_.at(kIp);
  pass(seconds(1));
  cluster_.tasks = {task("a"), task("b")};
  read();
  EXPECT_EQ(*slices_.at(kIp), *heard) << "events and reads tell the same";
}

TEST_F(LedgerEvents, EveryTerminalStateIsAnEnd) {
  for (const char* state : {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE"}) {
    const std::string id = std::string("t-") + state;
    added(task(id));
    ASSERT_EQ(running().size(), 2U);
    updated(task(id, state));
    EXPECT_EQ(running(), Strings{"a"}) << state;
    const Strings over = ended();
    EXPECT_TRUE(std::binary_search(over.begin(), over.end(), id)) << state;
  }
}

TEST_F(LedgerEvents, AnEndOfWhatWeNeverSawIsOneTooForAnEarlierRunMayHaveLeftIt) {
  updated(task("old", "TASK_FAILED"));
  EXPECT_EQ(ended(), Strings{"old"});
  EXPECT_FALSE(ledger_.wants_read());
}

TEST_F(LedgerEvents, WhatIsBeingKilledDrainsAtOnce) {
  updated(task("a", "TASK_KILLING"));
  EXPECT_EQ(running(), Strings{"a draining"});
  updated(task("a", "TASK_RUNNING"));
  EXPECT_EQ(running(), Strings{"a"});
}

TEST_F(LedgerEvents, WhatIsOutOfReachIsKeptForItsGraceAndNotLonger) {
  cluster_.tasks = {};
  cluster_.unreachable = {task("a", "TASK_UNREACHABLE")};
  updated(task("a", "TASK_UNREACHABLE"));
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_EQ(doubtful(), Strings{"a"});
  EXPECT_FALSE(ledger_.calm(now_)) << "its grace runs: reads go on";
  pass(minutes(9));
  read();
  EXPECT_EQ(running(), Strings{"a"});
  pass(minutes(1));
  read();
  EXPECT_EQ(running(), Strings{});
  EXPECT_EQ(doubtful(), Strings{});
  updated(task("a", "TASK_UNREACHABLE"));
  EXPECT_EQ(doubtful(), Strings{}) << "its grace does not begin anew";
  updated(task("a", "TASK_RUNNING"));  // back, and we have forgotten what it looked like
  EXPECT_EQ(doubtful(), Strings{"a"});
  EXPECT_TRUE(ledger_.wants_read());
}

TEST_F(LedgerEvents, AReadThatWasBegunBeforeAnEventDoesNotTakeItBack) {
  const Time begun = now_;
  added(task("b"));                     // the read does not have it yet
  updated(task("a", "TASK_FINISHED"));  // the read still has it
  read(begun);
  EXPECT_EQ(running(), Strings{"b"});
  EXPECT_EQ(ended(), Strings{"a"});
  pass(seconds(1));
  read();  // this one is newer than both
  EXPECT_EQ(running(), Strings{"a"});
}

TEST_F(LedgerEvents, AReadThatWasBegunBeforeATaskWasStagedKeepsItInDoubt) {
  const Time begun = now_;
  added(task("b", "TASK_STAGING"));
  read(begun);
  EXPECT_EQ(doubtful(), Strings{"b"});
  updated(task("b"));
  EXPECT_EQ(running(), (Strings{"a", "b"}));
}

TEST_F(LedgerEvents, OfUnknownAgentsFrameworksAndTasksAskForARead) {
  MesosTask elsewhere = task("x", "TASK_FINISHED");
  elsewhere.agent = "10.9.9.9";
  for (const MesosTask& each : {elsewhere, task("a", "TASK_FINISHED", "nobody"), task("new")}) {
    updated(each);
    EXPECT_TRUE(ledger_.wants_read()) << each.id;
    EXPECT_EQ(running(), Strings{"a"}) << each.id;
    EXPECT_EQ(ended(), Strings{}) << each.id;
    pass(seconds(1));
    read();
    EXPECT_FALSE(ledger_.wants_read());
  }
  hear(fakes::agent_removed(cluster_.agents[0]));
  EXPECT_TRUE(ledger_.wants_read());
  EXPECT_EQ(running(), Strings{"a"});
}

// Two frameworks may use one task id on one host, and even have one name.
TEST_F(LedgerEvents, TheEndOfANamesakeIsNotTheEndOfTheTask) {
  hear(fakes::framework_added("batch"));
  added(task("a", "TASK_STAGING", "batch"));
  updated(task("a", "TASK_FAILED", "batch"));
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_EQ(ended(), Strings{});
  EXPECT_TRUE(ledger_.wants_read());
  pass(seconds(1));
  read();
  added(task("a", "TASK_STAGING"));  // of the same framework name
  updated(task("a", "TASK_FAILED"));
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_EQ(ended(), Strings{});
  EXPECT_TRUE(ledger_.wants_read());
}

TEST_F(LedgerEvents, TwiceTheSameOrOutOfOrderChangesNothing) {
  updated(task("a"));
  EXPECT_FALSE(changed_);
  updated(task("a", "TASK_STARTING"));
  EXPECT_FALSE(changed_);
  updated(task("b", "TASK_FINISHED"));
  updated(task("b"));  // after its end: only a read can tell
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_TRUE(ledger_.wants_read());
}

// Two frameworks of one name: the end of one's task took the other's task of the same id.
TEST_F(LedgerEvents, TheEndOfATaskOfAFrameworkWithTheSameNameIsNotTheEndOfTheTask) {
  const auto of_the_other = [](const std::string& record) {
    return std::regex_replace(record, std::regex("framework-marathon"), "framework-other");
  };
  hear(of_the_other(fakes::framework_added("marathon")));
  hear(of_the_other(fakes::task_updated(cluster_, task("a", "TASK_FINISHED"))));
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_EQ(ended(), Strings{});
  EXPECT_TRUE(ledger_.wants_read());
  added(task("b", "TASK_STAGING"));
  hear(of_the_other(fakes::task_updated(cluster_, task("b", "TASK_RUNNING"))));
  EXPECT_EQ(running(), Strings{"a"}) << "what is staged is of one framework";
  updated(task("b"));
  EXPECT_EQ(running(), (Strings{"a", "b"})) << "which may go on";
}

// A dead service stood until the next resync when a task's start was told after its end.
TEST_F(LedgerEvents, NothingRunsAfterItsEndBeforeAReadSaysSo) {
  for (int twice = 0; twice < 2; ++twice) {
    updated(task("x", "TASK_FINISHED"));
    added(task("x"));
    added(task("x"));
    EXPECT_EQ(running(), Strings{"a"});
    EXPECT_TRUE(ledger_.wants_read());
    added(task("x", "TASK_STAGING"));
    updated(task("x"));
    EXPECT_EQ(running(), Strings{"a"});
    pass(seconds(1));
    read();
    EXPECT_FALSE(ledger_.wants_read());
  }
  cluster_.tasks.push_back(task("x"));
  pass(seconds(1));
  read();
  EXPECT_EQ(running(), (Strings{"a", "x"}));
}

// A `healthy: false` that came late put a healthy task into maintenance until the next resync.
TEST_F(LedgerEvents, HealthThatIsOlderThanTheLastHeardIsNotTaken) {
  MesosTask sick = task("a");
  sick.healthy = false;
  MesosTask well = task("a");
  well.healthy = true;
  updated_at(well, 1000);
  EXPECT_FALSE(ledger_.wants_read());
  updated_at(sick, 990);
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_TRUE(ledger_.wants_read());
  pass(seconds(1));
  read();
  updated_at(sick, 1010);
  EXPECT_EQ(running(), Strings{"a sick"});
  EXPECT_FALSE(ledger_.wants_read());
  updated_at(well, 1020);
  EXPECT_EQ(running(), Strings{"a"});
}

// Nobody knows how old the health is that a read told.
TEST_F(LedgerEvents, TheFirstSickStatusOfATaskIsTakenAndLookedUp) {
  MesosTask sick = task("a");
  sick.healthy = false;
  updated_at(sick, 990);
  EXPECT_EQ(running(), Strings{"a sick"});
  EXPECT_TRUE(ledger_.wants_read());
}

TEST_F(LedgerEvents, AnAgentThatComesBackTellsItsTasksAgainAndNothingChanges) {
  MesosTask again = task("a");
  read();
  added(again);
  EXPECT_FALSE(changed_);
  EXPECT_EQ(running(), Strings{"a"});
  again.ports = {31005};  // another task under its id
  added(again);
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_TRUE(ledger_.wants_read());
}

TEST_F(LedgerEvents, SlicesOfAHostThatHasNotComeBackStayIncomplete) {
  cluster_.elected_time += 100;
  cluster_.agents[0].registered = false;
  cluster_.tasks = {};
  Result<State> state = decode_state(fakes::render_state(cluster_));
  const auto update = ledger_.fold(*std::move(state), {}, {now_, seconds(1), now_});
  ASSERT_TRUE(update);
  for (const HostSlice& each : update->slices) slices_[each.host.ip] = each.slice;
  ASSERT_FALSE(complete());
  updated(task("a", "TASK_UNREACHABLE"));
  EXPECT_FALSE(complete());
  EXPECT_EQ(running(), Strings{"a"});
  EXPECT_FALSE(ledger_.calm(now_));
}

TEST_F(LedgerEvents, ReadsMayBeRareOnceNothingIsOpen) {
  EXPECT_FALSE(ledger_.calm(now_)) << "an earlier run may have left something, which the breaker wants to miss thrice";
  for (int i = 0; i < 5; ++i) {
    pass(seconds(30));
    read();
  }
  EXPECT_TRUE(ledger_.calm(now_));
  added(task("b", "TASK_STAGING"));
  updated(task("a", "TASK_FINISHED"));
  EXPECT_TRUE(ledger_.calm(now_)) << "starts and ends are told";
  cluster_.tasks = {task("b")};
  pass(seconds(1));
  read();
  cluster_.tasks = {};
  pass(seconds(1));
  read();  // b went without a word
  EXPECT_FALSE(ledger_.calm(now_));
}

TEST_F(LedgerEvents, ManyEndsAreForgottenAgain) {
  for (int i = 0; i < 1200; ++i) updated(task("t" + std::to_string(i), "TASK_FINISHED"));
  EXPECT_LE(ended().size(), 512U);
  EXPECT_EQ(running(), Strings{"a"});
}

}  // namespace
}  // namespace muster::mesos
