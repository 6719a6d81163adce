// The real binary on a real fleet, where there is one (tests/support/fleet.h): what the simulated one stands for.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "e2e/cluster.h"
#include "fakes/fake_fleet.h"
#include "net/http.h"
#include "support/fleet.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::ConsulOptions;
using support::eventually;
using support::Fleet;
using support::HttpAnswer;
using support::kPatience;
using support::Muster;
using Strings = std::vector<std::string>;

class RealFleetEndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {support::no_consul(), support::no_fleet()}) {
      if (why.empty()) continue;
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
  }
};

std::string sleeper(const std::string& consul, const std::string& fleet = "") {
  return "[Service]\nExecStart=/bin/sleep 10000\n[X-Consul]\n" + consul + (fleet.empty() ? "" : "[X-Fleet]\n" + fleet);
}

// Two machines, a Consul agent on each, and one muster for all of them.
struct Lab {
  const int http_port = support::free_port();
  const support::ConsulServer server{ConsulOptions{.address = "127.0.0.1", .http_port = http_port}};
  const support::ConsulClient a{server, ConsulOptions{.address = kHostA, .http_port = http_port}};
  const support::ConsulClient b{server, ConsulOptions{.address = kHostB, .http_port = http_port}};
  Fleet fleet{{kHostA, kHostB}};
  const Muster muster{{"--fleet-endpoint=" + fleet.url(0) + "," + fleet.url(1), "--fleet-refresh=300ms", "--owner=lab",
                       "--audit-interval=1s", "--consul-port=" + std::to_string(http_port)}};

  const support::ConsulAgent& agent(std::size_t machine) const { return machine == 0 ? a : b; }
  std::string id(std::size_t machine, const std::string& unit) const {
    return "muster:" + fleet.id(machine) + "/" + unit;
  }
  bool has(std::size_t machine, const std::string& unit) const {
    return !Cluster::service(agent(machine), id(machine, unit)).is_null();
  }
  bool runs(std::size_t machine, const std::string& unit) const { return fleet.host(machine).state(unit) == "active"; }
  bool comes(std::size_t machine, const std::string& unit) const {
    return eventually(kPatience, [&] { return has(machine, unit); });
  }
  bool goes(std::size_t machine, const std::string& unit) const {
    return eventually(kPatience, [&] { return !has(machine, unit); });
  }
  bool reads(int more) const {
    const auto count = [&] { return muster.metric("muster_source_updates_total", {"source=\"fleet\""}).value_or(0); };
    const double begun = count();
    return eventually(kPatience, [&] { return count() > begun + more; });
  }
  std::size_t machine_of(const std::string& unit) const {
    const json answer = fleet.get("/units/" + unit);
    return answer.is_object() && answer.value("machineID", "") == fleet.id(1) ? 1 : 0;
  }
};

TEST_F(RealFleetEndToEnd, UnitsAreFollowedFromTheirStartToTheirEnd) {
  const Lab lab;
  lab.fleet.submit("web@8081.service", sleeper("Port=%i\nTags=routed v1\n[X-Consul:admin]\nPort=9081\n"));
  lab.fleet.submit("log.service", sleeper("Port=7000\n", "Global=true\n"));
  lab.fleet.submit("idle.service", sleeper("Port=7001\n"), "loaded");
  lab.fleet.submit("nowhere.service", sleeper("Port=7002\n", "MachineMetadata=zone=none\n"));
  lab.fleet.submit("broken.service", "[Service]\nExecStart=/bin/false\n[X-Consul]\nPort=7003\n");
  ASSERT_TRUE(lab.comes(0, "log.service") && lab.comes(1, "log.service")) << lab.muster.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return lab.has(lab.machine_of("web@8081.service"), "web@8081.service"); }));
  const std::size_t on = lab.machine_of("web@8081.service");
  EXPECT_EQ(Cluster::service(lab.agent(on), lab.id(on, "web@8081.service")).at("Port"), 8081);
  EXPECT_TRUE(lab.has(on, "web@8081.service/admin"));
  EXPECT_EQ(Cluster::ids(lab.a).size() + Cluster::ids(lab.b).size(), 4U) << "and nothing of the other three";

  lab.fleet.set("web@8081.service", "loaded");
  EXPECT_TRUE(lab.goes(on, "web@8081.service")) << lab.muster.log();
  lab.fleet.set("web@8081.service", "launched");
  EXPECT_TRUE(lab.comes(on, "web@8081.service")) << lab.muster.log();
  lab.fleet.set("web@8081.service", "inactive");
  EXPECT_TRUE(lab.goes(on, "web@8081.service")) << lab.muster.log();
  lab.fleet.destroy("log.service");
  EXPECT_TRUE(lab.goes(0, "log.service") && lab.goes(1, "log.service")) << lab.muster.log();
}

TEST_F(RealFleetEndToEnd, AUnitMovesWhenItsFleetdDiesAndIsKeptWhereItRunsOn) {
  const Lab lab;
  lab.fleet.submit("web.service", sleeper("Port=80\n"));
  ASSERT_TRUE(eventually(kPatience, [&] { return lab.has(lab.machine_of("web.service"), "web.service"); }));
  const std::size_t from = lab.machine_of("web.service"), to = 1 - from;
  lab.fleet.kill_fleetd(from);
  EXPECT_TRUE(lab.comes(to, "web.service")) << lab.muster.log();
  EXPECT_TRUE(lab.reads(3));
  EXPECT_TRUE(lab.runs(from, "web.service"));
  EXPECT_TRUE(lab.has(from, "web.service")) << "fleet no longer tells of it, and it runs\n" << lab.muster.log();
  lab.fleet.start_fleetd(from);
  EXPECT_TRUE(lab.goes(from, "web.service")) << lab.muster.log();
  EXPECT_TRUE(eventually(kPatience, [&] { return !lab.runs(from, "web.service"); }));
  EXPECT_TRUE(lab.has(to, "web.service"));
}

// muster took for destroyed what an etcd without its data knew nothing of, though every unit ran.
TEST_F(RealFleetEndToEnd, AnEtcdThatIsAwayOrLosesItsDataTakesNothingAwayThatRuns) {
  Lab lab;
  Strings units;
  for (int i = 0; i < 4; ++i) {
    units.push_back("u" + std::to_string(i) + ".service");
    lab.fleet.submit(units.back(), sleeper("Port=700" + std::to_string(i) + "\n",
                                           "MachineMetadata=number=" + std::to_string(i % 2) + "\n"));
  }
  const auto all = [&] {
    std::size_t count = 0;
    for (std::size_t i = 0; i < units.size(); ++i) count += lab.has(i % 2, units[i]) ? 1 : 0;
    return count == units.size();
  };
  ASSERT_TRUE(eventually(kPatience, all)) << lab.muster.log();

  lab.fleet.stop_etcd();
  ASSERT_TRUE(eventually(kPatience, [&] { return lab.fleet.call(0, "/units").status == 500; }));
  EXPECT_TRUE(eventually(kPatience, [&] { return lab.fleet.call(0, "/units").status == 503; }));
  EXPECT_TRUE(all()) << lab.muster.log();
  lab.fleet.start_etcd();
  // fleetd tries again at twice the distance, at most every minute.
  ASSERT_TRUE(eventually(4 * kPatience, [&] { return lab.fleet.call(0, "/units").status == 200; }));
  ASSERT_TRUE(lab.reads(3));
  EXPECT_TRUE(eventually(kPatience, all)) << lab.muster.log();

  lab.fleet.stop_etcd();
  lab.fleet.start_etcd(false);
  // Its machines are back within 6 s, and then, or as soon as etcd was, all seemed to be destroyed.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_TRUE(lab.reads(1));
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      if (lab.runs(unit % 2, units[unit])) {
        EXPECT_TRUE(lab.has(unit % 2, units[unit])) << units[unit] << "\n" << lab.muster.log();
      }
    }
  }
}

// fleetd, systemd and muster on one host, as docs/fleet.md has it.
TEST_F(RealFleetEndToEnd, BesideSystemdAStopIsHeardAtOnceAndFleetDoesNotUndoIt) {
  const support::ConsulServer consul;
  const Fleet fleet({kHostA});
  const int port = support::free_port();
  const Muster muster(
      fleet.host(0).inside({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "muster", "--systemd",
                            "--fleet-endpoint=unix:///run/fleet.sock", "--fleet-scope=node", "--fleet-refresh=100ms",
                            "--owner=prod", "--consul-agent=" + consul.url(),
                            "--listen=127.0.0.1:" + std::to_string(port)}),
      port);
  const std::string id = "muster:" + fleet.id(0) + "/web.service";
  const auto there = [&] { return !Cluster::service(consul, id).is_null(); };
  const auto told = [&](const std::string& state) {
    return fleet.get("/state").dump().find("\"systemdActiveState\":\"" + state + "\"") != std::string::npos;
  };
  fleet.submit("web.service", sleeper("Port=80\n"));
  ASSERT_TRUE(eventually(kPatience, there)) << muster.log();
  EXPECT_EQ(Cluster::service(consul, id).at("Meta").at("muster_source"), "systemd");
  ASSERT_TRUE(eventually(kPatience, [&] { return told("active"); }));

  fleet.host(0).ctl({"stop", "web.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return !there(); })) << muster.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return there() || told("inactive"); }));
  EXPECT_FALSE(there()) << muster.log();
  fleet.host(0).ctl({"start", "web.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return there() && told("active"); })) << muster.log();
  fleet.destroy("web.service");
  EXPECT_TRUE(eventually(kPatience, [&] { return !there(); })) << muster.log();
  EXPECT_EQ(muster.metric("muster_consul_writes_total", {"verb=\"register\""}).value_or(0), 2) << muster.log();
}

json body_of(const std::string& text) { return json::parse(text, nullptr, false); }

// The same cluster in the fake, by what the real one lists.
void rebuild(const Fleet& real, fakes::FakeFleet& fake) {
  const json machines = real.get("/machines"), units = real.get("/units"), states = real.get("/state");
  fake.edit([&](fakes::FleetCluster& cluster) {
    for (const json& each : machines["machines"]) cluster.machines[each["id"]] = {each["primaryIP"], each["metadata"]};
    for (const json& each : units["units"]) {
      fakes::FleetUnit unit{each["desiredState"], each["currentState"], each.value("machineID", ""), {}, false};
      for (const json& option : each["options"]) {
        unit.options.push_back({option["section"], option["name"], option.value("value", "")});
        unit.global = unit.global || option["name"] == "Global";
      }
      cluster.units[each["name"]] = unit;
    }
    for (const json& each : states["states"]) {
      cluster.states[{each["name"], each["machineID"]}] = {each["systemdActiveState"], each["systemdSubState"],
                                                           each["systemdLoadState"], each["hash"]};
    }
  });
}

TEST_F(RealFleetEndToEnd, AnswersAsTheFakeDoes) {
  const Fleet real({kHostA});
  fakes::FakeFleet fake;
  net::HttpClient client({});
  const auto compare = [&](const Strings& paths) {
    for (const std::string& path : paths) {
      const HttpAnswer answer = real.call(0, path);
      const auto ours = client.send({.base = fake.url(), .path = "/fleet/v1" + path}, {});
      ASSERT_TRUE(ours) << path;
      EXPECT_EQ(ours->status, answer.status) << path;
      EXPECT_EQ(body_of(ours->body), body_of(answer.body)) << path;
    }
  };
  fake.add_machine(real.id(0), kHostA);
  compare({"/units", "/state"});
  real.submit("web@1.service", sleeper("Port=%i\nTags=\n"));
  real.submit("log.service", sleeper("Port=7000\n", "Global=true\n"));
  real.submit("idle.service", sleeper("Port=7001\n"), "loaded");
  real.submit("nowhere.service", sleeper("Port=7002\n", "MachineMetadata=zone=none\n"));
  real.submit("broken.service", "[Service]\nExecStart=/bin/false\n");
  ASSERT_TRUE(eventually(kPatience, [&] {
    const json states = real.get("/state");
    return states.is_object() && states.contains("states") && states["states"].size() == 4 &&
           states.dump().find("failed") != std::string::npos &&
           real.get("/units/web@1.service").value("currentState", "") == "launched";
  })) << real.get("/state");
  rebuild(real, fake);
  compare({"/machines", "/units", "/state", "/units/web@1.service", "/units/log.service", "/units/nowhere.service",
           "/units/none.service", "/units/", "/machines/x", "/nothing", "/units?nextPageToken=ZAACAA%3D%3D",
           "/units?nextPageToken=YwACAA%3D%3D", "/units?nextPageToken=A"});
  for (int i = 1; i <= 95; ++i)
    real.submit("u" + std::to_string(100 + i) + ".service", sleeper("Port=1\n"), "inactive");
  rebuild(real, fake);
  compare({"/units"});
  EXPECT_EQ(real.get("/units").value("nextPageToken", ""), "ZAACAA==") << "of 100 units, the next page being empty";
}

}  // namespace
}  // namespace muster::e2e
