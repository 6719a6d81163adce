#include "zk/url.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::zk {
namespace {

using Servers = std::vector<std::string>;

TEST(ZkUrl, KeepsServersInOrderAndThePathWhole) {
  const auto url = parse_url("zk://h1:2181,h2:2182,10.0.0.3:2183/mesos/prod");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->servers, (Servers{"h1:2181", "h2:2182", "10.0.0.3:2183"}));
  EXPECT_EQ(url->hosts(), "h1:2181,h2:2182,10.0.0.3:2183");
  EXPECT_EQ(url->path, "/mesos/prod");
  EXPECT_EQ(url->credentials, "");
}

TEST(ZkUrl, TakesEverythingBeforeTheLastAtAsCredentials) {
  const auto url = parse_url("zk://user:p@ss:w%40rd@h1:2181/mesos");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->credentials, "user:p@ss:w%40rd") << "nothing is percent-decoded";
  EXPECT_EQ(url->servers, Servers{"h1:2181"});
  EXPECT_EQ(url->redacted(), "zk://h1:2181/mesos");
}

TEST(ZkUrl, WithoutASlashMeansTheRoot) {
  EXPECT_EQ(parse_url("zk://h1:2181")->path, "/");
  EXPECT_EQ(parse_url("zk://h1:2181/")->path, "/");
  EXPECT_EQ(parse_url("zk://h1:2181/mesos/")->path, "/mesos");
}

TEST(ZkUrl, IsTrimmedAndGivesAServerWithoutAPortTheUsualOne) {
  const auto url = parse_url("  zk://h1,[::1],[fd00::2]:2182/mesos\n");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->servers, (Servers{"h1:2181", "[::1]:2181", "[fd00::2]:2182"}));
}

TEST(ZkUrl, RefusesWhatMesosWouldRefuseAndSaysWhatWouldBeRight) {
  for (const char* wrong : {"", "zk:/h:2181/mesos", "http://h:2181/mesos", "h1:2181/mesos", "zk://", "zk:///mesos",
                            "zk://h1:2181,/mesos", "zk://h1:0/mesos", "zk://h1:70000/mesos", "zk://h1:x/mesos",
                            "zk://h1:2181//mesos", "zk://h1:2181/a/../b", "zk://[::1/mesos", "zk://a b:2181/mesos"}) {
    const auto url = parse_url(wrong);
    ASSERT_FALSE(url) << wrong;
    EXPECT_EQ(url.error().fault, Fault::Leave);
    EXPECT_NE(url.error().message.find("zk://[user:password@]host1:2181"), std::string::npos) << url.error().message;
  }
}

TEST(ZkUrl, NeverShowsAPasswordInAnError) {
  for (const char* wrong : {"zk://user:hunter2@h1:x/mesos", "zk://user:hunter2@/mesos", "zk://hunter2@h1:2181/mesos",
                            "zk://:hunter2@h1:2181/mesos", "zk//user:hunter2@h1", "zk://user:hunt/er2@h1:2181/mesos"}) {
    const auto url = parse_url(wrong);
    ASSERT_FALSE(url) << wrong;
    EXPECT_EQ(url.error().message.find("hunt"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace muster::zk
