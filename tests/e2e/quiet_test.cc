// An idle cluster costs nothing: no write, no index that moves, no watch that wakes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include "e2e/cluster.h"
#include "fakes/fake_nomad.h"
#include "support/http.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::eventually;
using support::Muster;
using support::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kServices = 1'000;
#else
constexpr int kServices = 10'000;
#endif

std::uint64_t index_sum(const Cluster& cluster) {
  std::uint64_t sum = 0;
  for (const json& entry : cluster.catalog("web")) sum += entry.at("ModifyIndex").get<std::uint64_t>();
  return sum;
}

// The watch sees our own writes in the catalog, in the middle of them too, and must not take them for somebody's hand.
TEST(QuietEndToEnd, EachServiceIsWrittenOnceWhileOthersComeAndTheWatchLooks) {
  for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
    if (why.empty()) continue;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  constexpr int kTasks = 50;
  Cluster cluster;
  Muster muster(cluster.flags({"--refresh=200ms", "--audit-interval=1h"}));
  ASSERT_TRUE(eventually(support::kPatience, [&] { return cluster.catalog("muster").size() == 3; })) << muster.log();
  for (int i = 0; i < kTasks; ++i) {
    cluster.mesos.start(task("web." + std::to_string(i), "web", kHostA, 20000 + i, {{"check_tcp", "{host}:{port}"}}));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_TRUE(eventually(support::kPatience, [&] { return cluster.catalog("web").size() == kTasks; })) << muster.log();
  std::this_thread::sleep_for(seconds(3));  // the watch looks at the last of them
  const auto masters = Cluster::ids(cluster.server).size() + Cluster::ids(cluster.b).size();
  const auto hosts = Cluster::ids(cluster.a).size() - kTasks;
  // Canaries come with the reading that misses them, and are counted in no plan.
  EXPECT_EQ(muster.metric("muster_consul_writes_total"), static_cast<double>(kTasks + masters + hosts));
}

TEST(QuietEndToEnd, TenThousandServicesInPlaceCostNoWriteAndWakeNoWatch) {
  for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
    if (why.empty()) continue;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  const bool whole = std::getenv("MUSTER_LONG") != nullptr;
  const seconds idle(whole ? 600 : 60);
  Cluster cluster;
  cluster.mesos.edit([](fakes::MesosCluster& state) {
    for (int i = 0; i < kServices; ++i) {
      state.tasks.push_back(
          task("web." + std::to_string(i), "web", i % 2 == 0 ? kHostA : kHostB, 10000 + i % 50000, {{"tags", "b,a"}}));
    }
  });
  Muster muster(cluster.flags({"--refresh=2s", "--audit-interval=20s"}));
  ASSERT_TRUE(eventually(seconds(280), [&] {
    std::this_thread::sleep_for(seconds(1));  // a catalog of that size is no light question
    return cluster.catalog("web").size() == kServices;
  })) << muster.log().substr(0, 2000);
  const auto settled = [&] { return muster.metric("muster_queue_depth", {"lane=\"busy\""}).value_or(1) == 0; };
  ASSERT_TRUE(eventually(support::kPatience, settled));

  const double writes = muster.metric("muster_consul_writes_total").value_or(-1);
  const double runs = muster.metric("muster_agent_reconciles_total").value_or(-1);
  const std::uint64_t sum = index_sum(cluster);
  const auto health = cluster.server.call("GET", "/v1/health/service/web?passing&index=1");
  const std::string index = health.headers.at("x-consul-index");
  // A client's watch on health: it answers when its time is up, or sooner if anything changed.
  const auto begin = std::chrono::steady_clock::now();
  const auto woken = [&] {
    const auto answer = support::http(
        {.port = cluster.server.http_port(),
         .path = "/v1/health/service/web?passing&index=" + index + "&wait=" + std::to_string(idle.count()) + "s",
         .timeout = 2 * idle});
    return answer.status == 200 ? answer.headers.at("x-consul-index") : answer.body;
  };
  EXPECT_EQ(woken(), index) << "a health watch woke";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, idle - seconds(1)) << "a health watch woke";
  EXPECT_EQ(muster.metric("muster_consul_writes_total"), writes);
  EXPECT_EQ(index_sum(cluster), sum) << "a service's ModifyIndex moved";
  const double looked = muster.metric("muster_agent_reconciles_total").value_or(0) - runs;
  EXPECT_GE(looked, 6) << "the audits went on meanwhile";
  std::cout << kServices << " services, idle for " << idle.count() << " s: " << looked
            << " runs over an agent, 0 writes, 0 wake-ups\n";
}

long kilobytes(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":")) return std::strtol(line.c_str() + field.size() + 1, nullptr, 10);
  }
  return -1;
}

// Beside the one agent of its host, watch and all: what the start needed goes back at the first audit slot, which is
// 10 s after it by default.
TEST(QuietEndToEnd, AMusterBesideOneAgentIsSmallOnceItHasStarted) {
  if (const std::string why = support::no_consul(); !why.empty()) {
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  constexpr int kAllocations = 50;
  const support::ConsulServer consul;
  fakes::FakeNomad nomad;
  const std::string node = nomad.add_node({});
  for (int i = 0; i < kAllocations; ++i) nomad.start({.id = "", .node = node, .port = 20000 + i});
  Muster muster({"--nomad-scope=node", "--nomad-address=" + nomad.url(), "--consul-agent=" + consul.url()});
  ASSERT_TRUE(eventually(support::kPatience, [&] { return Cluster::ids(consul).size() == kAllocations; }))
      << muster.log();
  const pid_t pid = muster.process().pid();
  const long started = kilobytes(pid, "VmRSS");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::cerr << "a sanitizer's memory is no measure: only looked at\n";
  EXPECT_GT(started, 0);
#else
  EXPECT_TRUE(eventually(support::kPatience, [&] { return kilobytes(pid, "VmRSS") < 15 * 1024; }));
  EXPECT_LT(kilobytes(pid, "RssAnon"), 4 * 1024);
#endif
  std::cout << kAllocations << " services beside one agent: VmRSS " << started << " kB after the start, idle "
            << kilobytes(pid, "VmRSS") << " kB, of it anonymous " << kilobytes(pid, "RssAnon") << " kB\n";
}

}  // namespace
}  // namespace muster::e2e
