#include "fleet/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

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

std::string why(const Result<Snapshot>& answer) { return answer ? "" : answer.error().message; }

// Pages without an end, each with a new token, were read to 2 GB.
TEST(FleetClient, AListingThatIsTooLargeInAllIsGivenUp) {
  FakeFleet fleet;
  std::atomic<int> asked = 0;
  const std::string filler(1000, 'x');
  fleet.answer_with([&](const HttpRequest&) -> HttpReply {
    const std::string number = std::to_string(++asked);
    return {200, R"({"units":[{"name":"u)" + number + R"(","desiredState":")" + filler + R"("}],"nextPageToken":"t)" +
                     number + R"("})"};
  });
  Bounds bounds;
  bounds.bytes = 10'000;
  const auto large = Client({fleet.url()}, quick(), bounds).read({}, {});
  EXPECT_EQ(asked, 10) << "the tenth page of more than 1,000 bytes is over the limit";
  EXPECT_NE(why(large).find(fleet.url() + " /units: more than 10000 bytes"), std::string::npos) << why(large);
  EXPECT_EQ(large.error().fault, Fault::Keep);

  asked = 0;
  bounds = {};
  bounds.rows = 20;
  const auto many = Client({fleet.url()}, quick(), bounds).read({}, {});
  EXPECT_EQ(asked, 21);
  EXPECT_NE(why(many).find("more than 20 rows"), std::string::npos) << why(many);

  bounds = {};
  bounds.page = 500;
  EXPECT_NE(why(Client({fleet.url()}, quick(), bounds).read({}, {})).find("over 500 bytes"), std::string::npos);
}

TEST(FleetClient, APageOfNothingButRubbishIsGivenUp) {
  FakeFleet fleet;
  fleet.answer_with([](const HttpRequest&) -> HttpReply {
    std::string rows = "7";
    for (std::size_t i = 0; i < kMostRows; ++i) rows += ",7";
    return {200, R"({"units":[)" + rows + "]}"};
  });
  const auto answer = client_of(fleet).read({}, {});
  EXPECT_NE(why(answer).find("more than 200000 units"), std::string::npos) << why(answer);
}

TEST(FleetClient, AReadThatTakesTooLongInAllIsGivenUpAndTheNextOneBeginsAnew) {
  FakeFleet fleet;
  std::atomic<int> asked = 0;
  fleet.answer_with([&](const HttpRequest&) -> HttpReply {
    return {200, R"({"units":[],"nextPageToken":")" + std::to_string(++asked) + "\"}"};
  });
  net::HttpOptions http = quick();
  http.timeout = std::chrono::milliseconds(300);
  Client client({fleet.url()}, http, {.pages = 1'000'000, .timeouts = 2});
  for (const char* read : {"first", "second"}) {
    asked = 0;
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = client.read({}, {});
    EXPECT_NE(why(answer).find("has taken more than 600 ms (2 times --fleet-timeout)"), std::string::npos)
        << read << why(answer);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(600)) << read;
    EXPECT_GT(asked, 1) << read;
  }
  fleet.behave();
  EXPECT_TRUE(client.read({}, {}));
}

TEST(FleetClient, AnotherProgramIsToldFromFleet) {
  FakeFleet fleet;
  std::string body;
  fleet.answer_with([&](const HttpRequest& request) -> HttpReply {
    return {200, request.path.starts_with("/fleet/v1/units/") ? body : "{}"};
  });
  for (const char* answer : {"{}", R"({"ok":true})", R"({"name":"other.service"})", "[]", ""}) {
    body = answer;
    const auto read = client_of(fleet).read({"web.service"}, {});
    EXPECT_NE(why(read).find("/units/web.service"), std::string::npos) << answer;
    EXPECT_NE(why(read).find("probably not fleet's API"), std::string::npos) << answer << why(read);
  }
  fleet.answer_with([](const HttpRequest&) -> HttpReply { return {200, R"({"ok":true})"}; });
  const auto read = client_of(fleet).read({}, {});
  EXPECT_NE(why(read).find("/units: neither units nor"), std::string::npos) << why(read);
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
