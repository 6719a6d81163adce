// The real binary with the master's event stream: real ZooKeeper, real Consul where a few agents are enough, simulated
// agents where it takes two hundred.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <set>

#include "e2e/cluster.h"
#include "fakes/fleet.h"

namespace muster::e2e {
namespace {

using support::eventually;
using support::kPatience;
using support::milliseconds;
using support::Muster;
using support::seconds;

bool has(const support::ConsulAgent& agent, const std::string& id) { return !Cluster::service(agent, id).is_null(); }

class MesosStream : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
      if (why.empty()) continue;
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
  }
};

// With reads an hour apart nothing but events can bring these about.
TEST_F(MesosStream, ATaskIsFollowedFromItsStartToItsEndByEventsAlone) {
  Cluster cluster;
  cluster.mesos.start(task("old.1", "web", kHostB, 31000));
  Muster muster(cluster.flags({"--refresh=1h", "--audit-interval=1h"}));
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.mesos.subscribers() == 1 && cluster.mesos.reads() >= 2; }))
      << muster.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.b, "muster:old.1:31000"); })) << muster.log();
  const std::uint64_t reads = cluster.mesos.reads();
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"tags", "v1"}}));
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  cluster.mesos.move("web.1", kHostB);
  ASSERT_TRUE(eventually(kPatience, [&] {
    return has(cluster.b, "muster:web.1:31001") && !has(cluster.a, "muster:web.1:31001");
  })) << muster.log();
  cluster.mesos.set_state("web.1", "TASK_KILLING");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(cluster.b, "muster:web.1:31001"); })) << muster.log();
  cluster.mesos.start(task("web.2", "web", kHostA, 31002));
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.2:31002"); })) << muster.log();
  cluster.mesos.kill("web.2");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:web.2:31002"); })) << muster.log();
  EXPECT_EQ(cluster.mesos.reads(), reads);
  EXPECT_TRUE(has(cluster.b, "muster:old.1:31000"));
}

TEST_F(MesosStream, NoMisbehaviourOfTheStreamCrashesMusterOrRemovesWhatRuns) {
  Cluster cluster;
  cluster.mesos.set_heartbeat(milliseconds(100));
  for (int i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i);
    cluster.mesos.start(task("a." + number, "web", kHostA, 31000 + i));
    cluster.mesos.start(task("b." + number, "web", kHostB, 31000 + i));
  }
  Muster muster(cluster.flags());
  const auto whole = [&] {
    for (int i = 0; i < 3; ++i) {
      const std::string tail = "." + std::to_string(i) + ":" + std::to_string(31000 + i);
      if (!has(cluster.a, "muster:a" + tail) || !has(cluster.b, "muster:b" + tail)) return false;
    }
    return true;
  };
  const auto streaming = [&] { return cluster.mesos.subscribers() > 0; };
  ASSERT_TRUE(eventually(kPatience, [&] { return whole() && streaming(); })) << muster.log();
  const double removed = muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}).value_or(-1);
  const std::set<std::size_t> breaking = {0, 1, 2, 9};  // of these, those after which a new stream is needed
  const std::vector<std::function<void()>> evils = {
      [&] { cluster.mesos.send_raw("9000000000\n"); },
      [&] { cluster.mesos.send_raw("7\n{\"type\":\"HEARTBEAT\"}"); },
      [&] { cluster.mesos.send_raw("999\n{\"type\""), cluster.mesos.cut_streams(); },
      [&] { cluster.mesos.send(R"({"type":"NEVER_HEARD_OF","never_heard_of":{"a":[1,2.5,{}]}})"); },
      [&] { cluster.mesos.send(R"({"type":"TASK_UPDATED","task_updated":{"status":{},"state":"TASK_FAILED"}})"); },
      [&] {
        cluster.mesos.send(
            R"({"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"x"},"status":{"task_id":{"value":"a.0"},)"
            R"("agent_id":{"value":"nowhere"},"state":"TASK_FAILED"},"state":"TASK_FAILED"}})");
      },
      [&] { cluster.mesos.set_state("a.0", "TASK_STARTING"), cluster.mesos.set_state("a.0", "TASK_RUNNING"); },
      [&] { cluster.mesos.set_healthy("a.1", true), cluster.mesos.set_healthy("a.1", true); },
      [&] { cluster.mesos.set_state("b.0", "TASK_UNREACHABLE"), cluster.mesos.set_state("b.0", "TASK_RUNNING"); },
      [&] { cluster.mesos.mute(true); },
  };
  for (std::size_t i = 0; i < evils.size(); ++i) {
    ASSERT_TRUE(eventually(kPatience, streaming)) << i << muster.log();
    const std::uint64_t reads = cluster.mesos.reads();
    const std::uint64_t streams = cluster.mesos.subscriptions();
    evils[i]();
    if (breaking.contains(i)) {
      EXPECT_TRUE(eventually(kPatience, [&] { return cluster.mesos.subscriptions() > streams; })) << i << muster.log();
    }
    EXPECT_TRUE(eventually(kPatience, [&] { return cluster.mesos.reads() >= reads + 3; })) << i << muster.log();
    EXPECT_TRUE(whole()) << i << muster.log();
    EXPECT_TRUE(muster.process().running()) << i << muster.log();
    cluster.mesos.mute(false);
  }
  EXPECT_EQ(muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}), removed) << muster.log();
  cluster.mesos.kill("a.2");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:a.2:31002"); })) << muster.log();
}

// Bad tasks and agents, in the state and in events: each costs only itself.
TEST_F(MesosStream, BadItemsCostOnlyThemselvesInBothPlanes) {
  Cluster cluster;
  for (const char* api : {"poll", "stream"}) {
    const std::string mode = api;
    cluster.mesos.edit([](fakes::MesosCluster& state) {
      for (fakes::MesosAgent& each : state.agents) each.hostname = "the-same";
      if (state.agents.size() > 2) return;
      fakes::MesosAgent odd;
      odd.id = "odd-S9";
      odd.ip = "not-an-address";
      odd.hostname = "the-same";
      state.agents.push_back(odd);
    });
    Muster muster(cluster.flags({"--mesos-api=" + mode, "--owner=bad-items"}));
    if (mode == "stream") {
      ASSERT_TRUE(eventually(kPatience, [&] { return cluster.mesos.subscribers() == 1; })) << muster.log();
    }
    fakes::MesosTask good = task("good", "web", kHostA, 31001);
    fakes::MesosTask namesake = task("good", "other", kHostB, 31001);
    namesake.framework = "batch";
    fakes::MesosTask ports = task("ports", "web", kHostA, 31002);
    ports.discovery = {{70000, "out", "tcp", {}}, {std::nullopt, "none", "tcp", {}}, {31002, "in", "tcp", {}}};
    fakes::MesosTask lost = task("odd", "web", "not-an-address", 31003);
    cluster.mesos.start(good);
    cluster.mesos.edit([&](fakes::MesosCluster& state) { state.tasks.push_back(namesake); });
    cluster.mesos.start(ports);
    cluster.mesos.start(lost);
    EXPECT_TRUE(eventually(kPatience,
                           [&] {
                             return has(cluster.a, "muster:good:31001") && has(cluster.a, "muster:ports:31002") &&
                                    has(cluster.b, "muster:good:31001");
                           }))
        << mode << muster.log();
    EXPECT_TRUE(muster.process().running());
    EXPECT_GE(muster.metric("muster_source_skipped_total", {"reason=\"port_out_of_range\""}).value_or(0), 1);
    for (const char* id : {"ports", "odd", "good"}) cluster.mesos.kill(id);
    cluster.mesos.edit([](fakes::MesosCluster& state) { state.tasks.clear(); });
    EXPECT_TRUE(eventually(
        kPatience, [&] { return !has(cluster.a, "muster:good:31001") && !has(cluster.a, "muster:ports:31002"); }))
        << mode << muster.log();
  }
}

// Two thousand tasks, two hundred agents; the master is killed, its successor knows nothing, then remembers, then hears
// from one agent after the other, and from ten of them never.
TEST(MesosFailover, OfTwoThousandTasksOnTwoHundredAgentsLosesNoneAndForgetsTheDead) {
  constexpr std::size_t kAgents = 200;
  constexpr std::size_t kTasks = 2000;
  constexpr std::size_t kDead = 10;
  fakes::Fleet fleet(kAgents, support::free_port());
  fleet.mesos.edit([&](fakes::MesosCluster& cluster) {
    for (std::size_t i = 0; i < kTasks; ++i) {
      cluster.tasks.push_back(
          task("t." + std::to_string(i), "web", fakes::fleet_host(i % kAgents), static_cast<int>(31000 + i / kAgents)));
    }
  });
  Muster muster(fleet.flags({"--mesos-api=stream", "--refresh=200ms", "--mesos-failover-grace=8s",
                             "--unreachable-grace=2s", "--audit-interval=1h"}));
  const auto tasks_on = [&](std::size_t agent) {
    const std::vector<std::string> ids = fleet.consul.ids(agent);
    return static_cast<std::size_t>(
        std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return id.starts_with("muster:t."); }));
  };
  const auto total = [&] {
    std::size_t out = 0;
    for (std::size_t i = 0; i < kAgents; ++i) out += tasks_on(i);
    return out;
  };
  ASSERT_TRUE(eventually(seconds(60), [&] { return total() == kTasks && fleet.mesos.subscribers() == 1; }))
      << total() << muster.log();
  const auto removed = [&] {
    return muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}).value_or(-1);
  };
  const double before = removed();

  fleet.mesos.recover_registry(true);
  fleet.mesos.fail_over();
  std::uint64_t reads = fleet.mesos.reads();
  EXPECT_TRUE(eventually(kPatience, [&] { return fleet.mesos.reads() > reads + 3; }));
  fleet.mesos.recover_registry(false);
  EXPECT_TRUE(eventually(kPatience, [&] { return fleet.mesos.subscribers() == 1; })) << muster.log();
  for (std::size_t i = kDead; i < kAgents; ++i) fleet.mesos.come_back(fakes::fleet_host(i));
  reads = fleet.mesos.reads();
  EXPECT_TRUE(eventually(kPatience, [&] { return fleet.mesos.reads() > reads + 3; }));
  EXPECT_EQ(total(), kTasks) << muster.log();
  EXPECT_EQ(removed(), before) << "nothing was removed, if only to be put back";

  // The master gives up on the dead, and tells nobody.
  fleet.mesos.edit([&](fakes::MesosCluster& cluster) {
    for (std::size_t i = 0; i < kDead; ++i) {
      const std::string ip = fakes::fleet_host(i);
      std::erase_if(cluster.agents, [&](const fakes::MesosAgent& each) { return each.ip == ip; });
      std::erase_if(cluster.tasks, [&](const fakes::MesosTask& each) { return each.agent == ip; });
    }
  });
  EXPECT_TRUE(eventually(seconds(60), [&] {
    std::size_t dead = 0;
    for (std::size_t i = 0; i < kDead; ++i) dead += tasks_on(i);
    return dead == 0;
  })) << muster.log();
  EXPECT_EQ(total(), kTasks - kDead * (kTasks / kAgents));
}

}  // namespace
}  // namespace muster::e2e
