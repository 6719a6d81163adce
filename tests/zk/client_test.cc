// Against a real ZooKeeper.
#include "zk/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>

#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::zk {
namespace {

using support::eventually;
using support::kPatience;
using support::milliseconds;
using support::ZkSession;
using support::ZooKeeper;
using Clock = std::chrono::steady_clock;

class ZkClient : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
    zookeeper_ = std::make_unique<ZooKeeper>();
  }

  std::unique_ptr<Client> make(const std::string& credentials = "", milliseconds session = milliseconds(10000)) {
    Url url;
    url.servers = {zookeeper_->hosts()};
    url.credentials = credentials;
    return std::make_unique<Client>(url, session, [this] { ++events_; });
  }

  static constexpr milliseconds kLimit{10000};
  std::unique_ptr<ZooKeeper> zookeeper_;
  std::atomic<int> events_{0};
};

TEST_F(ZkClient, ReadsChildrenAndTheirContent) {
  ZkSession session(zookeeper_->hosts());
  ASSERT_TRUE(session.create("/mesos/log_replicas", ""));
  ASSERT_TRUE(session.create("/mesos/json.info_0000000001", std::string("a\0b", 3)));
  const auto client = make();
  auto names = client->children("/mesos", kLimit, {});
  ASSERT_TRUE(names && *names) << (names ? "no node" : names.error().message);
  std::sort((*names)->begin(), (*names)->end());
  EXPECT_EQ(**names, (std::vector<std::string>{"json.info_0000000001", "log_replicas"}));
  EXPECT_EQ(**client->get("/mesos/json.info_0000000001", kLimit, {}), std::string("a\0b", 3));
}

TEST_F(ZkClient, TellsAMissingNodeFromAFailure) {
  const auto client = make();
  const auto names = client->children("/nowhere", kLimit, {});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_FALSE(*names);
  const auto content = client->get("/nowhere", kLimit, {});
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_FALSE(*content);
}

TEST_F(ZkClient, RingsWhenAChildComesOrGoes) {
  ZkSession session(zookeeper_->hosts());
  ASSERT_TRUE(session.create("/mesos", ""));
  const auto client = make();
  ASSERT_TRUE(client->children("/mesos", kLimit, {}));
  const int before = events_;
  const std::string name = session.announce("/mesos/json.info_", "x");
  EXPECT_TRUE(eventually(kPatience, [&] { return events_ > before; }));
  ASSERT_TRUE(client->children("/mesos", kLimit, {}));
  const int again = events_;
  ASSERT_TRUE(session.remove(name.starts_with('/') ? name : "/mesos/" + name));
  EXPECT_TRUE(eventually(kPatience, [&] { return events_ > again; }));
}

TEST_F(ZkClient, ReadsWhatOnlyItsDigestMayRead) {
  ZkSession owner(zookeeper_->hosts(), "mesos:s3cret");
  ASSERT_TRUE(owner.create("/private", "x"));
  const auto stranger = make();
  const auto refused = stranger->children("/private", kLimit, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("credentials"), std::string::npos) << refused.error().message;
  const auto friend_of_it = make("mesos:s3cret");
  const auto names = friend_of_it->children("/private", kLimit, {});
  EXPECT_TRUE(names) << names.error().message;
}

TEST_F(ZkClient, SurvivesTheEndOfItsSession) {
  ZkSession(zookeeper_->hosts()).create("/mesos", "");
  const auto client = make("", milliseconds(1000));
  ASSERT_TRUE(client->children("/mesos", kLimit, {}));
  zookeeper_->freeze();  // longer than the session lives: on its return the server has expired it
  const auto lost = client->children("/mesos", milliseconds(200), {});
  EXPECT_FALSE(lost);
  std::this_thread::sleep_for(milliseconds(2500));
  zookeeper_->thaw();
  EXPECT_TRUE(eventually(kPatience, [&] { return client->children("/mesos", milliseconds(1000), {}).has_value(); }));
}

TEST_F(ZkClient, ComesBackAfterARestartOfTheServer) {
  ZkSession(zookeeper_->hosts()).create("/mesos", "");
  const auto client = make();
  ASSERT_TRUE(client->children("/mesos", kLimit, {}));
  zookeeper_->stop();
  EXPECT_TRUE(eventually(kPatience, [&] { return !client->children("/mesos", milliseconds(100), {}); }));
  zookeeper_->start();
  EXPECT_TRUE(eventually(kPatience, [&] { return client->children("/mesos", milliseconds(1000), {}).has_value(); }));
}

TEST_F(ZkClient, LeavesAFrozenServerAfterAShortWait) {
  ZkSession(zookeeper_->hosts()).create("/mesos", "");
  auto client = make();
  ASSERT_TRUE(client->children("/mesos", kLimit, {}));
  zookeeper_->freeze();
  const Clock::time_point before = Clock::now();
  client.reset();
  EXPECT_LT(Clock::now() - before, milliseconds(4000));
  zookeeper_->thaw();
}

// With several addresses the library connects in a loop without rest while none answers.
TEST(ZkClientAlone, RestsWhileNoServerAnswers) {
  Url url;
  url.servers = {"127.0.0.1:1", "127.0.0.1:2", "localhost:3", "[::1]:4"};
  Client client(url, milliseconds(10000), [] {});
  const std::clock_t before = std::clock();
  EXPECT_FALSE(client.connect(milliseconds(2000), {}));
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 5);
}

TEST(ZkClientAlone, SaysWhenNoNameResolves) {
  Url url;
  url.servers = {"no-such-host.invalid:2181"};
  Client client(url, milliseconds(10000), [] {});
  const auto result = client.connect(milliseconds(2000), {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("resolves"), std::string::npos) << result.error().message;
}

TEST(ZkClientAlone, GivesUpAtItsLimitAndNamesTheServers) {
  Url url;
  url.servers = {"127.0.0.1:1"};
  url.credentials = "user:hunter2";
  Client client(url, milliseconds(10000), [] {});
  const auto names = client.children("/mesos", milliseconds(50), {});
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().fault, Fault::Retry);
  EXPECT_NE(names.error().message.find("127.0.0.1:1"), std::string::npos);
  EXPECT_EQ(names.error().message.find("hunter2"), std::string::npos);
}

TEST(ZkClientAlone, StopsWithinAHundredMilliseconds) {
  Url url;
  url.servers = {"127.0.0.1:1"};
  Client client(url, milliseconds(10000), [] {});
  std::stop_source stop;
  Clock::time_point fired;
  std::jthread firing([&] {
    std::this_thread::sleep_for(milliseconds(50));
    fired = Clock::now();
    stop.request_stop();
  });
  EXPECT_FALSE(client.children("/mesos", milliseconds(20000), stop.get_token()));
  EXPECT_LT(Clock::now() - fired, milliseconds(1000)) << "a loaded machine gets some slack";
}

TEST(ZkClientAlone, WritesNothingToStandardError) {
  ::testing::internal::CaptureStderr();
  {
    Url url;
    url.servers = {"127.0.0.1:1"};
    Client client(url, milliseconds(1000), [] {});
    (void)client.children("/mesos", milliseconds(300), {});
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace muster::zk
