#include "consul/identity.h"

#include <gtest/gtest.h>

#include "consul/search.h"

namespace muster::consul {
namespace {

const Self kSelf{"c1", "id-1", "10.0.0.1", 1};

std::string kinds(const std::vector<Remark>& remarks) {
  std::string out;
  for (const Remark& each : remarks) out += std::string(to_string(each.kind)) + " ";
  return out;
}

TEST(Identity, TheAgentOfTheHostWithTheCatalogsNodeIdIsRight) {
  EXPECT_EQ(kinds(judge_identity("http://10.0.0.1:8500", kSelf, "id-1")), "");
}

TEST(Identity, AnAgentThatLeavesIsToldByItsOwnMembership) {
  const auto leaving = [](const std::string& status) {
    const auto self = decode_self(R"({"Config":{"NodeName":"c1"},"Member":{"Status":)" + status + "}}");
    return self && is_leaving(*self);
  };
  EXPECT_FALSE(leaving("1"));
  EXPECT_TRUE(leaving("2"));
  EXPECT_TRUE(leaving("3"));
  for (const char* untold : {"0", "null", "\"2\"", "{}"}) EXPECT_FALSE(leaving(untold)) << untold;
  EXPECT_TRUE(decode_self(R"({"Config":{"NodeName":"c1"},"Member":7})"));
}

TEST(Identity, AnotherHostsAgentIsNamed) {
  const auto remarks = judge_identity("http://10.0.0.2:8500", kSelf, "id-1");
  ASSERT_EQ(kinds(remarks), "wrong_agent ");
  EXPECT_EQ(remarks.front().text, "http://10.0.0.2:8500 answers as node c1 of 10.0.0.1");
}

TEST(Identity, AUrlThatNamesNoHostByAddressFitsAnyAgent) {
  for (const char* url : {"http://127.0.0.1:8500", "http://[::1]:8500", "unix:///run/consul.sock", "https://c1:8501"}) {
    EXPECT_EQ(kinds(judge_identity(url, kSelf, "id-1")), "") << url;
  }
}

TEST(Identity, AnAgentThatCameBackWithANewIdIsNamedWithTheRemedy) {
  const auto remarks = judge_identity("http://10.0.0.1:8500", kSelf, "id-0");
  ASSERT_EQ(kinds(remarks), "node_refused ");
  EXPECT_NE(remarks.front().text.find("deregister the node from the catalog"), std::string::npos);
}

TEST(Identity, ANodeThatTheCatalogDoesNotKnowYetIsNotRefused) {
  EXPECT_EQ(kinds(judge_identity("http://10.0.0.1:8500", kSelf, "")), "");
}

TEST(Identity, SelfIsReadFromConsulsAnswer) {
  const auto self =
      decode_self(R"({"Config":{"NodeName":"c1","NodeID":"id-1"},"Member":{"Addr":"10.0.0.1","Status":1}})");
  ASSERT_TRUE(self);
  EXPECT_EQ(*self, kSelf);
  for (const char* body : {"", "[]", "{}", R"({"Config":7})", R"({"Config":{"NodeName":null}})"}) {
    EXPECT_FALSE(decode_self(body)) << body;
  }
  EXPECT_EQ(decode_node_id(R"({"Node":{"ID":"id-1"}})"), "id-1");
  EXPECT_EQ(decode_node_id("null"), "");
  EXPECT_EQ(decode_node_id("half"), "");
}

TEST(Search, OnlyCanariesOfThisOwnerThatNameTheirAgentAreFound) {
  const auto found = decode_canaries(R"([
    {"Node":"c1","Address":"10.0.0.1","ID":"id-1","ServiceMeta":{"muster_owner":"o","muster_agent":"http://10.0.0.1:8500"}},
    {"Node":"c2","ServiceMeta":{"muster_owner":"other","muster_agent":"http://10.0.0.2:8500"}},
    {"Node":"c3","ServiceMeta":{"muster_owner":"o"}}, {"ServiceMeta":7}, 7, null])",
                                     "o");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, (std::vector<Found>{{{"http://10.0.0.1:8500"}, "c1", "10.0.0.1", "id-1"}}));
  EXPECT_FALSE(decode_canaries("{}", "o"));
}

}  // namespace
}  // namespace muster::consul
