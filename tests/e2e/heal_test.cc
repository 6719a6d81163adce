// What is lost or changed behind muster's back comes back by itself. The audit is far away in all of these.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "e2e/cluster.h"

namespace muster::e2e {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using support::eventually;
using support::kPatience;
using support::Muster;
using Clock = std::chrono::steady_clock;

constexpr int kTasks = 200;

struct Heal : testing::Test {
  void SetUp() override {
    for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
      if (why.empty()) continue;
      std::fprintf(stderr, "skipped: %s\n", why.c_str());
      GTEST_SKIP() << why;
    }
    cluster = std::make_unique<Cluster>();
    for (int i = 0; i < kTasks; ++i) {
      cluster->mesos.start(task("web." + std::to_string(i), "web", kHostA, 20000 + i,
                                {{"tags", "blue,green"}, {"check_tcp", "{host}:{port}"}, {"check_interval", "1h"}}));
    }
    muster = std::make_unique<Muster>(cluster->flags({"--audit-interval=1h", "--refresh=1s"}));
    ASSERT_TRUE(eventually(kPatience, [&] { return count() == kTasks; }));
    std::this_thread::sleep_for(2s);  // the watch has looked at all of it
  }

  std::size_t count() const {
    const auto ids = Cluster::ids(cluster->a);
    return static_cast<std::size_t>(
        std::count_if(ids.begin(), ids.end(), [](const auto& id) { return id.starts_with("muster:web."); }));
  }
  std::vector<std::string> checks() const {
    std::vector<std::string> out;
    const json all = cluster->a.get("/v1/agent/checks");
    for (const auto& [id, check] : all.items()) {
      if (check.value("ServiceID", "").starts_with("muster:web.")) out.push_back(id);
    }
    return out;
  }

  // Milliseconds until it is as it was.
  long healed_after(const char* what, const std::function<bool()>& whole) {
    const auto start = Clock::now();
    EXPECT_TRUE(eventually(kPatience, whole)) << what;
    const long took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    std::printf("%s: whole again after %ld ms\n", what, took);
    return took;
  }

  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Muster> muster;
};

TEST_F(Heal, WhatWasDoneByHandIsUndoneWithinTwoSeconds) {
  const std::string id = "muster:web.7:20007";
  const json before = Cluster::service(cluster->a, id);
  const auto all = checks();
  ASSERT_EQ(all.size(), std::size_t{kTasks});

  json edited{{"ID", id}, {"Name", "web"}, {"Port", before.at("Port")}, {"Tags", {"red"}}, {"Meta", before.at("Meta")}};
  if (!before.at("Address").empty()) edited["Address"] = before.at("Address");
  cluster->a.put("/v1/agent/service/register", edited);
  EXPECT_LT(healed_after("tags edited", [&] { return Cluster::service(cluster->a, id) == before; }), 2000);

  ASSERT_EQ(cluster->a.put("/v1/agent/check/deregister/" + all.at(0)), 200);
  EXPECT_LT(healed_after("check deregistered", [&] { return checks() == all; }), 2000);

  cluster->a.put("/v1/agent/service/deregister/" + id);
  EXPECT_LT(healed_after("service deregistered", [&] { return Cluster::service(cluster->a, id) == before; }), 2000);
}

TEST_F(Heal, AnAgentThatLostItsDataIsSeenWithinTwoSecondsAndFilledAgain) {
  cluster->a.crash();
  cluster->a.wipe();
  std::this_thread::sleep_for(8s);  // some retries have failed, and the next is many seconds away
  cluster->a.start_unready();
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster->a.call("GET", "/v1/agent/services").status == 200; }));
  EXPECT_LT(healed_after("agent wiped: first registration", [&] { return count() > 0; }), 2000);
  healed_after("agent wiped: all of it", [&] { return count() == kTasks && checks().size() == kTasks; });
}

TEST_F(Heal, AnIdleClusterIsNotWrittenTo) {
  const auto writes = muster->metric("muster_consul_writes_total");
  const json before = cluster->server.get("/v1/catalog/service/web");
  std::this_thread::sleep_for(5s);
  EXPECT_EQ(muster->metric("muster_consul_writes_total"), writes);
  EXPECT_EQ(cluster->server.get("/v1/catalog/service/web"), before);
}

}  // namespace
}  // namespace muster::e2e
