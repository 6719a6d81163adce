#include "consul/decode.h"

#include <gtest/gtest.h>

#include "fakes/fake_consul.h"

namespace muster::consul {
namespace {

// As a Consul 1.8.7 agent answered.
constexpr char kServices[] = R"({
  "muster:b": {"ID":"muster:b","Service":"web","Tags":["v1","\u00e9"],"Meta":{"muster_owner":"prod","a":"x\"y"},
    "Port":31001,"Address":"10.0.0.1",
    "TaggedAddresses":{"lan":{"Address":"10.0.0.2"},"wan_ipv4":{"Address":"10.0.0.1","Port":31001}},
    "Weights":{"Passing":3,"Warning":2},"EnableTagOverride":true},
  "a": {"ID":"a","Service":"db","Tags":[],"Meta":{},"Port":0,"Address":"",
    "Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false}
})";
constexpr char kChecks[] = R"({
  "service:muster:b:2": {"Node":"n1","CheckID":"service:muster:b:2","Name":"c","Status":"passing","Notes":"",
    "Output":"HTTP GET: 200 OK","ServiceID":"muster:b","ServiceName":"web","ServiceTags":["v1"],"Type":"http",
    "Definition":{}},
  "service:muster:b:1": {"CheckID":"service:muster:b:1","Name":"c","Notes":"","Output":"kept","ServiceID":"muster:b"},
  "_service_maintenance:muster:b": {"CheckID":"_service_maintenance:muster:b","Name":"Service Maintenance Mode",
    "Status":"critical","Notes":"disk swap","ServiceID":"muster:b"},
  "node-check": {"CheckID":"node-check","Name":"n","ServiceID":""},
  "later": {"CheckID":"later","Name":"n","ServiceID":"registered-after-the-first-list"}
})";

TEST(DecodeActual, ReadsServicesWithTheirChecksAndMaintenance) {
  const auto actual = decode_actual(kServices, kChecks);
  ASSERT_TRUE(actual) << actual.error().message;
  ASSERT_EQ(actual->services.size(), 2u);
  const ActualService& a = actual->services[0];
  EXPECT_EQ(a.id, "a");
  EXPECT_EQ(
      a,
      (ActualService{
          .id = "a", .name = "db", .tags = {}, .address = "", .port = 0, .meta = {}, .checks = {}, .maintenance = {}}));
  const ActualService& b = actual->services[1];
  EXPECT_EQ(b.id, "muster:b");
  EXPECT_EQ(b.name, "web");
  EXPECT_EQ(b.tags, (std::vector<std::string>{"v1", "\xc3\xa9"}));
  EXPECT_EQ(b.address, "10.0.0.1");
  EXPECT_EQ(b.port, 31001);
  EXPECT_EQ(b.meta, (Meta{{"muster_owner", "prod"}, {"a", "x\"y"}}));
  EXPECT_EQ(b.weight_passing, 3);
  EXPECT_EQ(b.weight_warning, 2);
  EXPECT_TRUE(b.enable_tag_override);
  EXPECT_EQ(b.checks, (std::vector<ActualCheck>{{"service:muster:b:1", "", "c", "", "kept"},
                                                {"service:muster:b:2", "http", "c", "passing", ""}}));
  EXPECT_EQ(b.tagged_addresses, (TaggedAddresses{{"lan", {"10.0.0.2", 0}}, {"wan_ipv4", {"10.0.0.1", 31001}}}));
  EXPECT_EQ(b.maintenance, "disk swap");
}

TEST(DecodeActual, TakesNullForEmptyAndAPortOutsideOfTheRange) {
  const auto actual = decode_actual(
      R"({"x":{"ID":"x","Service":"s","Tags":null,"Meta":null,"Port":70000,"Weights":null,"New":{"Field":[1]}}})",
      "{}");
  ASSERT_TRUE(actual) << actual.error().message;
  EXPECT_EQ(actual->services.at(0).port, 70000);
  EXPECT_EQ(actual->services.at(0).weight_passing, 1);
}

TEST(DecodeActual, NeverYieldsHalfAnAnswer) {
  const std::string services = kServices;
  const std::string checks = kChecks;
  for (std::size_t cut = 0; cut + 1 < services.size(); ++cut) {
    EXPECT_FALSE(decode_actual(services.substr(0, cut), "{}")) << cut;
  }
  for (std::size_t cut = 0; cut + 1 < checks.size(); ++cut) {
    EXPECT_FALSE(decode_actual(services, checks.substr(0, cut))) << cut;
  }
}

struct Malformed {
  const char* services;
  const char* checks;
  const char* said;
};

TEST(DecodeActual, NamesWhatIsWrong) {
  const Malformed cases[] = {
      {"", "{}", "/v1/agent/services: not JSON"},
      {"null", "{}", "/v1/agent/services: not a JSON object"},
      {"[]", "{}", "not a JSON object"},
      {"{} x", "{}", "not JSON"},
      {"<html>", "{}", "not JSON"},
      {R"({"a":1})", "{}", "entry a: not an object"},
      {R"({"a":{"Service":"s"}})", "{}", "ID is missing"},
      {R"({"a":{"ID":"a"}})", "{}", "Service is missing"},
      {R"({"a":{"ID":"a","Service":7}})", "{}", "Service is not a string"},
      {R"({"a":{"ID":"a","Service":"s","Port":"80"}})", "{}", "Port is not a whole number"},
      {R"({"a":{"ID":"a","Service":"s","Port":1.5}})", "{}", "Port is not a whole number"},
      {R"({"a":{"ID":"a","Service":"s","Port":99999999999}})", "{}", "Port is not a whole number"},
      {R"({"a":{"ID":"a","Service":"s","Tags":"t"}})", "{}", "Tags is not a list"},
      {R"({"a":{"ID":"a","Service":"s","Tags":[1]}})", "{}", "Tags holds"},
      {R"({"a":{"ID":"a","Service":"s","Meta":{"k":1}}})", "{}", "Meta holds"},
      {R"({"a":{"ID":"a","Service":"s","EnableTagOverride":"no"}})", "{}", "EnableTagOverride is not a boolean"},
      {R"({"a":{"ID":"a","Service":"s"},"b":{"ID":"a","Service":"s"}})", "{}", "entry a: stands there twice"},
      {"{}", "", "/v1/agent/checks: not JSON"},
      {"{}", R"({"c":{"ServiceID":"a"}})", "CheckID is missing"},
      {"{}", R"({"c":{"CheckID":"c","ServiceID":[]}})", "ServiceID is not a string"},
  };
  for (const Malformed& c : cases) {
    const auto actual = decode_actual(c.services, c.checks);
    ASSERT_FALSE(actual) << c.services << c.checks;
    EXPECT_EQ(actual.error().fault, Fault::Retry);
    EXPECT_NE(actual.error().message.find(c.said), std::string::npos) << actual.error().message;
  }
}

TEST(DecodeActual, SurvivesAnAnswerNestedAMillionDeep) {
  EXPECT_FALSE(decode_actual(std::string(1'000'000, '['), "{}"));
  const std::string deep =
      R"({"a":{"ID":"a","Service":"s","X":)" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}}";
  EXPECT_TRUE(decode_actual(deep, "{}"));
}

TEST(DecodeActual, RefusesAZeroByteBehindAWholeDocument) { EXPECT_FALSE(decode_actual(std::string("{}\0", 3), "{}")); }

TEST(DecodeActual, KnowsAMaintenanceCheckOnlyByItsOwnService) {
  const auto actual = decode_actual(R"({"a":{"ID":"a","Service":"s"},"b":{"ID":"b","Service":"s"}})",
                                    R"({"x":{"CheckID":"_service_maintenance:a","ServiceID":"b","Notes":"n"}})");
  ASSERT_TRUE(actual);
  EXPECT_FALSE(actual->services.at(0).maintenance);
  EXPECT_FALSE(actual->services.at(1).maintenance);
}

}  // namespace
}  // namespace muster::consul
