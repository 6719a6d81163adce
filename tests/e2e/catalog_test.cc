// Hosts without Consul agents, from the scheduler to DNS.
#include <gtest/gtest.h>

#include <iostream>

#include "e2e/cluster.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::run_muster;

constexpr char kNodeA[] = "muster-127-0-0-2";

class CatalogEndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
    // Away from the hosts of the scheduler, master included.
    server_ = std::make_unique<support::ConsulServer>(support::ConsulOptions{.address = "127.0.0.9"});
    mesos_.add_agent(kHostA, "node-a");
    mesos_.start(task("web.1", "web", kHostA, 31001));
  }
  std::vector<std::string> flags(std::vector<std::string> more = {}) const {
    std::vector<std::string> out{"--mesos-master=" + mesos_.url(),
                                 "--consul-agent=" + server_->url(),
                                 "--refresh=200ms",
                                 "--owner=o",
                                 "--consul-mode=catalog",
                                 "--lock",
                                 "--lock-ttl=10s"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  json service(const std::string& id) const {
    const json answer = server_->get(std::string("/v1/catalog/node-services/") + kNodeA);
    for (const json& each : answer["Services"]) {
      if (each["ID"] == id) return each;
    }
    return nullptr;
  }

  std::unique_ptr<support::ConsulServer> server_;
  fakes::FakeMesos mesos_;
};

TEST_F(CatalogEndToEnd, FollowsTasksThroughTheCatalogAlone) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return !service("muster:web.1:31001").is_null(); })) << muster.log();
  EXPECT_EQ(support::dig_srv("127.0.0.9", server_->dns_port(), "web.service.consul").size(), 1u);
  mesos_.start(task("web.2", "web", kHostA, 31002));
  EXPECT_TRUE(eventually(kPatience, [&] { return !service("muster:web.2:31002").is_null(); })) << muster.log();
  mesos_.kill("web.1");
  EXPECT_TRUE(eventually(kPatience, [&] { return service("muster:web.1:31001").is_null(); })) << muster.log();
  EXPECT_TRUE(server_->get("/v1/agent/services").empty()) << "no agent was asked to hold anything";
  EXPECT_EQ(muster.stop(), 0);
  EXPECT_FALSE(service("muster:web.2:31002").is_null()) << "services outlive muster";
}

TEST_F(CatalogEndToEnd, ConvergesOnceAndThenWritesNothing) {
  const auto dry = run_muster(flags({"--once", "--dry-run"}));
  EXPECT_EQ(dry.code, 3) << dry.out << dry.err;
  EXPECT_TRUE(server_->get("/v1/catalog/nodes").size() == 1u) << "a dry run writes nothing";
  const auto first = run_muster(flags({"--once"}));
  EXPECT_EQ(first.code, 0) << first.err;
  const auto index = [&](const json& service) { return service["ModifyIndex"].get<std::uint64_t>(); };
  const json before = service("muster:web.1:31001");
  ASSERT_FALSE(before.is_null()) << first.err;
  const auto second = run_muster(flags({"--once"}));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(index(service("muster:web.1:31001")), index(before));
}

TEST_F(CatalogEndToEnd, CleanupTakesTheNodesAway) {
  ASSERT_EQ(run_muster(flags({"--once"})).code, 0);
  std::vector<std::string> cleanup = flags();
  cleanup.insert(cleanup.begin(), "cleanup");
  const auto done = run_muster(cleanup);
  EXPECT_EQ(done.code, 0) << done.out << done.err;
  EXPECT_TRUE(eventually(kPatience, [&] { return server_->get("/v1/catalog/nodes").size() == 1u; }))
      << server_->get("/v1/catalog/nodes") << done.out << done.err;
}

TEST_F(CatalogEndToEnd, LeavesAHostThatHasAnAgentAndSaysSo) {
  mesos_.add_agent("127.0.0.9", "node-c");
  const auto done = run_muster(flags({"--once"}));
  EXPECT_EQ(done.code, 0) << "that is the rule of the mode, and no failure";
  EXPECT_NE(done.err.find("--consul-mode=agent"), std::string::npos) << done.err;
  EXPECT_FALSE(service("muster:web.1:31001").is_null()) << "the other hosts are served";
}

TEST_F(CatalogEndToEnd, IsAUsageErrorWithoutALock) {
  const auto done = run_muster({"--mesos-master=" + mesos_.url(), "--consul-mode=catalog"});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("--lock"), std::string::npos) << done.err;
}

}  // namespace
}  // namespace muster::e2e
