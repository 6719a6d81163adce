// The real binary between a fleet cluster and real Consul agents: one on each of its machines.
#include <gtest/gtest.h>

#include <iostream>

#include "e2e/cluster.h"
#include "fakes/fake_fleet.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::ConsulOptions;
using support::eventually;
using support::kPatience;
using support::Muster;

constexpr char kM1[] = "11111111111111111111111111111111";
constexpr char kM2[] = "22222222222222222222222222222222";

class FleetEndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    const std::string why = support::no_consul();
    if (why.empty()) return;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
};

struct FleetHosts {
  const int http_port = support::free_port();
  support::ConsulServer server{ConsulOptions{.address = "127.0.0.1", .http_port = http_port}};
  support::ConsulClient a{server, ConsulOptions{.address = kHostA, .http_port = http_port}};
  support::ConsulClient b{server, ConsulOptions{.address = kHostB, .http_port = http_port}};
  fakes::FakeFleet fleet;

  FleetHosts() {
    fleet.add_machine(kM1, kHostA);
    fleet.add_machine(kM2, kHostB);
  }
  std::vector<std::string> flags() const {
    return {"--fleet-endpoint=" + fleet.url(), "--fleet-refresh=200ms", "--owner=lab", "--audit-interval=1s",
            "--consul-port=" + std::to_string(http_port)};
  }
};

std::string id(const char* machine, const std::string& unit) { return "muster:" + std::string(machine) + "/" + unit; }
bool has(const support::ConsulAgent& agent, const std::string& service) {
  return !Cluster::service(agent, service).is_null();
}

TEST_F(FleetEndToEnd, AUnitIsFollowedFromItsStartOverAMoveToItsStop) {
  FleetHosts hosts;
  Muster muster(hosts.flags());
  const std::string at_a = id(kM1, "web@8081.service"), at_b = id(kM2, "web@8081.service");
  hosts.fleet.start("web@8081.service", kM1, {{"Port", "%i"}, {"Tags", "routed v1"}});
  ASSERT_TRUE(eventually(kPatience, [&] { return has(hosts.a, at_a); })) << muster.log();
  const json service = Cluster::service(hosts.a, at_a);
  EXPECT_EQ(service.at("Service"), "web");
  EXPECT_EQ(service.at("Port"), 8081);
  EXPECT_EQ(service.at("Tags"), json({"routed", "v1"}));
  EXPECT_EQ(service.at("Meta").at("unit"), "web@8081.service");
  EXPECT_TRUE(eventually(kPatience, [&] { return hosts.server.get("/v1/health/service/web?passing").size() == 1; }))
      << muster.log();

  hosts.fleet.move("web@8081.service", kM2);
  EXPECT_TRUE(eventually(kPatience, [&] { return has(hosts.b, at_b) && !has(hosts.a, at_a); })) << muster.log();

  hosts.fleet.stop("web@8081.service");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(hosts.b, at_b); })) << muster.log();
}

// Explicit ends are not counted by the breaker, however many they are.
TEST_F(FleetEndToEnd, ManyDestroyedUnitsGoAtOnceAndAnOutageOfEtcdTakesNone) {
  FleetHosts hosts;
  for (int i = 0; i < 10; ++i) {
    hosts.fleet.start("u" + std::to_string(i) + ".service", i % 2 == 0 ? kM1 : kM2, {{"Name", "u"}});
  }
  Muster muster(hosts.flags());
  const auto count = [&] { return Cluster::ids(hosts.a).size() + Cluster::ids(hosts.b).size(); };
  ASSERT_TRUE(eventually(kPatience, [&] { return count() == 10; })) << muster.log();

  hosts.fleet.etcd_down(true);
  const auto reads = hosts.fleet.reads();
  ASSERT_TRUE(eventually(kPatience, [&] { return hosts.fleet.reads() > reads + 3; }));
  EXPECT_EQ(count(), 10U);
  // A wiped agent heals from what was known before.
  ASSERT_EQ(hosts.a.put("/v1/agent/service/deregister/" + std::string("muster:") + kM1 + "%2Fu0.service"), 200);
  EXPECT_TRUE(eventually(kPatience, [&] { return count() == 10; })) << muster.log();

  hosts.fleet.etcd_down(false);
  for (int i = 0; i < 8; ++i) hosts.fleet.destroy("u" + std::to_string(i) + ".service");
  EXPECT_TRUE(eventually(std::chrono::seconds(10), [&] { return count() == 2; })) << muster.log();
}

TEST_F(FleetEndToEnd, ADeadMachineAndAnEmptyAnswerTakeNothingAway) {
  FleetHosts hosts;
  hosts.fleet.start("web.service", kM1, {{"Port", "80"}});
  hosts.fleet.start("db.service", kM2, {{"Port", "5432"}});
  Muster muster(hosts.flags());
  const auto both = [&] { return has(hosts.a, id(kM1, "web.service")) && has(hosts.b, id(kM2, "db.service")); };
  ASSERT_TRUE(eventually(kPatience, both)) << muster.log();

  const auto after_three_reads = [&] {
    const auto reads = hosts.fleet.reads();
    return eventually(kPatience, [&] { return hosts.fleet.reads() > reads + 3; });
  };
  hosts.fleet.lose_machine(kM1);
  ASSERT_TRUE(after_three_reads());
  EXPECT_TRUE(both());
  hosts.fleet.lose_memory();
  ASSERT_TRUE(after_three_reads());
  EXPECT_TRUE(both());
  hosts.fleet.add_machine(kM1, kHostA);  // says that it is there, and not yet what it runs
  ASSERT_TRUE(after_three_reads());
  EXPECT_TRUE(both());
  EXPECT_EQ(muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}).value_or(0), 0);
}

// What an earlier muster has registered is all that tells of it.
TEST_F(FleetEndToEnd, AMusterThatIsStartedAnewTakesNothingWhileFleetIsBeingFilledAgain) {
  FleetHosts hosts;
  const auto fill = [&](int units) {
    for (int i = 0; i < units; ++i) {
      hosts.fleet.start("u" + std::to_string(i) + ".service", i % 2 == 0 ? kM1 : kM2, {{"Name", "u"}});
    }
  };
  fill(4);
  const auto count = [&] { return Cluster::ids(hosts.a).size() + Cluster::ids(hosts.b).size(); };
  const auto after_three_reads = [&] {
    const auto reads = hosts.fleet.reads();
    return eventually(kPatience, [&] { return hosts.fleet.reads() > reads + 3; });
  };
  {
    const Muster muster(hosts.flags());
    ASSERT_TRUE(eventually(kPatience, [&] { return count() == 4; })) << muster.log();
  }
  // The second machine's fleetd has died, and nobody else may take its units.
  hosts.fleet.lose_machine(kM2);
  hosts.fleet.edit([](fakes::FleetCluster& cluster) {
    for (auto& [name, unit] : cluster.units) unit.machine = unit.machine == kM2 ? "" : unit.machine;
  });
  {
    const Muster muster(hosts.flags());
    ASSERT_TRUE(after_three_reads());
    hosts.fleet.add_machine(kM2, kHostB);
    ASSERT_TRUE(after_three_reads());
    EXPECT_EQ(count(), 4U) << muster.log();
  }
  hosts.fleet.lose_memory();
  hosts.fleet.add_machine(kM1, kHostA);
  hosts.fleet.add_machine(kM2, kHostB);
  {
    const Muster muster(hosts.flags());
    ASSERT_TRUE(after_three_reads());
    fill(1);
    ASSERT_TRUE(after_three_reads());
    EXPECT_EQ(count(), 4U) << muster.log();
  }
}

TEST_F(FleetEndToEnd, OnceTakesWhatIsAbsentUnlessTheClusterMayBeHalfFilled) {
  FleetHosts hosts;
  std::vector<std::string> flags = hosts.flags();
  flags.push_back("--once");
  hosts.fleet.start("web.service", kM1, {{"Port", "80"}});
  hosts.fleet.start("db.service", kM1, {{"Port", "81"}});
  ASSERT_EQ(support::run_muster(flags).code, 0);
  hosts.fleet.edit([](fakes::FleetCluster& cluster) {
    cluster.units.erase("db.service");
    cluster.states.clear();
  });
  const auto held = support::run_muster(flags);
  EXPECT_EQ(held.code, 3) << held.err;
  EXPECT_TRUE(has(hosts.a, id(kM1, "db.service")));
  hosts.fleet.start("web.service", kM1, {{"Port", "80"}});
  const auto done = support::run_muster(flags);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(has(hosts.a, id(kM1, "web.service")));
  EXPECT_FALSE(has(hosts.a, id(kM1, "db.service")));
}

TEST_F(FleetEndToEnd, SpeaksToFleetOverItsSocket) {
  const support::Folder folder;
  FleetHosts hosts;
  fakes::FakeFleet local("unix:" + (folder / "fleet.sock"));
  local.add_machine(kM1, kHostA);
  local.start("web.service", kM1, {{"Port", "80"}});
  std::vector<std::string> flags = hosts.flags();
  flags.front() = "--fleet-endpoint=unix://" + (folder / "fleet.sock");
  flags.push_back("--once");
  const auto done = support::run_muster(flags);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(has(hosts.a, id(kM1, "web.service")));
}

TEST(LintEndToEnd, ShowsAndJudgesUnitFilesWithoutConsulAndWithoutASource) {
  const support::Folder folder;
  const std::string good = folder.write("web.service", "[X-Consul]\nPort=80\n");
  const auto fine = support::run_muster({"lint", good});
  EXPECT_EQ(fine.code, 0) << fine.out << fine.err;
  EXPECT_NE(fine.out.find(good + ":2"), std::string::npos) << fine.out;
  const auto bad = support::run_muster({"lint", good, folder.write("db.service", "[X-Consul]\nPort=db\n")});
  EXPECT_EQ(bad.code, 1) << bad.out;
  EXPECT_NE(bad.out.find("db.service:2: Port=db"), std::string::npos) << bad.out;
  EXPECT_EQ(support::run_muster({"lint"}).code, 2);
}

}  // namespace
}  // namespace muster::e2e
