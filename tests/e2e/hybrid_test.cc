// One muster on a host with both its systemd and fleet, as docs/fleet.md has it: a real systemd, a real Consul, and a
// fleet that says what it likes.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "e2e/cluster.h"
#include "e2e/needs.h"
#include "fakes/fake_fleet.h"
#include "support/systemd.h"
#include "support/systemd_control.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::SystemdControl;
using support::SystemdHost;
using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

constexpr char kHere[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr char kThere[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

std::string id(const std::string& machine, const std::string& unit) { return "muster:" + machine + "/" + unit; }

class HybridEndToEnd : public testing::Test {
 protected:
  void SetUp() override { skip_for({support::no_consul(), support::no_systemd()}); }
};

struct Hybrid {
  const support::ConsulServer consul;
  fakes::FakeFleet fleet;
  const SystemdHost host{kHere};
  SystemdControl control{host};

  Hybrid() {
    fleet.add_machine(kHere, "127.0.0.1");
    fleet.add_machine(kThere, kHostA);
  }

  // On the host and in fleet, as fleetd has it: started, and not yet told of by fleet.
  void unit(const std::string& name, int port) {
    host.write_unit(name, "[Service]\nExecStart=/bin/sleep 10000\n[X-Consul]\nPort=" + std::to_string(port) + "\n");
    host.ctl({"daemon-reload"});
  }
  void told(const std::string& name, int port, const char* machine = kHere) {
    fleet.start(name, machine, {{"Port", std::to_string(port)}});
  }

  Muster muster(const Strings& more = {}) const {
    const int port = support::free_port();
    Strings argv{"setpriv",
                 "--reuid=65534",
                 "--regid=65534",
                 "--clear-groups",
                 "muster",
                 "--systemd",
                 "--fleet-endpoint=" + fleet.url(),
                 "--fleet-scope=node",
                 "--fleet-refresh=100ms",
                 "--owner=prod",
                 "--audit-interval=1s",
                 "--consul-agent=" + consul.url(),
                 "--listen=127.0.0.1:" + std::to_string(port)};
    argv.insert(argv.end(), more.begin(), more.end());
    return Muster(host.inside(std::move(argv)), port);
  }

  Strings ids() const { return Cluster::ids(consul); }
  bool become(const Strings& wanted) const {
    return eventually(kPatience, [&] { return ids() == wanted; });
  }
  // Whether this holds until fleet has been asked that often again: a read is three requests, a failing one a single
  // one.
  bool stays(const Strings& wanted, std::uint64_t more = 30) {
    const auto begun = fleet.server().requests();
    return eventually(kPatience, [&] { return ids() != wanted || fleet.server().requests() > begun + more; }) &&
           ids() == wanted;
  }
};

// Writes to Consul by this muster.
double writes(const Muster& muster, const std::string& verb) {
  return muster.metric("muster_consul_writes_total", {"verb=\"" + verb + "\""}).value_or(0);
}

TEST_F(HybridEndToEnd, AUnitThatBothSeeIsOneServiceAndWrittenOnce) {
  Hybrid lab;
  lab.unit("web.service", 7001);
  lab.told("web.service", 7001);
  lab.told("db.service", 7003, kThere);
  lab.control.start("web.service");
  const std::string web = id(kHere, "web.service");
  for (const char* run : {"first", "restarted"}) {
    const Muster muster = lab.muster();
    ASSERT_TRUE(lab.become({web})) << muster.log();
    EXPECT_TRUE(lab.stays({web})) << muster.log();
    EXPECT_EQ(Cluster::service(lab.consul, web).at("Meta").at("muster_source"), "systemd");
    const bool first = std::string(run) == "first";
    EXPECT_EQ(writes(muster, "register"), first ? 1 : 0) << run << muster.log();
    EXPECT_EQ(writes(muster, "update"), 0) << run << muster.log();
    EXPECT_EQ(writes(muster, "deregister"), 0) << run << muster.log();
    const json entry = lab.consul.get("/v1/catalog/service/web").at(0);
    EXPECT_EQ(entry.at("ModifyIndex"), entry.at("CreateIndex")) << run;
  }
}

TEST_F(HybridEndToEnd, AStopIsFollowedAtOnceAndFleetDoesNotBringItBackWhateverItSays) {
  Hybrid lab;
  lab.unit("web.service", 7001);
  lab.told("web.service", 7001);
  lab.control.start("web.service");
  const Strings one{id(kHere, "web.service")};
  Muster muster = lab.muster({"--fleet-lost=keep"});
  ASSERT_TRUE(lab.become(one)) << muster.log();
  ASSERT_TRUE(lab.stays(one)) << muster.log();

  const auto begun = Clock::now();
  lab.control.stop("web.service");
  ASSERT_TRUE(lab.become({})) << muster.log();
  std::cout << "stop to gone: " << std::chrono::duration<double, std::milli>(Clock::now() - begun).count()
            << " ms, while fleet says that it runs\n";
  EXPECT_TRUE(lab.stays({})) << "fleet is late\n" << muster.log();
  lab.fleet.etcd_down(true);
  EXPECT_TRUE(lab.stays({}, 5)) << "fleet answers 500\n" << muster.log();
  lab.fleet.etcd_down(false);
  lab.fleet.expire("web.service");
  EXPECT_TRUE(lab.stays({})) << "its states have expired\n" << muster.log();
  EXPECT_EQ(writes(muster, "register"), 1) << muster.log();

  lab.control.start("web.service");
  EXPECT_TRUE(lab.become(one)) << muster.log();
  EXPECT_TRUE(lab.stays(one)) << "while fleet tells no state\n" << muster.log();
  EXPECT_EQ(writes(muster, "register"), 2) << muster.log();
  EXPECT_EQ(writes(muster, "deregister"), 1) << muster.log();
}

// The end of an earlier life of muster is remembered by nobody, and fleet, whose fleetd hangs, tells of the unit still.
TEST_F(HybridEndToEnd, AUnitThatHasStoppedIsNotBroughtBackByAMusterThatStartsLater) {
  Hybrid lab;
  lab.unit("web.service", 7001);
  lab.unit("db.service", 7002);
  lab.told("web.service", 7001);
  lab.told("db.service", 7002);
  lab.control.start("db.service");
  const Muster muster = lab.muster();
  ASSERT_TRUE(lab.become({id(kHere, "db.service")})) << muster.log();
  EXPECT_TRUE(lab.stays({id(kHere, "db.service")})) << muster.log();
}

TEST_F(HybridEndToEnd, WhatSystemdIsNotAskedForIsFleetsToTell) {
  Hybrid lab;
  lab.unit("web.service", 7001);
  lab.unit("db.service", 7002);
  for (const char* unit : {"web.service", "db.service"}) {
    lab.told(unit, 7000);
    lab.control.start(unit);
  }
  const Muster muster = lab.muster({"--systemd-units=web*.service"});
  const std::string web = id(kHere, "web.service"), db = id(kHere, "db.service");
  ASSERT_TRUE(lab.become({db, web})) << muster.log();
  EXPECT_EQ(Cluster::service(lab.consul, web).at("Meta").at("muster_source"), "systemd");
  EXPECT_EQ(Cluster::service(lab.consul, db).at("Meta").at("muster_source"), "fleet");
  lab.fleet.stop("db.service");
  lab.fleet.stop("web.service");  // which systemd knows better
  EXPECT_TRUE(lab.become({web})) << muster.log();
  EXPECT_TRUE(lab.stays({web})) << muster.log();
}

TEST_F(HybridEndToEnd, WhileTheBusIsAwayNothingGoesAndWhatStoppedGoesWhenItIsBack) {
  Hybrid lab;
  for (const char* unit : {"stays.service", "goes.service"}) {
    lab.unit(unit, 7000);
    lab.told(unit, 7000);
    lab.control.start(unit);
  }
  const std::string stays = id(kHere, "stays.service"), goes = id(kHere, "goes.service");
  const Muster muster = lab.muster();
  ASSERT_TRUE(lab.become({goes, stays})) << muster.log();
  lab.host.ctl({"stop", "dbus.socket", "dbus.service"});
  ASSERT_TRUE(eventually(kPatience, [&] {
    return muster.metric("muster_source_updates_total", {"result=\"error\"", "source=\"systemd\""}).value_or(0) >= 2;
  })) << muster.log();
  lab.host.ctl({"stop", "goes.service"});
  EXPECT_TRUE(lab.stays({goes, stays})) << "nobody has heard of it\n" << muster.log();
  lab.fleet.expire("stays.service");
  EXPECT_TRUE(lab.stays({goes, stays})) << muster.log();
  lab.host.ctl({"start", "dbus.socket"});
  EXPECT_TRUE(lab.become({stays})) << muster.log();
  EXPECT_TRUE(lab.stays({stays})) << muster.log();
}

TEST_F(HybridEndToEnd, AUnitThatFleetMovesAwayLeavesWhenItStopsHereAndComesBackWhenItStarts) {
  Hybrid lab;
  lab.unit("web.service", 7001);
  lab.told("web.service", 7001);
  lab.control.start("web.service");
  const Strings one{id(kHere, "web.service")};
  const Muster muster = lab.muster();
  ASSERT_TRUE(lab.become(one)) << muster.log();
  lab.fleet.move("web.service", kThere);
  EXPECT_TRUE(lab.stays(one)) << "it runs here still\n" << muster.log();
  lab.control.stop("web.service");
  EXPECT_TRUE(lab.become({})) << muster.log();
  EXPECT_TRUE(lab.stays({})) << "what runs there is not spoken of here\n" << muster.log();
  lab.control.start("web.service");
  EXPECT_TRUE(lab.become(one)) << muster.log();
  lab.fleet.move("web.service", kHere);
  EXPECT_TRUE(lab.stays(one)) << muster.log();
  EXPECT_EQ(writes(muster, "register"), 2) << muster.log();
  EXPECT_EQ(writes(muster, "update"), 0) << muster.log();
}

}  // namespace
}  // namespace muster::e2e
