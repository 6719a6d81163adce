#include "consul/node.h"

#include <gtest/gtest.h>

#include "muster/service.h"

namespace muster::consul {
namespace {

const Owner kOwner{"blue", "muster"};
const AgentKey kAgent{"http://10.0.0.1:8500"};

std::string entry(const std::string& node, const std::string& owner, const std::string& agent) {
  return R"({"Node":")" + node + R"(","ServiceMeta":{"muster_owner":")" + owner + R"(","muster_agent":")" + agent +
         R"("}})";
}

TEST(Node, IsTheFirstThatHoldsOurCanaryOfThisAgent) {
  const std::string body = "[" + entry("other", "blue", "http://10.0.0.2:8500") + "," +
                           entry("theirs", "green", kAgent.url) + "," + entry("n1", "blue", kAgent.url) + "," +
                           entry("n1-renamed", "blue", kAgent.url) + "]";
  EXPECT_EQ(decode_node(body, kAgent, kOwner), "n1");
}

TEST(Node, IsUnknownWhereTheAnswerSaysNothing) {
  for (const char* body : {"", "[]", "{}", "null", "[1,null,{}]", "[{\"Node\":\"n\""}) {
    EXPECT_EQ(decode_node(body, kAgent, kOwner), "") << body;
  }
}

TEST(Node, PathsEscapeNamesAndQuotes) {
  EXPECT_EQ(node_services_path("a b"), "/v1/catalog/node-services/a%20b?stale");
  EXPECT_EQ(node_checks_path("a/b"), "/v1/health/node/a%2Fb?stale");
  EXPECT_NE(find_node_path({"unix:///a\"b"}).find("%5C%22"), std::string::npos);
}

TEST(Node, HoldsAnAgentWhereItsChecksNameSerf) {
  const std::string serf = R"({"Node":"n","CheckID":"serfHealth","Status":"critical"})";
  for (const std::string& body : {"[" + serf + "]", R"([{"CheckID":"a","Definition":{}},)" + serf + "]"}) {
    EXPECT_TRUE(has_agent(body)) << body;
  }
  for (const char* body :
       {"[]", "", "null", R"([{"CheckID":"a","Name":"serfHealth"}])", R"([{"Definition":{"CheckID":"serfHealth"}}])",
        R"([{"CheckID":["x"],"Output":"serfHealth"}])", R"([{"CheckID":)"}) {
    EXPECT_FALSE(has_agent(body)) << body;
  }
}

std::string check(const std::string& id, const std::string& status, const std::string& output) {
  return R"({"Node":"n","CheckID":")" + id + R"(","Status":")" + status + R"(","Output":")" + output +
         R"(","ServiceTags":["CheckID"],"Definition":{},"ModifyIndex":7})";
}

std::uint64_t digest(const std::string& body) { return digest_checks(body, kOwner); }

// Nobody runs a TTL check: its status is what somebody said, or that its time ran out.
TEST(Node, TtlChecksOfOursDifferByTheirStatusToo) {
  const auto list = [](const std::string& id, const std::string& status, const std::string& type) {
    return R"([{"CheckID":")" + id + R"(","Status":")" + status + R"(","Definition":{"Status":"x"},"Type":")" + type +
           R"("}])";
  };
  const std::string ours = "ttl:" + kOwner.prefix + ":a.service";
  EXPECT_NE(digest(list(ours, "passing", "ttl")), digest(list(ours, "critical", "ttl")));
  EXPECT_EQ(digest(list(ours, "passing", "ttl")), digest(list(ours, "passing", "ttl")));
  EXPECT_EQ(digest(list(ours, "passing", "http")), digest(list(ours, "critical", "http")));
  EXPECT_EQ(digest(list("ttl:theirs", "passing", "ttl")), digest(list("ttl:theirs", "critical", "ttl")));
}

// One that was renamed in the catalog alone stayed so until the agent looked itself.
TEST(Node, ChecksDifferByTheirNames) {
  const auto named = [](const std::string& name) {
    return digest(R"([{"CheckID":"a","Name":")" + name + R"(","Definition":{"Name":"x"}}])");
  };
  EXPECT_NE(named("web"), named("evil"));
  EXPECT_EQ(named("web"), named("web"));
}

TEST(Node, ChecksDifferByWhichThereAreAndNotByHowTheyAre) {
  const auto good = digest("[" + check("a", "passing", "x") + "," + check("b", "passing", "x") + "]");
  EXPECT_EQ(good, digest("[" + check("a", "critical", "y") + "," + check("b", "passing", "CheckID") + "]"));
  EXPECT_NE(good, digest("[" + check("a", "passing", "x") + "]"));
  EXPECT_NE(good, digest("[" + check("a", "passing", "x") + "," + check("c", "passing", "x") + "]"));
  EXPECT_NE(good, digest("["));
}

}  // namespace
}  // namespace muster::consul
