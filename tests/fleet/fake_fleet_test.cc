// The fake answers as a real two-machine fleet did (tests/data/fleet).
#include "fakes/fake_fleet.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "net/http.h"

namespace muster::fakes {
namespace {

using Json = nlohmann::json;

Json recorded(const std::string& name) {
  std::ifstream file(std::string(MUSTER_SOURCE_DIR) + "/tests/data/fleet/" + name);
  return Json::parse(file);
}

net::Response get(const FakeFleet& fleet, const std::string& path) {
  net::HttpClient client({});
  const auto answer = client.send({.base = fleet.url(), .path = "/fleet/v1" + path}, {});
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
  return answer.value_or(net::Response{});
}

Json body(const FakeFleet& fleet, const std::string& path) { return Json::parse(get(fleet, path).body); }

// The recorded cluster, put into the fake.
void rebuild(FakeFleet& fleet) {
  const Json machines = recorded("machines.json"), units = recorded("units.json"), states = recorded("state.json");
  fleet.edit([&](FleetCluster& cluster) {
    for (const Json& each : machines["machines"]) {
      cluster.machines[each["id"]] = {each["primaryIP"], each["metadata"]};
    }
    for (const Json& each : units["units"]) {
      FleetUnit unit{each["desiredState"], each["currentState"], each.value("machineID", ""), {}, false};
      for (const Json& option : each["options"]) {
        unit.options.push_back({option["section"], option["name"], option["value"]});
        unit.global = unit.global || (option["section"] == "X-Fleet" && option["name"] == "Global");
      }
      cluster.units[each["name"]] = unit;
    }
    for (const Json& each : states["states"]) {
      cluster.states[{each["name"], each["machineID"]}] = {each["systemdActiveState"], each["systemdSubState"],
                                                           each["systemdLoadState"], each["hash"]};
    }
  });
}

TEST(FakeFleet, AnswersWhatTheRealOneAnswered) {
  FakeFleet fleet;
  rebuild(fleet);
  EXPECT_EQ(body(fleet, "/machines"), recorded("machines.json"));
  EXPECT_EQ(body(fleet, "/units"), recorded("units.json"));
  EXPECT_EQ(body(fleet, "/state"), recorded("state.json"));
}

TEST(FakeFleet, AnEmptyListHasNoKey) {
  const FakeFleet fleet;
  for (const char* path : {"/machines", "/units", "/state"}) EXPECT_EQ(get(fleet, path).body, "{}");
}

TEST(FakeFleet, PagesAsTheRealOneDid) {
  FakeFleet fleet;
  for (int i = 0; i < 136; ++i) fleet.start("u" + std::to_string(1000 + i) + ".service", "m", {});
  const Json first = body(fleet, "/units");
  EXPECT_EQ(first["units"].size(), 100U);
  EXPECT_EQ(first["nextPageToken"], "ZAACAA==");
  const Json second = body(fleet, "/units?nextPageToken=ZAACAA%3D%3D");
  EXPECT_EQ(second["units"].size(), 36U);
  EXPECT_FALSE(second.contains("nextPageToken"));
}

TEST(FakeFleet, ErrorsReadAsTheRealOnes) {
  FakeFleet fleet;
  EXPECT_EQ(get(fleet, "/units?nextPageToken=A").status, 400);
  EXPECT_EQ(body(fleet, "/units?nextPageToken=A"),
            Json::parse(R"({"error":{"code":400,"message":"illegal base64 data at input byte 0"}})"));
  EXPECT_EQ(body(fleet, "/units?nextPageToken=YwACAA%3D%3D"),
            Json::parse(R"({"error":{"code":400,"message":"token limit must be 100"}})"));
  for (const char* path : {"/nothing", "/units/", "/machines/m"}) {
    EXPECT_EQ(get(fleet, path).status, 404);
    EXPECT_EQ(body(fleet, path), Json::parse(R"({"error":{"code":404,"message":""}})"));
  }
  EXPECT_EQ(body(fleet, "/units/none.service"),
            Json::parse(R"({"error":{"code":404,"message":"unit does not exist"}})"));
  fleet.etcd_down(true);
  EXPECT_EQ(get(fleet, "/state").status, 500);
  EXPECT_EQ(body(fleet, "/state"), Json::parse(R"({"error":{"code":500,"message":""}})"));
  fleet.etcd_long_down(true);
  EXPECT_EQ(get(fleet, "/state").status, 503);
  EXPECT_EQ(body(fleet, "/state"),
            Json::parse(R"({"error":{"code":503,"message":"fleet server unable to communicate with etcd"}})"));
}

// A real one promises a page more when the last is full.
TEST(FakeFleet, AfterAFullLastPageComesAnEmptyOne) {
  FakeFleet fleet;
  for (int i = 0; i < 100; ++i) fleet.start("u" + std::to_string(1000 + i) + ".service", "m", {});
  EXPECT_EQ(body(fleet, "/units")["nextPageToken"], "ZAACAA==");
  EXPECT_EQ(get(fleet, "/units?nextPageToken=ZAACAA%3D%3D").body, "{}");
}

TEST(FakeFleet, ADestroyedUnitIsToldOfUntilItHasStopped) {
  FakeFleet fleet;
  fleet.start("web.service", "m", {});
  fleet.destroy("web.service");
  EXPECT_EQ(get(fleet, "/units").body, "{}");
  EXPECT_EQ(body(fleet, "/state")["states"].size(), 1U);
  EXPECT_EQ(get(fleet, "/state").body, "{}");
}

TEST(FakeFleet, AnOptionWithoutAValueHasNone) {
  FakeFleet fleet;
  fleet.start("web.service", "m", {{"Port", ""}});
  EXPECT_EQ(body(fleet, "/units/web.service")["options"][1], Json::parse(R"({"section":"X-Consul","name":"Port"})"));
}

TEST(FakeFleet, AGlobalUnitAloneHasNoCurrentState) {
  FakeFleet fleet;
  rebuild(fleet);
  EXPECT_FALSE(body(fleet, "/units/bad.service").contains("currentState"));
  EXPECT_EQ(body(fleet, "/units/foo.service"), recorded("units.json")["units"][1]);
}

}  // namespace
}  // namespace muster::fakes
