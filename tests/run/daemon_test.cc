// The daemon whole, with scripted sources and agents in memory: no socket, and no waiting but for what it does.
#include "run/daemon.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <thread>

#include "core/notation.h"
#include "run/memory_agents.h"

namespace muster::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Ids = std::set<std::string>;
using notation::Lines;
using notation::slice;
using Mood = MemoryWorld::Mood;

// Says what it was given, in order, then nothing more.
class ScriptedSource : public Source {
 public:
  struct Script {
    void say(Result<Update> answer) {
      const std::lock_guard lock(mutex);
      answers.push_back(std::move(answer));
      more.notify_all();
    }
    std::mutex mutex;
    std::condition_variable_any more;
    std::deque<Result<Update>> answers;
  };

  explicit ScriptedSource(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Result<Update> next(std::stop_token stop) override {
    std::unique_lock lock(script_->mutex);
    if (!script_->more.wait(lock, stop, [&] { return !script_->answers.empty(); })) return fail(Fault::Keep, "stopped");
    Result<Update> out = std::move(script_->answers.front());
    script_->answers.pop_front();
    return out;
  }

 private:
  std::shared_ptr<Script> script_;
};

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 5s) {
  const auto end = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

// "a" is the host S-a with the agent "a".
HostSlice on(const std::string& agent, const Lines& instances, bool complete = true) {
  return {{"S-" + agent, agent, "", ""}, slice(instances, complete)};
}

Update all(std::vector<HostSlice> slices) { return {Domain::All, true, std::move(slices), {}}; }

class DaemonTest : public testing::Test {
 protected:
  // Before anything starts a thread, so that every thread has the signals blocked.
  DaemonTest() : script_(std::make_shared<ScriptedSource::Script>()) {
    parts_.sources.push_back({"mesos", std::make_unique<ScriptedSource>(script_)});
    parts_.resolver = [](const HostRef& host) { return AgentKey{host.ip}; };
    parts_.make_agents = [this](const auto&) { return std::make_unique<MemoryAgents>(world_); };
    parts_.rules = notation::rules(notation::modern());
    parts_.reload = [this] {
      const std::lock_guard lock(mutex_);
      return next_rules_;
    };
    parts_.settings.workers = 4;
    parts_.settings.audit_interval = 1h;
    parts_.settings.once_timeout = 500ms;
  }

  ~DaemonTest() override {
    if (thread_.joinable()) terminate();
  }

  void start() {
    daemon_ = std::make_unique<Daemon>(std::move(parts_));
    thread_ = std::thread([this] { code_ = daemon_->run(signals_); });
  }

  // Exit code, and how long it took.
  std::chrono::milliseconds terminate() {
    const auto begin = Clock::now();
    kill(getpid(), SIGTERM);
    thread_.join();
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  }

  int once() {
    parts_.settings.once = true;
    daemon_ = std::make_unique<Daemon>(std::move(parts_));
    return daemon_->run_once(signals_);
  }

  Signals signals_;
  MemoryWorld world_;
  std::shared_ptr<ScriptedSource::Script> script_;
  std::mutex mutex_;
  Result<std::shared_ptr<const Rules>> next_rules_ = fail(Fault::Leave, "--whitelist=(: missing )");
  Parts parts_;
  std::unique_ptr<Daemon> daemon_;
  std::thread thread_;
  int code_ = -1;
};

TEST_F(DaemonTest, RegistersUpdatesMovesAndDeregisters) {
  start();
  script_->say(all({on("a", {"t web 80"}), on("b", {})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
  script_->say(all({on("a", {"t web 80 {tags=new}"}), on("b", {})}));
  EXPECT_TRUE(eventually([&] { return world_.service("a", "muster:t:80").tags == Lines{"new"}; }));
  script_->say(all({on("a", {}), on("b", {"t web 80"})}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a").empty() && world_.ids("b") == Ids{"muster:t:80"}; }));
  script_->say(all({on("a", {})}));  // b leaves the cluster
  EXPECT_TRUE(eventually([&] { return world_.ids("b").empty(); }));
  EXPECT_FALSE(world_.two_workers_met());
}

// fleet answered before D-Bus: at each start every service was written as fleet's, and then as the host's own.
TEST_F(DaemonTest, WhatSourcesSayFirstIsActedUponTogetherAndNoneWaitsForLongOrForOneThatFails) {
  const auto second = std::make_shared<ScriptedSource::Script>(), third = std::make_shared<ScriptedSource::Script>();
  parts_.sources.push_back({"nomad", std::make_unique<ScriptedSource>(second)});
  parts_.sources.push_back({"fleet", std::make_unique<ScriptedSource>(third)});
  std::atomic<int> answers{0};
  parts_.on_answer = [&](const std::string&, const Result<Update>&, std::size_t) { ++answers; };
  start();
  script_->say(all({on("a", {"t web 80"})}));
  third->say(fail(Fault::Keep, "fleet: 500"));
  ASSERT_TRUE(eventually([&] { return answers == 2; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(world_.ids("a"), Ids{});
  second->say(all({on("b", {"u web 80"})}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"} && world_.ids("b") == Ids{"muster:u:80"}; },
                         1500ms));
}

TEST_F(DaemonTest, ASourceThatSaysNothingHoldsTheOthersUpForTwoSecondsAtMost) {
  parts_.sources.push_back({"nomad", std::make_unique<ScriptedSource>(std::make_shared<ScriptedSource::Script>())});
  start();
  script_->say(all({on("a", {"t web 80"})}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
}

TEST_F(DaemonTest, AsksAgainForNothingThatDidNotChange) {
  start();
  script_->say(all({on("a", {"t web 80"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
  const std::size_t writes = world_.writes("a");
  for (int i = 0; i < 5; ++i) script_->say(all({on("a", {"t web 80"})}));
  script_->say(all({on("a", {"t web 80"}), on("z", {"u web 81"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("z") == Ids{"muster:u:81"}; }));
  EXPECT_EQ(world_.writes("a"), writes);
  EXPECT_EQ(world_.reads("a"), 1u);
}

TEST_F(DaemonTest, RemovesNothingOnAnIncompleteAnswerOrAnError) {
  start();
  script_->say(all({on("a", {"t web 80"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
  script_->say(fail(Fault::Keep, "the master: 503"));
  script_->say(all({on("a", {"u web 81"}, false)}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80", "muster:u:81"}; }));
  EXPECT_TRUE(eventually([&] { return daemon_->totals().held["unproven"] == 1; }));
}

TEST_F(DaemonTest, AHangingAgentDelaysNobody) {
  parts_.settings.workers = 2;
  world_.set("hang", Mood::Hanging);
  start();
  script_->say(all({on("hang", {"h web 1"}), on("a", {"t web 80"}), on("b", {"u web 80"}), on("c", {"v web 80"})}));
  EXPECT_TRUE(
      eventually([&] { return !world_.ids("a").empty() && !world_.ids("b").empty() && !world_.ids("c").empty(); }, 1s));
  world_.set("hang", Mood::Well);
  EXPECT_TRUE(eventually([&] { return !world_.ids("hang").empty(); }));
}

// Frozen agents hold their workers for a whole deadline: more of them than workers must not hold up the rest.
TEST_F(DaemonTest, MoreHangingAgentsThanWorkersDelayNobody) {
  parts_.settings.workers = 2;
  std::vector<HostSlice> hosts;
  for (int i = 0; i < 9; ++i) {
    const std::string name = "hang" + std::to_string(i);
    world_.set(name, Mood::Hanging);
    hosts.push_back(on(name, {"h web 1"}));
  }
  hosts.push_back(on("z", {"t web 80"}));
  start();
  script_->say(all(hosts));
  EXPECT_TRUE(eventually([&] { return world_.ids("z") == Ids{"muster:t:80"}; }, 5s));
}

TEST_F(DaemonTest, AFailingAgentIsTriedAgainAndHealed) {
  world_.set("a", Mood::Failing);
  start();
  script_->say(all({on("a", {"t web 80"})}));
  EXPECT_TRUE(eventually([&] { return world_.reads("a") >= 2; }));
  EXPECT_EQ(daemon_->totals().failing, 1u);
  EXPECT_FALSE(daemon_->readiness().ready);
  world_.set("a", Mood::Well);
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
  EXPECT_TRUE(eventually([&] { return daemon_->readiness().ready; }));
}

// The breaker waits for every agent of a wave; one that is known to be dead is none that it should wait for.
TEST_F(DaemonTest, AFailingAgentHoldsBackNoRemovalElsewhere) {
  world_.set("dead", Mood::Failing);
  start();
  script_->say(all({on("dead", {"d web 1"}), on("a", {"t web 80"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"} && world_.reads("dead") >= 3; }));
  const auto begin = Clock::now();
  script_->say(all({on("dead", {}), on("a", {})}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a").empty(); }));
  EXPECT_LT(Clock::now() - begin, 500ms);
}

Lines eight() {
  Lines out;
  for (int i = 0; i < 8; ++i) out.push_back("t" + std::to_string(i) + " web " + std::to_string(80 + i));
  return out;
}

TEST_F(DaemonTest, TheSameAbsenceInThreeReadsOverItsTimeIsBelieved) {
  parts_.settings.breaker.time = 300ms;
  start();
  script_->say(all({on("a", eight())}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a").size() == 8; }));
  const auto begin = Clock::now();
  script_->say(all({on("a", {})}));
  ASSERT_TRUE(eventually([&] { return daemon_->totals().held["breaker"] == 8; }));
  const auto read = [&] {  // once more, to the end of the run that it brings
    const std::size_t before = world_.reads("a");
    script_->say(all({on("a", {})}));
    EXPECT_TRUE(eventually([&] { return world_.reads("a") > before && daemon_->depth().busy == 0; }));
  };
  read();
  EXPECT_TRUE(eventually([&] { return Clock::now() - begin > 400ms; }));
  EXPECT_EQ(world_.ids("a").size(), 8u) << "over the time, in two reads";
  read();
  EXPECT_TRUE(eventually([&] { return world_.ids("a").empty(); }));
  EXPECT_TRUE(eventually([&] { return daemon_->totals().held["breaker"] == 0; }));
}

TEST_F(DaemonTest, ThreeReadsBeforeItsTimeAreNotEnough) {
  parts_.settings.breaker.time = 1h;
  start();
  script_->say(all({on("a", eight())}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a").size() == 8; }));
  for (int i = 0; i < 5; ++i) {
    const std::size_t before = world_.reads("a");
    script_->say(all({on("a", {})}));
    ASSERT_TRUE(eventually([&] { return world_.reads("a") > before && daemon_->depth().busy == 0; }));
    EXPECT_EQ(world_.ids("a").size(), 8u) << i;
  }
  EXPECT_EQ(daemon_->totals().held["breaker"], 8u);
}

TEST_F(DaemonTest, ARefusedServiceDoesNotStopTheOthers) {
  world_.refuse("bad");
  start();
  script_->say(all({on("a", {"a-bad web 80", "b web 81"})}));
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:b:81"}; }));
  EXPECT_TRUE(eventually([&] { return daemon_->totals().failing == 1; }));
}

TEST_F(DaemonTest, HealsAnAgentThatLostItsDataAtTheNextAudit) {
  parts_.settings.audit_interval = 200ms;
  start();
  script_->say(all({on("a", {"t web 80"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
  world_.change("a", [](laws::SimulatedAgent& agent) { agent = {}; });
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }));
}

TEST_F(DaemonTest, ATerminationLeavesTheServicesAndTakesLessThanASecondThoughAgentsHang) {
  start();
  script_->say(all({on("a", {"t web 80"}), on("b", {})}));
  ASSERT_TRUE(eventually([&] { return !world_.ids("a").empty(); }));
  world_.set("a", Mood::Hanging);
  world_.set("b", Mood::Hanging);
  const std::size_t reads = world_.reads("a");
  script_->say(all({on("a", {}), on("b", {"u web 1"})}));
  ASSERT_TRUE(eventually([&] { return world_.reads("a") > reads; }));
  EXPECT_LT(terminate(), 1000ms);
  EXPECT_EQ(code_, 0);
  EXPECT_EQ(world_.ids("a"), Ids{"muster:t:80"});
}

TEST_F(DaemonTest, AReloadTakesNewRulesAndKeepsTheOldOnesWhenTheyAreBad) {
  std::atomic<int> good{0}, bad{0};
  parts_.on_reload = [&](bool succeeded) { ++(succeeded ? good : bad); };
  start();
  script_->say(all({on("a", {"t web 80", "u api 81"})}));
  ASSERT_TRUE(eventually([&] { return world_.ids("a").size() == 2; }));
  kill(getpid(), SIGHUP);
  ASSERT_TRUE(eventually([&] { return bad == 1; }));
  EXPECT_EQ(world_.ids("a").size(), 2u);
  RuleSettings settings = notation::modern();
  settings.blacklist = {"api"};
  {
    const std::lock_guard lock(mutex_);
    next_rules_ = notation::rules(settings);
  }
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(eventually([&] { return world_.ids("a") == Ids{"muster:t:80"}; }))
      << "runs, and the rules do not want it";
  EXPECT_EQ(good, 1);
}

TEST_F(DaemonTest, OnceExitsWith0WhenAllIsAsDesired) {
  script_->say(all({on("a", {"t web 80"}), on("b", {"u web 80"})}));
  EXPECT_EQ(once(), 0);
  EXPECT_EQ(world_.ids("a"), Ids{"muster:t:80"});
  EXPECT_EQ(world_.ids("b"), Ids{"muster:u:80"});
}

TEST_F(DaemonTest, OnceExitsWith0AfterASourceThatFailedAtFirst) {
  script_->say(fail(Fault::Retry, "the master: 503"));
  script_->say(all({on("a", {"t web 80"})}));
  EXPECT_EQ(once(), 0);
}

TEST_F(DaemonTest, OnceExitsWith1WhenAnAgentFailsButDoesTheOthers) {
  world_.set("b", Mood::Failing);
  script_->say(all({on("a", {"t web 80"}), on("b", {"u web 80"})}));
  EXPECT_EQ(once(), 1);
  EXPECT_EQ(world_.ids("a"), Ids{"muster:t:80"});
}

TEST_F(DaemonTest, OnceExitsWith1WhenAServiceIsRefused) {
  world_.refuse("bad");
  script_->say(all({on("a", {"bad web 80"})}));
  EXPECT_EQ(once(), 1);
}

TEST_F(DaemonTest, OnceExitsWith1WhenASourceNeverAnswers) { EXPECT_EQ(once(), 1); }

TEST_F(DaemonTest, OnceEndsInTimeThoughAnAgentHangs) {
  world_.set("a", Mood::Hanging);
  script_->say(all({on("a", {"t web 80"})}));
  std::jthread signal([] {
    std::this_thread::sleep_for(100ms);
    kill(getpid(), SIGTERM);
  });
  const auto begin = Clock::now();
  EXPECT_EQ(once(), 1);
  EXPECT_LT(Clock::now() - begin, 1s);
}

TEST_F(DaemonTest, OnceExitsWith3WhenSomethingIsHeldOrInConflict) {
  script_->say(all({on("a", {"t web 80"})}));
  world_.change("a", [](laws::SimulatedAgent& agent) {
    Service other = notation::desired({"t web 80"}, notation::modern()).services.at(0);
    other.meta[kMetaOwner] = "other";
    agent.put(other);
  });
  EXPECT_EQ(once(), 3);
  EXPECT_EQ(world_.writes("a"), 0u);
}

TEST_F(DaemonTest, ADryRunWritesNothingAndShowsThePlan) {
  parts_.settings.dry_run = true;
  parts_.policy.dry_run = true;
  world_.change("a", [](laws::SimulatedAgent& agent) {
    agent.put(notation::desired({"gone web 80"}, notation::modern()).services.at(0));
  });
  script_->say(all({on("a", {"t web 80"})}));
  EXPECT_EQ(once(), 3);
  EXPECT_EQ(world_.writes("a"), 0u);
  EXPECT_EQ(daemon_->plans(),
            "a\n"
            "  + register web muster:t:80  (not in the agent)  held: dry-run\n"
            "  - deregister web muster:gone:80  (absent from a complete read)  held: dry-run\n");
}

TEST_F(DaemonTest, SaysAThingOnceForAsLongAsItHolds) {
  world_.refuse("bad");
  testing::internal::CaptureStderr();
  start();
  for (int i = 0; i < 4; ++i) {
    script_->say(fail(Fault::Retry, "the master: 503"));
    script_->say(all({on("a", {"bad web 80", "x - 81", "n web 82,83,84 @docker:1.2.3.4 {check_ttl=soon}"}),
                      on("b", {"t" + std::to_string(i) + " web 1"})}));
    script_->say(all({on("a", {"bad web 80", "x - 81", "n web 82,83,84 @docker:1.2.3.4 {check_ttl=soon}",
                               "y" + std::to_string(i) + " web 1"})}));
    const std::string last = "muster:y" + std::to_string(i) + ":1";
    EXPECT_TRUE(eventually([&] { return world_.ids("a").contains(last); })) << last;
  }
  terminate();
  const std::string log = testing::internal::GetCapturedStderr();
  const auto count = [&](const std::string& text) {
    std::size_t out = 0;
    for (std::size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++out;
    return out;
  };
  EXPECT_EQ(count("refused"), 1u) << log;
  EXPECT_EQ(count("reason=no_name"), 1u) << log;
  EXPECT_EQ(count("reason=no_address"), 1u) << log;
  EXPECT_EQ(count("reason=bad_check"), 1u) << "one task, three ports\n" << log;
  EXPECT_EQ(count("the master: 503"), 4u) << "it answered in between: news each time\n" << log;
}

TEST(Signals, CanBeWaitedForAgainAfterAStoppedWait) {
  Signals signals;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(signals.wait(stop.get_token()), std::nullopt);
  kill(getpid(), SIGHUP);
  EXPECT_EQ(signals.wait({}), SIGHUP);
  // A wait that nobody ends sleeps: it must not spin on the stop that is over.
  std::clock_t spent = 0;
  std::stop_source second;
  std::thread waiter([&] {
    timespec before{}, after{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    signals.wait(second.get_token());
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    spent = (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
  });
  std::this_thread::sleep_for(100ms);
  second.request_stop();
  waiter.join();
  EXPECT_LT(spent, 20'000'000) << "nanoseconds of CPU in 100 ms of waiting";
}

}  // namespace
}  // namespace muster::run
