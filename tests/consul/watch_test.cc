// What the watch makes of agents that misbehave on purpose; watch_real_test.cc asks the same of real ones.
#include "consul/watch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>

#include "consul/watching.h"
#include "fakes/http_server.h"

namespace muster::consul {
namespace {

using namespace std::chrono_literals;
using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using fakes::Manner;
using support::eventually;
using support::kPatience;

// An agent with its canary on node "n1", whose polls hang until something is changed.
class Scripted {
 public:
  HttpReply operator()(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request.target);
    const auto waiting = replies_.find("index");
    if (waiting != replies_.end() && request.query.contains("index")) return waiting->second;
    const auto set = replies_.find(kind(request.path));
    return set == replies_.end() ? usual(request) : set->second;
  }
  void set(const std::string& what, HttpReply reply) {
    const std::lock_guard lock(mutex_);
    replies_[what] = std::move(reply);
  }
  void behave() {
    const std::lock_guard lock(mutex_);
    replies_.clear();
  }
  std::size_t asked(const std::string& part = "") {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(asked_.begin(), asked_.end(), [&](const auto& each) { return each.find(part) != each.npos; }));
  }

 private:
  static std::string kind(const std::string& path) {
    for (const char* each : {"agent/service", "catalog/service", "node-services", "health/node"}) {
      if (path.find(each) != path.npos) return each;
    }
    return "";
  }
  static HttpReply usual(const HttpRequest& request) {
    if (request.query.contains("index") || request.query.contains("hash")) return {.manner = Manner::Hang};
    HttpReply reply{.headers = {"X-Consul-Index: 7", "X-Consul-ContentHash: abc"}};
    if (kind(request.path) == "catalog/service") {
      reply.body = R"([{"Node":"n1","ServiceMeta":{"muster_owner":"blue","muster_agent":"http://)" +
                   request.headers.at("host") + R"("}}])";
    }
    return reply;
  }

  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::map<std::string, HttpReply> replies_;
};

struct WatchOfAgent : testing::Test {
  Scripted agent;
  HttpServer server{{"127.0.0.1:0"}, [this](const HttpRequest& request) { return agent(request); }};
  Watching watching;

  void follow() { watching.watch.follow({{server.url()}}); }
  bool settled() {
    return eventually(kPatience, [&] { return agent.asked("index=7") == 2; });
  }
};

TEST_F(WatchOfAgent, WaitsForTwoListsAndMarksOnceEachIsKnown) {
  follow();
  ASSERT_TRUE(settled());
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(agent.asked("hash=abc"), 0u);
  EXPECT_EQ(agent.asked(), 6u);  // the canary, who the node is, and each list without waiting first
  EXPECT_EQ(watching.marks(), 2u);
}

TEST_F(WatchOfAgent, WaitsForTheCanaryWhileAListCannotBeWaitedOn) {
  agent.set("node-services", {.status = 500, .body = "No cluster leader"});
  follow();
  ASSERT_TRUE(eventually(kPatience, [&] { return agent.asked("hash=abc") == 1; }));
  EXPECT_EQ(watching.watch.totals().lost, 0u);
  agent.behave();
  EXPECT_TRUE(settled());
}

TEST_F(WatchOfAgent, MarksAnAgentWhoseConnectionBrokeThoughItAnswersAtOnceButNotAgainAndAgain) {
  agent.set("index", {.manner = Manner::Reset});
  follow();
  ASSERT_TRUE(eventually(kPatience, [&] { return watching.marks() >= 3; }));
  EXPECT_EQ(watching.last(), Watch::Sighting::Back);
  std::this_thread::sleep_for(2s);
  EXPECT_LE(watching.marks(), 4u);  // two lists, and a connection of each
  EXPECT_EQ(watching.watch.totals().lost, 0u);
  agent.behave();
  const std::size_t asked = agent.asked("index=7");
  EXPECT_TRUE(eventually(kPatience, [&] { return agent.asked("index=7") == asked + 2; }));
}

TEST_F(WatchOfAgent, DoesNotSpinBeforeThereIsACanary) {
  agent.set("agent/service", {.status = 404});
  follow();
  std::this_thread::sleep_for(3s);
  EXPECT_LE(agent.asked(), 4u);
  EXPECT_GE(agent.asked(), 2u);
  EXPECT_EQ(agent.asked("node"), 0u);
  EXPECT_EQ(watching.marks(), 0u);
  agent.behave();
  EXPECT_TRUE(settled());
}

TEST_F(WatchOfAgent, DoesNotSpinWhenEveryAnswerComesAtOnce) {
  agent.set("node-services", {.body = "same", .headers = {"X-Consul-Index: 7"}});
  follow();
  std::this_thread::sleep_for(3s);
  EXPECT_GE(agent.asked("node-services"), 5u);
  EXPECT_LE(agent.asked("node-services"), 10u);
  EXPECT_EQ(watching.marks(), 2u);
}

// A service gone, put back by us, and gone again before the next poll, which is paced: the list is as it was.
TEST_F(WatchOfAgent, LooksAgainAtAListThatIsTheSameAfterAWriteOfOurs) {
  const auto suspects = std::make_shared<Suspects>();
  Watching both(1000, suspects);
  agent.set("node-services", {.body = "same", .headers = {"X-Consul-Index: 7"}});
  both.watch.follow({{server.url()}});
  ASSERT_TRUE(eventually(kPatience, [&] { return agent.asked("node-services") >= 5; }));
  ASSERT_TRUE(eventually(kPatience, [&] { return both.marks() == 1; }));
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(both.marks(), 1U);
  suspects->wrote({server.url()}, {});  // nothing
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(both.marks(), 1U);
  suspects->wrote({server.url()}, {Action{}});
  EXPECT_TRUE(eventually(5s, [&] { return both.marks() == 2; }));
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(both.marks(), 2U) << "once";
}

TEST_F(WatchOfAgent, AsksFromTheBeginningWhenTheIndexWentBack) {
  agent.set("node-services", {.headers = {"X-Consul-Index: 9"}});
  follow();
  ASSERT_TRUE(eventually(kPatience, [&] { return agent.asked("node-services/n1?stale&index=9") > 0; }));
  agent.set("node-services", {.headers = {"X-Consul-Index: 3"}});
  EXPECT_TRUE(eventually(kPatience, [&] { return agent.asked("node-services/n1?stale&index=3") > 0; }));
  EXPECT_EQ(agent.asked("index=0"), 0u);
}

TEST_F(WatchOfAgent, RestsAPollThatIsDenied) {
  agent.set("health/node", {.status = 403});
  agent.set("node-services", {.status = 403});
  follow();
  ASSERT_TRUE(eventually(kPatience, [&] { return agent.asked("health/node") > 0; }));
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(agent.asked("health/node"), 1u);
  EXPECT_EQ(agent.asked("node-services"), 1u);
  EXPECT_EQ(agent.asked("hash=abc"), 1u);
}

TEST_F(WatchOfAgent, BacksOffFromAServerWithoutLeader) {
  agent.set("node-services", {.status = 500, .body = "No cluster leader"});
  follow();
  ASSERT_TRUE(eventually(kPatience, [&] { return agent.asked("node-services") > 0; }));
  std::this_thread::sleep_for(4s);
  EXPECT_LE(agent.asked("node-services"), 4u);
  agent.behave();
  EXPECT_TRUE(settled());
}

TEST_F(WatchOfAgent, AsksAnAgentThatIsAwayEverySecondAndSaysThatItIsBack) {
  follow();
  ASSERT_TRUE(settled());
  const std::size_t before = watching.marks();
  server.close_listener(0);
  ASSERT_TRUE(eventually(kPatience, [&] { return watching.watch.totals().lost == 1; }));
  const auto requests = watching.watch.totals().requests;
  std::this_thread::sleep_for(4s);
  EXPECT_GE(watching.watch.totals().requests - requests, 2u);
  EXPECT_LE(watching.watch.totals().requests - requests, 4u);
  EXPECT_EQ(watching.marks(), before);
  server.open_listener(0);
  const auto start = Clock::now();
  ASSERT_TRUE(eventually(kPatience, [&] { return watching.marks() > before; }));
  EXPECT_EQ(watching.last(), Watch::Sighting::Back);
  EXPECT_LT(Clock::now() - start, 2s);
  EXPECT_EQ(watching.watch.totals().lost, 0u);
}

TEST_F(WatchOfAgent, LetsGoOfAgentsThatAreNoLongerFollowed) {
  follow();
  ASSERT_TRUE(settled());
  EXPECT_EQ(watching.watch.totals().agents, 1u);
  watching.watch.follow({});
  ASSERT_TRUE(eventually(kPatience, [&] { return watching.watch.totals().agents == 0; }));
  follow();
  EXPECT_TRUE(eventually(kPatience, [&] { return agent.asked("index=7") == 4; }));
}

TEST_F(WatchOfAgent, WatchesNoMoreThanTheLimit) {
  Watching one(1);
  EXPECT_EQ(one.watch.follow({{server.url()}, {"http://127.0.0.1:1"}, {"http://127.0.0.1:2"}}), 2u);
  EXPECT_TRUE(eventually(kPatience, [&] { return agent.asked("index=7") == 2; }));
  EXPECT_EQ(one.watch.totals().agents, 1u);
}

TEST(Descriptors, LimitTheWatchWhereTheyCannotBeRaised) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // Only the soft limit can be put back.
  const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_EQ(affordable_watch(100), 100u);
  rlimit raised{};
  getrlimit(RLIMIT_NOFILE, &raised);
  EXPECT_GE(raised.rlim_cur, 300u);
  EXPECT_LT(affordable_watch(1u << 30), 1u << 30);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace muster::consul
