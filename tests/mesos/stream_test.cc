// The source over real HTTP in stream mode: events in milliseconds, and what happens when either plane is broken.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "fakes/fake_mesos.h"
#include "fakes/mesos_events.h"
#include "mesos/two_hosts.h"
#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::mesos {
namespace {

using fakes::FakeMesos;
using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::MesosTask;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::kPatience;
using Clock = std::chrono::steady_clock;

// Plays the Board: the last slice of each host. `refresh` is an hour, so that nothing but an event, or what an event
// asks for, can bring news; what a test waits for comes at once or never.
class StreamTest : public TwoHosts {
 protected:
  StreamTest() { settings_.refresh = settings_.resync = std::chrono::hours(1); }

  // One answer, or nothing when none comes in time.
  std::optional<Result<Update>> next(milliseconds patience = kPatience) {
    if (!source_) use({mesos_.url()});
    std::stop_source stop;
    std::optional<Result<Update>> out;
    {
      std::mutex mutex;
      std::condition_variable_any ended;
      const std::jthread timer([&](const std::stop_token& done) {
        std::unique_lock lock(mutex);
        if (!ended.wait_for(lock, done, patience, [] { return false; }) && !done.stop_requested()) stop.request_stop();
      });
      out = source_->next(stop.get_token());
    }
    if (stop.stop_requested()) return std::nullopt;
    take(*out);
    return out;
  }
  void take(const Result<Update>& update) {
    if (!update) return errors_.push_back(update.error().message);
    if (update->domain == Domain::All) slices_.clear();
    for (const HostSlice& each : update->slices) slices_[each.host.ip] = each.slice;
    for (const Rejection& each : update->rejections) reasons_.insert(each.reason);
  }
  // The first answer, and the one after the stream has come up.
  void begin() {
    ASSERT_TRUE(next() && mesos_.reads() == 1);
    settle();
  }
  // Until the stream is up and has been followed by a read. In seconds at a time: cut short, next() drops the stream
  // that it is opening. It returns from each read, so that one in the call which opens the stream comes after that.
  void settle(FakeMesos* master = nullptr) {
    FakeMesos& from = master == nullptr ? mesos_ : *master;
    const Clock::time_point end = Clock::now() + kPatience;
    std::uint64_t reads = from.reads();
    for (; from.subscribers() == 0 && Clock::now() < end; next(seconds(2))) reads = from.reads();
    while (from.reads() == reads && Clock::now() < end) next(seconds(2));
    ASSERT_EQ(from.subscribers(), 1U);
  }
  // Takes answers until the tasks are these.
  testing::AssertionResult until(const Tasks& wanted) {
    const Clock::time_point end = Clock::now() + kPatience;
    while (tasks() != wanted) {
      if (Clock::now() > end) return testing::AssertionFailure() << testing::PrintToString(tasks());
      next(milliseconds(200));
    }
    return testing::AssertionSuccess();
  }
  template <typename Predicate>
  bool until_true(Predicate holds) {
    const Clock::time_point end = Clock::now() + kPatience;
    while (!holds() && Clock::now() < end) next(milliseconds(100));
    return holds();
  }
  // "a@127.0.0.11", "a@127.0.0.11 draining", "... sick"
  Tasks tasks() const {
    Tasks out;
    for (const auto& [ip, slice] : slices_) {
      for (std::size_t i = 0; i < slice->instances.size(); ++i) {
        const Instance instance = slice->instances.at(i);
        if (instance.kind != Kind::Task) continue;
        out.insert(instance.id + "@" + ip + (instance.draining ? " draining" : "") +
                   (instance.health == Health::Failing ? " sick" : ""));
      }
    }
    return out;
  }
  bool ended(const std::string& id, const std::string& ip) const {
    const auto& list = slices_.at(ip)->ended;
    return std::find(list.begin(), list.end(), id) != list.end();
  }
  bool doubtful(const std::string& id, const std::string& ip) const {
    const auto& list = slices_.at(ip)->doubtful;
    return std::find(list.begin(), list.end(), id) != list.end();
  }
  // What must be true whatever a master says: nothing that runs is ended or proven absent.
  void expect_kept(const Tasks& wanted) const {
    for (const std::string& each : wanted) {
      const std::string id = each.substr(0, each.find('@'));
      const std::string ip = each.substr(each.find('@') + 1);
      EXPECT_TRUE(slices_.at(ip)->instances.contains(id)) << each;
      EXPECT_FALSE(ended(id, ip)) << each;
    }
  }

  std::map<std::string, SlicePtr> slices_;
  std::vector<std::string> errors_;
  std::set<Reason> reasons_;
};

TEST_F(StreamTest, TellsStartsHealthDrainsMovesAndEndsWithoutAnyRead) {
  begin();
  ASSERT_EQ(tasks(), both_);
  const std::uint64_t reads = mesos_.reads();
  mesos_.start(task("c", "127.0.0.11", 31001));
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11"}));
  mesos_.set_healthy("c", false);
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11 sick"}));
  mesos_.set_healthy("c", true);
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11"}));
  mesos_.set_state("c", "TASK_KILLING");
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11 draining"}));
  mesos_.kill("c");
  EXPECT_TRUE(until(both_));
  EXPECT_TRUE(ended("c", "127.0.0.11"));
  mesos_.move("a", "127.0.0.12");
  EXPECT_TRUE(until({"a@127.0.0.12", "b@127.0.0.12"}));
  EXPECT_TRUE(ended("a", "127.0.0.11"));
  EXPECT_EQ(mesos_.reads(), reads);
  EXPECT_TRUE(errors_.empty());
}

TEST_F(StreamTest, SpeaksOnlyOfTheHostThatAnEventTouches) {
  begin();
  mesos_.start(task("c", "127.0.0.11", 31001));
  for (;;) {
    const auto update = next();
    ASSERT_TRUE(update && *update);
    EXPECT_FALSE((*update)->full);
    EXPECT_EQ((*update)->domain, Domain::Listed);
    ASSERT_EQ((*update)->slices.size(), 1U);
    EXPECT_EQ((*update)->slices[0].host.ip, "127.0.0.11");
    if (tasks().contains("c@127.0.0.11")) break;
  }
}

TEST_F(StreamTest, KeepsWhatIsLostInDoubt) {
  begin();
  for (const char* state : {"TASK_LOST", "TASK_UNREACHABLE", "TASK_UNKNOWN", "TASK_GONE_BY_OPERATOR"}) {
    mesos_.set_state("a", state);
    EXPECT_TRUE(until_true([&] { return doubtful("a", "127.0.0.11"); })) << state;
    expect_kept({"a@127.0.0.11"});
    mesos_.set_state("a", "TASK_RUNNING");
    EXPECT_TRUE(until_true([&] { return !doubtful("a", "127.0.0.11"); })) << state;
  }
}

TEST_F(StreamTest, IsChosenByTheVersionOfTheMaster) {
  mesos_.edit([](fakes::MesosCluster& cluster) { cluster.version = "1.6.2"; });
  settings_.refresh = milliseconds(100);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(next());
  EXPECT_EQ(mesos_.subscriptions(), 0U);
  mesos_.edit([](fakes::MesosCluster& cluster) { cluster.version = "1.7.0"; });
  EXPECT_TRUE(until_true([&] { return mesos_.subscribers() == 1; }));
}

TEST_F(StreamTest, IsNotOpenedWhereOnlyPollingIsWanted) {
  settings_.api = Api::Poll;
  settings_.refresh = milliseconds(100);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(next());
  EXPECT_EQ(mesos_.subscriptions(), 0U);
}

TEST_F(StreamTest, IsOpenedForAnOlderMasterWhereItIsDemanded) {
  settings_.api = Api::Stream;
  mesos_.edit([](fakes::MesosCluster& cluster) { cluster.version = "1.4.0"; });
  begin();
}

TEST_F(StreamTest, PollsWhileTheStreamIsRefusedAndSaysSoOnce) {
  settings_.refresh = milliseconds(100);
  mesos_.answer_api_with([](const HttpRequest&) { return HttpReply{.status = 403, .body = "no"}; });
  std::uint64_t reads = 0;
  EXPECT_TRUE(until_true([&] { return (reads = mesos_.reads()) >= 8; }));
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_NE(errors_[0].find("mesos-master-readwrite"), std::string::npos) << errors_[0];
  EXPECT_NE(errors_[0].find(mesos_.url()), std::string::npos) << errors_[0];
  mesos_.kill("b");
  EXPECT_TRUE(until({"a@127.0.0.11"}));
  mesos_.answer_api_with(nullptr);
  EXPECT_TRUE(until_true([&] { return mesos_.subscribers() == 1; }));
}

TEST_F(StreamTest, GoesOnWhileTheStateCannotBeRead) {
  settings_.refresh = milliseconds(100);
  begin();
  mesos_.answer_body("out of order", 500);
  EXPECT_TRUE(until_true([&] { return !errors_.empty(); }));
  mesos_.start(task("c", "127.0.0.11", 31001));
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11"}));
  mesos_.kill("c");
  EXPECT_TRUE(until(both_));
}

// A /state of one byte each half second kept the events waiting for four times --mesos-timeout.
TEST_F(StreamTest, HearsEventsWhileTheStateTrickles) {
  settings_.refresh = milliseconds(100);
  settings_.http.timeout = seconds(60);
  begin();
  constexpr std::uint64_t kTrickle = 1u << 20;
  const std::uint64_t before = mesos_.reads();
  mesos_.answer_with([](const HttpRequest&) {
    HttpReply reply;
    reply.stream = true;
    reply.stream_id = kTrickle;
    reply.body = "{";
    return reply;
  });
  const std::jthread master([&](const std::stop_token& done) {
    bool started = false;
    for (; !done.stop_requested(); std::this_thread::sleep_for(milliseconds(20))) {
      mesos_.server().push(kTrickle, " ");
      if (!started && mesos_.reads() > before) started = true, mesos_.start(task("c", "127.0.0.11", 31001));
    }
  });
  const Clock::time_point from = Clock::now();
  while (tasks().size() < 3 && Clock::now() - from < kPatience) next();
  EXPECT_EQ(tasks(), (Tasks{"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11"}));
  ASSERT_FALSE(errors_.empty());
  EXPECT_NE(errors_[0].find("so slowly that its events are heard first"), std::string::npos) << errors_[0];
}

TEST_F(StreamTest, ComesBackAfterEveryKindOfBreakAndLearnsWhatItMissed) {
  settings_.refresh = milliseconds(100);
  begin();
  int number = 0;
  const std::vector<std::function<void()>> breaks = {
      [&] { mesos_.cut_streams(true); },        [&] { mesos_.cut_streams(false); },
      [&] { mesos_.send_raw("9000000000\n"); }, [&] { mesos_.send_raw("12\n{\"type\":\"HEARTBEAT\"}"); },
      [&] { mesos_.send_raw("rubbish"); },      [&] { mesos_.send_raw("500\n{\"type\":"), mesos_.cut_streams(true); },
  };
  for (const auto& each : breaks) {
    const std::uint64_t before = mesos_.subscriptions();
    errors_.clear();
    mesos_.mute(true);
    const std::string id = "c" + std::to_string(++number);
    mesos_.start(task(id, "127.0.0.11", 31001));
    each();
    mesos_.mute(false);
    EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", id + "@127.0.0.11"})) << number;
    EXPECT_TRUE(until_true([&] { return mesos_.subscriptions() > before; })) << number;
    EXPECT_EQ(errors_.size(), 1U) << number;
    expect_kept(both_);
    mesos_.kill(id);
    EXPECT_TRUE(until(both_)) << number;
  }
}

TEST_F(StreamTest, IsOpenedAnewWhenTheHeartbeatsStop) {
  mesos_.set_heartbeat(milliseconds(50));
  begin();
  next(milliseconds(500));
  EXPECT_EQ(mesos_.subscriptions(), 1U) << "heartbeats keep it";
  mesos_.mute(true);
  EXPECT_TRUE(until_true([&] { return mesos_.subscriptions() > 1; }));
  ASSERT_FALSE(errors_.empty());
  EXPECT_NE(errors_[0].find("silent for 5 heartbeats of 50 ms"), std::string::npos) << errors_[0];
}

TEST_F(StreamTest, ReadsTheStateSoonForWhatItDoesNotKnowAndNotMoreOftenThanAtEachRefresh) {
  settings_.refresh = milliseconds(500);
  begin();
  mesos_.mute(true);
  MesosTask unseen = task("c", "127.0.0.11", 31001);
  mesos_.start(unseen);
  mesos_.mute(false);
  mesos_.set_state("c", "TASK_RUNNING");
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "c@127.0.0.11"}));
  const std::uint64_t before = mesos_.reads();
  const Clock::time_point end = Clock::now() + seconds(2);
  for (int i = 0; Clock::now() < end; ++i) {
    mesos_.send(R"({"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"nobody"},"status":{"task_id":)"
                R"({"value":"x"},"agent_id":{"value":"nowhere"},"state":"TASK_FAILED"},"state":"TASK_FAILED"}})");
    next(milliseconds(10));
  }
  EXPECT_LE(mesos_.reads() - before, 6U);
  EXPECT_GE(mesos_.reads() - before, 2U);
  expect_kept(both_);
}

TEST_F(StreamTest, BelievesNoEventThatDoesNotFitAndLosesNothingByIt) {
  begin();
  const std::string agent = "b5eac2c5-609b-4ca1-a352-61941702fc9e-S0";
  const auto update = [&](const std::string& framework, const std::string& id, const std::string& at,
                          const std::string& state) {
    mesos_.send(R"({"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":")" + framework +
                R"("},"status":{"task_id":{"value":")" + id + R"("},"agent_id":{"value":")" + at + R"("},"state":")" +
                state + R"("},"state":")" + state + R"("}})");
  };
  update("framework-other", "a", agent, "TASK_FINISHED");  // a task of the same id, of another framework
  update("framework-marathon", "a", "nowhere", "TASK_FINISHED");
  update("", "a", agent, "TASK_KILLED");
  mesos_.send(fakes::framework_added("other"));
  update("framework-other", "a", agent, "TASK_FINISHED");
  update("framework-marathon", "a", agent, "TASK_STARTING");  // out of order
  update("framework-marathon", "a", agent, "TASK_RUNNING");   // twice the same
  update("framework-marathon", "a", agent, "");
  mesos_.send(R"({"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":")" + agent + R"("}}})");
  mesos_.send(R"({"type":"SOMETHING_NEW","something_new":{}})");
  mesos_.send(R"({"type":"TASK_UPDATED","task_updated":{"task_id":{"value":"a"},"state":"TASK_FAILED"}})");
  mesos_.start(task("z", "127.0.0.11", 31009));  // comes after all of them
  EXPECT_TRUE(until_true([&] { return tasks().contains("z@127.0.0.11"); }));
  expect_kept(both_);
  EXPECT_TRUE(reasons_.contains(Reason::BadEvent));
  EXPECT_TRUE(errors_.empty());
  EXPECT_EQ(mesos_.subscriptions(), 1U);
}

TEST_F(StreamTest, FollowsRedirectsToTheLeaderWithTheCallAndNoMoreThanTwo) {
  FakeMesos other;
  const auto point_to = [](const std::string& url) {
    return [url](const HttpRequest& request) {
      HttpReply reply;
      reply.status = 307;
      reply.headers = {"Location: " + url.substr(5) + request.target};  // "//127.0.0.1:port/...", as Mesos does
      return reply;
    };
  };
  other.answer_with(point_to(mesos_.url()));
  other.answer_api_with(point_to(mesos_.url()));
  use({other.url(), mesos_.url()});
  ASSERT_TRUE(next());
  settle();
  mesos_.answer_api_with(point_to(other.url()));
  mesos_.cut_streams();
  EXPECT_TRUE(until_true([&] {
    return std::any_of(errors_.begin(), errors_.end(),
                       [](const std::string& each) { return each.find("redirects once more") != std::string::npos; });
  }));
}

TEST_F(StreamTest, IsTheOldestOfTooManyAndComesBack) {
  mesos_.set_most_subscribers(1);
  settings_.refresh = milliseconds(100);
  begin();
  const std::uint64_t before = mesos_.subscriptions();
  const auto rival = net::HttpStream::open(
      {.method = "POST", .base = mesos_.url(), .path = "/api/v1", .body = R"({"type":"SUBSCRIBE"})", .headers = {}}, {},
      {});
  ASSERT_TRUE(rival);
  EXPECT_TRUE(until_true([&] { return mesos_.subscriptions() > before + 1; }));
  EXPECT_EQ(tasks(), both_);
}

// Under 10 s of real time, with every grace short: the empty answer, the 503, recovered agents, one by one, one never.
TEST_F(StreamTest, LosesNoTaskInAFailoverAndForgetsTheDeadAfterTheGrace) {
  settings_.refresh = milliseconds(100);
  settings_.ledger.failover_grace = seconds(4);
  begin();
  mesos_.fail_over();
  mesos_.recover_registry(true);
  const Clock::time_point start = Clock::now();
  while (Clock::now() - start < milliseconds(500)) next(milliseconds(50));
  EXPECT_EQ(tasks(), both_);
  mesos_.recover_registry(false);
  settle();
  EXPECT_EQ(tasks(), both_);
  EXPECT_FALSE(slices_.at("127.0.0.12")->complete);
  mesos_.come_back("127.0.0.11");
  EXPECT_TRUE(until_true([&] { return slices_.at("127.0.0.11")->complete; }));
  EXPECT_FALSE(slices_.at("127.0.0.12")->complete);
  EXPECT_EQ(tasks(), both_);
  // It never does: the master drops it from its list, and says so in no event.
  mesos_.edit([](fakes::MesosCluster& cluster) {
    std::erase_if(cluster.agents, [](const fakes::MesosAgent& each) { return each.ip == "127.0.0.12"; });
    std::erase_if(cluster.tasks, [](const MesosTask& each) { return each.agent == "127.0.0.12"; });
  });
  EXPECT_TRUE(until({"a@127.0.0.11"}));
  EXPECT_GE(Clock::now() - start, seconds(2));
}

TEST_F(StreamTest, EndsAtOnceWhenZooKeeperNamesAnotherLeader) {
  if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  support::ZooKeeper zookeeper;
  FakeMesos second;
  mesos_.edit([&](fakes::MesosCluster& first) {
    second.edit([&](fakes::MesosCluster& cluster) { cluster.agents = first.agents, cluster.tasks = first.tasks; });
  });
  auto first_session = std::make_unique<support::ZkSession>(zookeeper.hosts());
  support::ZkSession second_session(zookeeper.hosts());
  ASSERT_FALSE(first_session->announce("/mesos/json.info_", mesos_.info()).empty());
  ASSERT_FALSE(second_session.announce("/mesos/json.info_", second.info()).empty());
  zk::Url url;
  url.servers = {zookeeper.hosts()};
  url.path = "/mesos";
  source_ = make_source(settings_, leaders_of_zk(url, milliseconds(5000)));
  begin();
  first_session.reset();  // while its stream is alive and silent
  settle(&second);
  second.start(task("n", "127.0.0.12", 31002));
  EXPECT_TRUE(until({"a@127.0.0.11", "b@127.0.0.12", "n@127.0.0.12"}));
}

TEST_F(StreamTest, StopsAtOnceWhileItListens) {
  begin();
  const Clock::time_point before = Clock::now();
  EXPECT_FALSE(next(milliseconds(100)));
  EXPECT_LT(Clock::now() - before, seconds(2));
}

}  // namespace
}  // namespace muster::mesos
