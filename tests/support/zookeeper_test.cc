#include "support/zookeeper.h"

#include <gtest/gtest.h>

#include "support/wait.h"

namespace muster::support {
namespace {

TEST(ZooKeeper, NumbersAnnouncementsAndKeepsItsDataOverARestart) {
  if (const std::string why = no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  ZooKeeper zookeeper;
  ZkSession session(zookeeper.hosts());
  EXPECT_EQ(session.announce("/mesos/json.info_", "{}"), "/mesos/json.info_0000000000");
  EXPECT_EQ(session.announce("/mesos/json.info_", "{}"), "/mesos/json.info_0000000001");
  ASSERT_TRUE(session.create("/kept", "x"));
  zookeeper.stop();
  zookeeper.start();
  EXPECT_TRUE(eventually(kPatience, [&] { return session.set("/kept", "y"); }));
  EXPECT_TRUE(session.remove("/mesos/json.info_0000000000")) << "the session outlived the restart";
}

TEST(ZooKeeper, KeepsStrangersOutOfNodesThatBelongToADigest) {
  if (const std::string why = no_zookeeper(); !why.empty()) GTEST_SKIP() << why;
  const ZooKeeper zookeeper;
  ZkSession owner(zookeeper.hosts(), "user:password");
  ZkSession stranger(zookeeper.hosts());
  ASSERT_TRUE(owner.create("/closed", "x"));
  EXPECT_FALSE(stranger.set("/closed", "y"));
  EXPECT_TRUE(owner.set("/closed", "y"));
}

}  // namespace
}  // namespace muster::support
