#include "fleet/client.h"

#include <gtest/gtest.h>

#include "fakes/fake_fleet.h"
#include "support/folder.h"

namespace muster::fleet {
namespace {

using fakes::FakeFleet;
using fakes::HttpReply;
using fakes::HttpRequest;

net::HttpOptions quick() {
  net::HttpOptions out;
  out.timeout = std::chrono::seconds(2);
  return out;
}

Client client_of(const FakeFleet& fleet) { return Client({fleet.url()}, quick()); }

std::string unit(int number) { return "u" + std::to_string(100 + number) + ".service"; }

TEST(FleetClient, ReadsUnitsStatesAndMachines) {
  FakeFleet fleet;
  fleet.add_machine("m1", "10.0.0.1");
  fleet.start("web.service", "m1", {{"Port", "80"}});
  const auto snapshot = client_of(fleet).read({}, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_TRUE(snapshot->whole);
  EXPECT_EQ(snapshot->machines.at("m1").ip, "10.0.0.1");
  EXPECT_EQ(snapshot->units.at("web.service").options.back(), (Option{"X-Consul", "Port", "80"}));
  EXPECT_EQ(snapshot->states.at("m1").at("web.service").active, "active");
}

TEST(FleetClient, SpeaksOverAUnixSocket) {
  const support::Folder folder;
  FakeFleet fleet("unix:" + (folder / "fleet.sock"));
  fleet.add_machine("m1", "10.0.0.1");
  Client client({"unix://" + (folder / "fleet.sock")}, quick());
  const auto snapshot = client.read({}, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->machines.size(), 1U);
}

TEST(FleetClient, AnEmptyClusterIsAnAnswer) {
  const FakeFleet fleet;
  const auto snapshot = client_of(fleet).read({}, {});
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->whole);
  EXPECT_TRUE(snapshot->units.empty());
}

TEST(FleetClient, GathersAllPages) {
  FakeFleet fleet;
  fleet.page_size(3);
  for (int i = 0; i < 10; ++i) fleet.start(unit(i), "m1", {});
  const auto snapshot = client_of(fleet).read({}, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_TRUE(snapshot->whole);
  EXPECT_EQ(snapshot->units.size(), 10U);
  EXPECT_EQ(snapshot->states.at("m1").size(), 10U);
}

// A page is an offset: a unit destroyed on page 1 while we are at page 2 hides the one that slips over the edge.
TEST(FleetClient, AUnitThatSlipsBetweenPagesIsAskedForByName) {
  FakeFleet fleet;
  fleet.page_size(3);
  for (int i = 0; i < 6; ++i) fleet.start(unit(i), "m1", {});
  Client client = client_of(fleet);
  ASSERT_TRUE(client.read({}, {}));
  int reads = 0;
  fleet.between_pages([&](fakes::FleetCluster& cluster, std::size_t page) {
    if (page == 2 && reads++ < 2) cluster.units.erase(unit(reads - 1));
  });
  std::set<std::string> known;
  for (int i = 0; i < 6; ++i) known.insert(unit(i));
  const auto snapshot = client.read(known, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->destroyed, (std::set<std::string>{unit(0)}));  // the other went when all had been listed
  for (int i = 2; i < 6; ++i) EXPECT_TRUE(snapshot->units.contains(unit(i))) << i;
  fleet.between_pages({});
  EXPECT_EQ(client.read(known, {})->destroyed, (std::set<std::string>{unit(0), unit(1)}));
}

TEST(FleetClient, AListingThatShiftsIsNotTheWhole) {
  FakeFleet fleet;
  fleet.page_size(3);
  for (int i = 0; i < 6; ++i) fleet.start(unit(i), "m1", {});
  int next = 50;
  fleet.between_pages([&](fakes::FleetCluster& cluster, std::size_t page) {
    if (page == 2) cluster.units[unit(next++)] = {};
  });
  const auto snapshot = client_of(fleet).read({}, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_FALSE(snapshot->whole);
}

TEST(FleetClient, AnOutageOfEtcdIsNoKnowledge) {
  FakeFleet fleet;
  fleet.etcd_down(true);
  const auto snapshot = client_of(fleet).read({"web.service"}, {});
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().fault, Fault::Keep);
  EXPECT_NE(snapshot.error().message.find(fleet.url() + " /units answered 500"), std::string::npos)
      << snapshot.error().message;
}

TEST(FleetClient, WhatIsNotFleetsIsNoKnowledge) {
  FakeFleet fleet;
  const std::pair<const char*, HttpReply> answers[] = {
      {"html", {200, "<html>"}},
      {"list", {200, "[]"}},
      {"word", {200, R"({"units":"none"})"}},
      {"error", {200, R"({"error":{"code":500}})"}},
      {"token", {400, R"({"error":{"code":400,"message":"illegal base64 data at input byte 0"}})"}},
      {"moved", {302, "", {"Location: /"}}},
      {"endless", {200, R"({"units":[],"nextPageToken":"again"})"}},
      {"null", {200, "null"}},
      {"cut", {.status = 200, .body = R"({"units":[]})", .manner = fakes::Manner::Truncate}}};
  for (const auto& [name, reply] : answers) {
    fleet.answer_with([answer = reply](const HttpRequest&) { return answer; });
    EXPECT_FALSE(client_of(fleet).read({}, {})) << name;
  }
}

TEST(FleetClient, ABadRowIsLeftOutAndCounted) {
  FakeFleet fleet;
  fleet.answer_with([](const HttpRequest& request) -> HttpReply {
    if (request.path.ends_with("units")) {
      return {200, R"({"units":[7,{"name":""},{"name":"a.service","options":[1,{"section":2}]}]})"};
    }
    if (request.path.ends_with("machines")) return {200, R"({"machines":[{"id":"m","primaryIP":"nonsense"}]})"};
    return {200, R"({"states":[{"name":"a.service"}]})"};
  });
  const auto snapshot = client_of(fleet).read({}, {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->units.size(), 1U);
  EXPECT_EQ(snapshot->machines.at("m").ip, "");
  EXPECT_EQ(snapshot->rejections.size(), 3U);
}

// A proxy before fleet that has lost its route answers 404 too.
TEST(FleetClient, AForeign404DestroysNothing) {
  FakeFleet fleet;
  fleet.answer_with([](const HttpRequest& request) -> HttpReply {
    if (request.path.starts_with("/fleet/v1/units/")) return {404, "404 page not found\n"};
    return {200, "{}"};
  });
  EXPECT_FALSE(client_of(fleet).read({"web.service"}, {}));
}

TEST(FleetClient, AnotherEndpointAnswersForADeadOne) {
  FakeFleet fleet;
  fleet.add_machine("m1", "10.0.0.1");
  Client client({"http://127.0.0.1:1", fleet.url()}, quick());
  ASSERT_TRUE(client.read({}, {}));
  Client dead({"http://127.0.0.1:1", "unix:///nowhere/fleet.sock"}, quick());
  const auto answer = dead.read({}, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("127.0.0.1:1"), std::string::npos);
}

TEST(FleetEndpoint, IsASocketOrAUrl) {
  EXPECT_EQ(parse_endpoint("unix:///var/run/fleet.sock"), "unix:///var/run/fleet.sock");
  EXPECT_EQ(parse_endpoint("http://10.0.0.5:49153/"), "http://10.0.0.5:49153");
  EXPECT_EQ(parse_endpoint("http://[::1]:49153"), "http://[::1]:49153");
  for (const char* bad : {"", "10.0.0.5:49153", "unix://x", "unix:///", "http://", "http://h:0", "http://h:70000",
                          "http://h:x", "http://h/path", "ftp://h:1", "http://u@h:1", "http://:1"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace muster::fleet
