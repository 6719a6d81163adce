// Who leads: from a real ZooKeeper, and from a list.
#include "mesos/leader.h"

#include <gtest/gtest.h>

#include <thread>

#include "mesos/recorded.h"
#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::mesos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::kPatience;
using support::ZkSession;
using support::ZooKeeper;
using Clock = std::chrono::steady_clock;

std::string info(int port) {
  return R"({"address":{"hostname":"m)" + std::to_string(port) + R"(","ip":"127.0.0.1","port":)" +
         std::to_string(port) + "}}";
}

class ZkLeadersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
    zookeeper_ = std::make_unique<ZooKeeper>();
  }

  std::unique_ptr<Leaders> leaders(const std::string& credentials = "") {
    zk::Url url;
    url.servers = {"127.0.0.1:1", zookeeper_->hosts()};  // the first of them is dead
    url.path = "/mesos";
    url.credentials = credentials;
    return leaders_of_zk(url, milliseconds(5000));
  }

  // Port of the leader; 0: nobody, -1: an error.
  static int leader(Leaders& leaders) {
    const Result<Masters> masters = leaders.find({});
    if (!masters) return -1;
    return masters->leader ? masters->leader->port : 0;
  }

  static bool becomes(Leaders& leaders, int port) {
    const Clock::time_point end = Clock::now() + kPatience;
    while (leader(leaders) != port) {
      if (Clock::now() > end) return false;
      leaders.wait(end, {});  // only a change wakes us
    }
    return true;
  }

  std::unique_ptr<ZooKeeper> zookeeper_;
};

TEST_F(ZkLeadersTest, TheLowestSequenceLeadsWhateverItsLabel) {
  ZkSession session(zookeeper_->hosts());
  ASSERT_TRUE(session.create("/mesos/log_replicas", ""));
  ASSERT_TRUE(session.create("/mesos/json.info_0000000012", info(5052)));
  ASSERT_TRUE(session.create("/mesos/json.info_0000000007", info(5057)));
  ASSERT_TRUE(session.create("/mesos/json.info_0000000010", "not json"));
  const auto found = leaders();
  Result<Masters> masters = found->find({});
  ASSERT_TRUE(masters) << masters.error().message;
  EXPECT_EQ(masters->leader->base, "http://127.0.0.1:5057");
  EXPECT_EQ(masters->all.size(), 2U) << "a bad znode that does not lead costs only itself";
  ASSERT_TRUE(session.create("/mesos/0000000003", "master@127.0.0.1:5053"));
  EXPECT_TRUE(becomes(*found, 5053));
}

TEST_F(ZkLeadersTest, AChangeWakesAtOnce) {
  ZkSession next(zookeeper_->hosts());
  const auto found = leaders();
  auto first = std::make_unique<ZkSession>(zookeeper_->hosts());
  ASSERT_FALSE(first->announce("/mesos/json.info_", info(5051)).empty());
  ASSERT_FALSE(next.announce("/mesos/json.info_", info(5052)).empty());
  ASSERT_TRUE(becomes(*found, 5051));
  while (found->wait(Clock::now() + milliseconds(300), {})) ASSERT_EQ(leader(*found), 5051);
  const Clock::time_point before = Clock::now();
  first.reset();
  EXPECT_TRUE(found->wait(before + seconds(20), {}));
  EXPECT_LT(Clock::now() - before, seconds(10)) << "the watch, not the deadline";
  EXPECT_TRUE(becomes(*found, 5052));
}

TEST_F(ZkLeadersTest, ALeaderThatAppearsOnAnEmptyPathIsFound) {
  const auto found = leaders();
  const Result<Masters> none = found->find({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::Keep);
  EXPECT_NE(none.error().message.find("/mesos"), std::string::npos) << none.error().message;
  ZkSession session(zookeeper_->hosts());
  ASSERT_FALSE(session.announce("/mesos/json.info_", info(5051)).empty());
  EXPECT_TRUE(becomes(*found, 5051));
}

TEST_F(ZkLeadersTest, TheLastLeaderStaysWhileZooKeeperIsAway) {
  ZkSession session(zookeeper_->hosts());
  ASSERT_TRUE(session.create("/mesos/json.info_0000000001", info(5051)));
  const auto found = leaders();
  ASSERT_TRUE(becomes(*found, 5051));
  zookeeper_->stop();
  EXPECT_TRUE(found->wait(Clock::now() + kPatience, {})) << "the loss of the session wakes";
  EXPECT_EQ(leader(*found), 5051);
  zookeeper_->start();
  ZkSession later(zookeeper_->hosts());
  ASSERT_TRUE(later.create("/mesos/json.info_0000000000", info(5050)));
  EXPECT_TRUE(becomes(*found, 5050));
}

TEST_F(ZkLeadersTest, AZooKeeperThatIsAbsentAtTheStartIsWaitedFor) {
  {
    ZkSession session(zookeeper_->hosts());
    ASSERT_TRUE(session.create("/mesos/json.info_0000000001", info(5051)));
  }
  zookeeper_->stop();
  zk::Url url;
  url.servers = {zookeeper_->hosts()};
  url.path = "/mesos";
  const auto found = leaders_of_zk(url, milliseconds(100));
  const Result<Masters> none = found->find({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::Keep);
  EXPECT_NE(none.error().message.find(zookeeper_->hosts()), std::string::npos) << none.error().message;
  zookeeper_->start();
  EXPECT_TRUE(becomes(*found, 5051));
}

TEST_F(ZkLeadersTest, DigestCredentialsOpenAClosedPath) {
  ZkSession owner(zookeeper_->hosts(), "mesos:s3cr@t");
  ASSERT_TRUE(owner.create("/mesos/json.info_0000000001", info(5051)));
  EXPECT_EQ(leader(*leaders()), -1);
  EXPECT_EQ(leader(*leaders("mesos:s3cr@t")), 5051);
}

TEST_F(ZkLeadersTest, AWaitEndsAtItsDeadlineAndWhenStopped) {
  ZkSession session(zookeeper_->hosts());
  ASSERT_TRUE(session.create("/mesos/json.info_0000000001", info(5051)));
  const auto found = leaders();
  ASSERT_TRUE(becomes(*found, 5051));
  while (found->wait(Clock::now() + milliseconds(200), {})) ASSERT_EQ(leader(*found), 5051);
  std::stop_source stop;
  std::jthread firing([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  const Clock::time_point before = Clock::now();
  EXPECT_FALSE(found->wait(before + seconds(60), stop.get_token()));
  EXPECT_LT(Clock::now() - before, seconds(2));
}

TEST(ListedLeaders, PutTheOneHeardFromFirst) {
  const auto found = leaders_of_list({*parse_master("http://m1:5050"), *parse_master("m2")});
  EXPECT_FALSE(found->find({})->leader);
  Master second = *parse_master("http://m2:5050/");
  second.ip = "10.0.0.2";
  found->heard_from(&second);
  EXPECT_EQ(found->find({})->leader, second);
  EXPECT_EQ(found->find({})->all.front(), second);
  found->heard_from(nullptr);
  EXPECT_FALSE(found->find({})->leader);
  EXPECT_EQ(found->find({})->all.size(), 2U);
}

TEST(MasterUrl, IsAHostWithAPort) {
  EXPECT_EQ(parse_master("http://10.0.0.1:5051/")->base, "http://10.0.0.1:5051");
  EXPECT_EQ(parse_master("http://10.0.0.1:5051/")->ip, "10.0.0.1");
  EXPECT_EQ(parse_master("m1")->base, "http://m1:5050");
  EXPECT_EQ(parse_master("m1")->ip, "");
  EXPECT_EQ(parse_master("https://m1")->base, "https://m1:5050");
  EXPECT_EQ(parse_master("http://[fd00::1]:5050")->ip, "fd00::1");
  EXPECT_EQ(parse_master("http://[fd00::1]")->base, "http://[fd00::1]:5050");
  for (const char* wrong :
       {"", "http://", "ftp://m1", "http://m1:0", "http://m1:70000", "http://m1:x", "http://m1/mesos",
        "http://u:p@m1:5050", "http://[::1:5050", "http://[m1]:5050", "http://:5050", "m 1"}) {
    const Result<Master> master = parse_master(wrong);
    ASSERT_FALSE(master) << wrong;
    EXPECT_EQ(master.error().fault, Fault::Leave);
  }
}

}  // namespace
}  // namespace muster::mesos
