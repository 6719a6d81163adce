// The whole source over real HTTP, against a master that fails as masters do.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "fakes/fake_mesos.h"
#include "mesos/recorded.h"
#include "mesos/two_hosts.h"
#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::mesos {
namespace {

using fakes::FakeMesos;
using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::Manner;
using fakes::MesosTask;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::kPatience;
using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

class SourceTest : public TwoHosts {
 protected:
  SourceTest() {
    settings_.refresh = milliseconds(100);
    settings_.api = Api::Poll;  // events have tests of their own
  }

  Result<Update> next() {
    if (!source_) use({mesos_.url()});
    return source_->next(stop_.get_token());
  }
  Error next_error() {
    const Result<Update> update = next();
    EXPECT_FALSE(update);
    return update ? Error{} : update.error();
  }
  static Tasks tasks(const Result<Update>& update) {
    Tasks out;
    if (!update) return {"error: " + update.error().message};
    for (const HostSlice& each : update->slices) {
      for (std::size_t i = 0; i < each.slice->instances.size(); ++i) {
        const Instance instance = each.slice->instances.at(i);
        if (instance.kind == Kind::Task) out.insert(instance.id + "@" + each.host.ip);
      }
    }
    return out;
  }

  std::stop_source stop_;
};

TEST_F(SourceTest, TellsWhatRunsAndFollowsItsChanges) {
  Result<Update> update = next();
  EXPECT_EQ(tasks(update), both_);
  EXPECT_EQ(update->domain, Domain::All);
  mesos_.move("a", "127.0.0.12");
  EXPECT_EQ(tasks(next()), (Tasks{"a@127.0.0.12", "b@127.0.0.12"}));
  mesos_.kill("b");
  EXPECT_EQ(tasks(next()), Tasks{"a@127.0.0.12"});
  mesos_.set_state("a", "TASK_KILLING");
  update = next();
  EXPECT_EQ(tasks(update), Tasks{"a@127.0.0.12"});
}

TEST_F(SourceTest, RegistersTheMasterThatAnsweredAsLeader) {
  const Result<Update> update = next();
  ASSERT_TRUE(update);
  for (const HostSlice& each : update->slices) {
    if (each.host.ip != "127.0.0.1") continue;
    EXPECT_EQ(each.slice->instances.at(0).tags, (Strings{"leader", "master"}));
    return;
  }
  FAIL() << "no slice of the master's own host";
}

TEST_F(SourceTest, ReadsAtEveryRefreshAndNotMore) {
  settings_.refresh = milliseconds(300);
  ASSERT_TRUE(next());
  const Clock::time_point before = Clock::now();
  ASSERT_TRUE(next());
  ASSERT_TRUE(next());
  EXPECT_GE(Clock::now() - before, milliseconds(500));
  EXPECT_EQ(mesos_.reads(), 3U);
}

TEST_F(SourceTest, FallsBackToTheOldPathAndRemembersIt) {
  mesos_.only_state_json(true);
  EXPECT_EQ(tasks(next()), both_);
  EXPECT_EQ(mesos_.reads(), 2U);
  EXPECT_EQ(tasks(next()), both_);
  EXPECT_EQ(mesos_.reads(), 3U);
  mesos_.only_state_json(false);  // an upgrade
  EXPECT_EQ(tasks(next()), both_);
}

TEST_F(SourceTest, KeepsTheLastStateThroughEveryRefusal) {
  ASSERT_TRUE(next());
  for (const int status : {401, 403, 404, 500, 503}) {
    mesos_.answer_body("No leader elected", status);
    const Error error = next_error();
    EXPECT_EQ(error.fault, Fault::Keep) << status;
    EXPECT_NE(error.message.find(mesos_.url()), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(std::to_string(status)), std::string::npos) << error.message;
  }
  mesos_.behave();
  EXPECT_EQ(tasks(next()), both_);
}

TEST_F(SourceTest, KeepsTheLastStateThroughEveryKindOfNonsense) {
  ASSERT_TRUE(next());
  const std::string text = recorded("state.json");
  for (const std::string& body : {std::string(), std::string("{}"), std::string("[]"), std::string("<html>"),
                                  text.substr(0, text.size() / 2), text + text}) {
    mesos_.answer_body(body);
    const Error error = next_error();
    EXPECT_EQ(error.fault, Fault::Keep) << body.substr(0, 50);
    EXPECT_NE(error.message.find(mesos_.url()), std::string::npos) << error.message;
  }
  mesos_.behave();
  EXPECT_EQ(tasks(next()), both_);
}

TEST_F(SourceTest, BoundsAMasterThatHangsDripsOrBreaksOff) {
  settings_.http.timeout = milliseconds(300);
  ASSERT_TRUE(next());
  for (const Manner manner : {Manner::Hang, Manner::Drip, Manner::Truncate, Manner::Reset}) {
    mesos_.answer_with([manner](const HttpRequest&) {
      HttpReply reply;
      reply.body = recorded("state.json");
      reply.manner = manner;
      return reply;
    });
    const Clock::time_point before = Clock::now();
    const Error error = next_error();
    EXPECT_NE(error.message.find(mesos_.url().substr(7)), std::string::npos) << error.message;
    EXPECT_LT(Clock::now() - before, seconds(5)) << static_cast<int>(manner);
  }
  mesos_.behave();
  EXPECT_EQ(tasks(next()), both_);
}

TEST_F(SourceTest, GivesUpOnAnAnswerOverTheLimit) {
  settings_.limits.document = 1u << 20;
  mesos_.answer_body("{\"id\":\"m\",\"completed_frameworks\":[" + std::string(8u << 20, ' ') + "]}");
  const Error error = next_error();
  EXPECT_EQ(error.fault, Fault::Keep);
  EXPECT_NE(error.message.find("larger than"), std::string::npos) << error.message;
}

TEST_F(SourceTest, FollowsOneRedirectToAMasterItKnows) {
  FakeMesos other;
  other.answer_with([this](const HttpRequest&) {
    HttpReply reply;
    reply.status = 307;
    reply.headers = {"Location: " + mesos_.url().substr(5) + "/master/state"};  // "//127.0.0.1:port/...", as Mesos does
    return reply;
  });
  use({other.url(), mesos_.url()});
  EXPECT_EQ(tasks(next()), both_);
  EXPECT_EQ(tasks(next()), both_);
  EXPECT_EQ(other.reads(), 1U) << "the leader is asked first from now on";
}

TEST_F(SourceTest, FollowsNoRedirectElsewhereAndNoLoop) {
  FakeMesos other;
  other.answer_with([this](const HttpRequest&) {
    HttpReply reply;
    reply.status = 307;
    reply.headers = {"Location: " + mesos_.url().substr(5) + "/master/state"};
    return reply;
  });
  use({other.url()});
  EXPECT_NE(next_error().message.find("no master that we know"), std::string::npos);
  EXPECT_EQ(mesos_.reads(), 0U);
  use({other.url(), mesos_.url()});
  mesos_.answer_with([&other](const HttpRequest&) {
    HttpReply reply;
    reply.status = 307;
    reply.headers = {"Location: " + other.url().substr(5) + "/master/state"};
    return reply;
  });
  const std::uint64_t before = mesos_.reads() + other.reads();
  EXPECT_NE(next_error().message.find("redirects once more"), std::string::npos);
  EXPECT_LE(mesos_.reads() + other.reads() - before, 4U);
}

// Before redirects, a master that did not lead answered with a state of its own.
TEST_F(SourceTest, GoesToTheLeaderThatAnOldMasterNames) {
  FakeMesos other;
  other.edit([this](fakes::MesosCluster& cluster) { cluster.leader = "master@" + mesos_.url().substr(7); });
  use({other.url(), mesos_.url()});
  EXPECT_EQ(tasks(next()), both_);
}

TEST_F(SourceTest, TriesTheOthersWhenTheLeaderIsGone) {
  FakeMesos other;
  other.answer_body("No leader elected", 503);
  use({mesos_.url(), other.url()});
  ASSERT_TRUE(next());
  other.edit([](fakes::MesosCluster& cluster) {
    MesosTask moved = task("a", "127.0.0.11");
    fakes::MesosAgent agent;
    agent.id = "b5eac2c5-609b-4ca1-a352-61941702fc9e-S0";
    agent.ip = "127.0.0.11";
    agent.hostname = "node1";
    cluster.agents = {agent};
    cluster.tasks = {moved};
  });
  other.behave();
  mesos_.server().close_listener(0);
  EXPECT_EQ(tasks(next()).count("a@127.0.0.11"), 1U);
}

TEST_F(SourceTest, LosesNoTaskInTheRecordedFailover) {
  mesos_.answer_body(recorded("state.json"));
  const Tasks before = tasks(next());
  ASSERT_EQ(before.size(), 4U);
  // As failover-timeline.txt tells it; the recordings' election is made a fresh one.
  for (const int status : {404, 503, 307}) {
    mesos_.answer_body("", status);
    EXPECT_FALSE(next());
  }
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const char* file : {"failover-1-empty.json", "failover-2-recovered.json", "failover-3-partial.json"}) {
    std::string text = recorded(file);
    const auto freshen = [&](const std::string& key) {
      for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
        const std::size_t from = at + key.size();
        text.replace(from, text.find_first_of(",}", from) - from, std::to_string(now + (key[1] == 'e' ? 0.0 : 1.0)));
      }
    };
    freshen("\"elected_time\":");
    freshen("\"registered_time\":");
    freshen("\"reregistered_time\":");
    mesos_.answer_body(text);
    for (int read = 0; read < 3; ++read) {
      const Result<Update> during = next();
      EXPECT_EQ(tasks(during), before) << file;
      EXPECT_EQ(during->domain, Domain::Listed) << file;
    }
  }
}

TEST_F(SourceTest, StopsAtOnceWhileItWaitsAndWhileItReads) {
  settings_.refresh = seconds(60);
  settings_.http.timeout = seconds(60);
  for (const bool reading : {false, true}) {
    stop_ = {};
    source_.reset();
    if (reading) {
      mesos_.answer_with([](const HttpRequest&) {
        HttpReply reply;
        reply.manner = Manner::Hang;
        return reply;
      });
    } else {
      ASSERT_TRUE(next());
    }
    std::stop_source stop = stop_;
    std::jthread firing([stop]() mutable {
      std::this_thread::sleep_for(milliseconds(100));
      stop.request_stop();
    });
    const Clock::time_point before = Clock::now();
    EXPECT_FALSE(next());
    EXPECT_LT(Clock::now() - before, seconds(2)) << reading;
  }
}

TEST_F(SourceTest, FollowsALeaderChangeInZooKeeperBeforeTheNextTick) {
  if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  support::ZooKeeper zookeeper;
  FakeMesos second;
  second.add_agent("127.0.0.11", "node1");
  second.start(task("z", "127.0.0.11"));
  auto first_session = std::make_unique<support::ZkSession>(zookeeper.hosts());
  support::ZkSession second_session(zookeeper.hosts());
  ASSERT_FALSE(first_session->announce("/mesos/json.info_", mesos_.info()).empty());
  ASSERT_FALSE(second_session.announce("/mesos/json.info_", second.info()).empty());
  settings_.refresh = seconds(60);
  zk::Url url;
  url.servers = {zookeeper.hosts()};
  url.path = "/mesos";
  source_ = make_source(settings_, leaders_of_zk(url, milliseconds(5000)));
  EXPECT_EQ(tasks(next()), both_);
  const Clock::time_point before = Clock::now();
  first_session.reset();
  EXPECT_EQ(tasks(next()).count("z@127.0.0.11"), 1U);
  EXPECT_LT(Clock::now() - before, seconds(20));
}

TEST_F(SourceTest, GoesOnWithTheLastLeaderWhileZooKeeperIsAway) {
  if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  support::ZooKeeper zookeeper;
  support::ZkSession session(zookeeper.hosts());
  ASSERT_FALSE(session.announce("/mesos/json.info_", mesos_.info()).empty());
  zk::Url url;
  url.servers = {zookeeper.hosts()};
  url.path = "/mesos";
  source_ = make_source(settings_, leaders_of_zk(url, milliseconds(5000)));
  EXPECT_EQ(tasks(next()), both_);
  zookeeper.stop();
  mesos_.kill("b");
  EXPECT_EQ(tasks(next()), Tasks{"a@127.0.0.11"});
  EXPECT_EQ(tasks(next()), Tasks{"a@127.0.0.11"});
}

}  // namespace
}  // namespace muster::mesos
