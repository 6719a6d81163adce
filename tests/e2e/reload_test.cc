// SIGHUP with the real binary and real Consul agents.
#include <gtest/gtest.h>

#include <csignal>
#include <iostream>

#include "e2e/cluster.h"
#include "support/folder.h"

namespace muster::e2e {
namespace {

using support::eventually;
using support::kPatience;

// A reviewer's story: another owner in the config file took effect on SIGHUP, and every service became a conflict.
TEST(ReloadEndToEnd, AnotherOwnerAndPrefixWaitForARestartWhileTheNewRulesAreInForce) {
  for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
    if (why.empty()) continue;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  Cluster cluster;
  const support::Folder folder;
  const std::string config = folder.write("muster.conf", "blacklist = none-of-these\n");
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("db.1", "db", kHostA, 31002));
  const auto has = [&](const char* id) { return !Cluster::service(cluster.a, id).is_null(); };
  support::Muster muster(cluster.flags({"--config=" + config}));
  ASSERT_TRUE(eventually(kPatience, [&] { return has("muster:db.1:31002") && has("muster:web.1:31001"); }));

  folder.write("muster.conf", "blacklist = ^db\nowner = another\nservice-id-prefix = other\n");
  muster.process().signal(SIGHUP);
  ASSERT_TRUE(eventually(kPatience, [&] { return !has("muster:db.1:31002"); })) << muster.log();
  cluster.mesos.start(task("web.2", "web", kHostA, 31003));
  EXPECT_TRUE(eventually(kPatience, [&] { return has("muster:web.2:31003"); })) << muster.log();
  EXPECT_TRUE(has("muster:web.1:31001"));
  EXPECT_FALSE(has("other:web.1:31001"));
  for (const char* flag : {"--owner is not what", "--service-id-prefix is not what"}) {
    EXPECT_NE(muster.log().find(flag), std::string::npos) << muster.log();
  }
}

}  // namespace
}  // namespace muster::e2e
