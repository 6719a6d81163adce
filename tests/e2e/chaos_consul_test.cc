// Real Consul agents that live while what is behind them does not: a server that is dead or hangs, a disk that takes
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "e2e/cluster.h"
#include "support/folder.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::ConsulClient;
using support::ConsulServer;
using support::eventually;
using support::kPatience;
using support::Muster;

constexpr int kTasks = 20;

struct ChaosConsul : testing::Test {
  void SetUp() override {
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::fprintf(stderr, "skipped: %s\n", why.c_str());
      GTEST_SKIP() << why;
    }
    server = std::make_unique<ConsulServer>(support::ConsulOptions{.address = "127.0.0.1", .http_port = port});
    a = std::make_unique<ConsulClient>(
        *server,
        support::ConsulOptions{.address = kHostA, .http_port = port, .extra = {{"data_dir", data.path() + "/a"}}});
    b = std::make_unique<ConsulClient>(*server, support::ConsulOptions{.address = kHostB, .http_port = port});
    mesos.add_agent(kHostA, "node-a");
    mesos.add_agent(kHostB, "node-b");
    for (int i = 0; i < kTasks; ++i) start(i);
  }

  void start(int i) { mesos.start(task("web." + std::to_string(i), "web", i % 2 == 0 ? kHostA : kHostB, 20000 + i)); }
  void kill(int i) { mesos.kill("web." + std::to_string(i)); }
  bool has(int i) const {
    return !Cluster::service(i % 2 == 0 ? *a : *b, "muster:web." + std::to_string(i) + ":" + std::to_string(20000 + i))
                .is_null();
  }
  std::size_t in_catalog() const {
    const json all = server->get("/v1/catalog/service/web");
    return all.is_array() ? all.size() : 0;
  }
  bool in_catalog(int i) const {
    const json all = server->get("/v1/catalog/service/web");
    const std::string id = "muster:web." + std::to_string(i) + ":" + std::to_string(20000 + i);
    return all.is_array() &&
           std::any_of(all.begin(), all.end(), [&](const json& each) { return each["ServiceID"] == id; });
  }
  // Task `gone` has ended and the one after the first kTasks was added, and the servers know.
  bool changed(int gone) const { return in_catalog(kTasks) && !in_catalog(gone) && in_catalog() == kTasks; }
  std::vector<std::string> flags() const {
    return {"--mesos-master=" + mesos.url(), "--consul-port=" + std::to_string(port), "--refresh=200ms",
            "--audit-interval=1s", "--consul-timeout=1s"};
  }

  const int port = support::free_port();
  const support::Folder data;
  std::unique_ptr<ConsulServer> server;
  std::unique_ptr<ConsulClient> a, b;
  fakes::FakeMesos mesos;
};

double removals(const Muster& muster) {
  return muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}).value_or(-1);
}

// What agents take meanwhile reaches the catalog when there is a leader again; muster must not take the catalog's
// silence for anything.
TEST_F(ChaosConsul, AServerThatDiesCostsNothingAndWhatChangedMeanwhileIsTrueAfterwards) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return in_catalog() == kTasks; })) << muster.log();
  server->crash();
  start(kTasks);
  kill(0);
  EXPECT_TRUE(eventually(kPatience, [&] { return has(kTasks) && !has(0); })) << muster.log();
  for (int i = 1; i < kTasks; ++i) EXPECT_TRUE(has(i)) << i;
  server->start();
  EXPECT_TRUE(eventually(2 * kPatience, [&] { return changed(0); })) << muster.log();
  EXPECT_EQ(removals(muster), 1);
  EXPECT_EQ(muster.stop(), 0);
}

// Registrations hang while it does.
TEST_F(ChaosConsul, AServerThatHangsEndsNothingAndWhatChangedMeanwhileIsTrueAfterwards) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return in_catalog() == kTasks; })) << muster.log();
  server->freeze();
  start(kTasks);
  kill(1);
  std::this_thread::sleep_for(std::chrono::seconds(4));
  EXPECT_LE(removals(muster), 1);
  EXPECT_EQ(muster.health(), 200);
  server->thaw();
  EXPECT_TRUE(eventually(2 * kPatience, [&] { return has(kTasks) && !has(1) && changed(1); })) << muster.log();
  for (int i = 2; i < kTasks; ++i) EXPECT_TRUE(has(i)) << i;
  EXPECT_EQ(removals(muster), 1);
  EXPECT_EQ(muster.stop(), 0);
}

// A file where the agent keeps its services: every registration is 500, as when no space is left, for root too.
TEST_F(ChaosConsul, AnAgentThatCannotWriteItsDiskLosesNothingDelaysNobodyAndIsFilledLater) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return in_catalog() == kTasks; })) << muster.log();
  const std::filesystem::path kept = data.path() + "/a/services";
  ASSERT_TRUE(std::filesystem::is_directory(kept));
  std::filesystem::rename(kept, kept.string() + ".away");
  std::ofstream(kept) << "no directory";
  start(kTasks);
  start(kTasks + 1);
  EXPECT_TRUE(eventually(kPatience, [&] { return has(kTasks + 1); })) << "the other agent";
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.metric("muster_agent_failing") == 1; })) << muster.log();
  EXPECT_NE(muster.log().find(a->url()), std::string::npos) << "the log names it";
  EXPECT_FALSE(has(kTasks));
  for (int i = 0; i < kTasks; ++i) EXPECT_TRUE(has(i)) << i;
  std::filesystem::remove(kept);
  std::filesystem::rename(kept.string() + ".away", kept);
  EXPECT_TRUE(eventually(kPatience, [&] { return has(kTasks); })) << muster.log();
  EXPECT_EQ(removals(muster), 0);
  EXPECT_EQ(muster.stop(), 0);
}

}  // namespace
}  // namespace muster::e2e
