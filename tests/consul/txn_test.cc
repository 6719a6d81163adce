#include "consul/txn.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace muster::consul {
namespace {

using nlohmann::json;

TEST(CatalogNodeDecoding, TakesNullForANodeThatIsNotThere) {
  for (const char* none : {R"({"Node":null,"Services":null})", "null", "null\n"}) {
    const auto node = decode_catalog_node(none, "[]");
    ASSERT_TRUE(node) << node.error().message;
    EXPECT_FALSE(node->exists);
  }
}

TEST(CatalogNodeDecoding, JoinsChecksAndMaintenanceToServicesAndKeepsTheNodesOwn) {
  const auto node = decode_catalog_node(
      R"({"Node":{"Address":"10.0.0.1","Meta":{"muster_owner":"o"},"ModifyIndex":7},
          "Services":[{"ID":"b","Service":"web","Port":80},{"ID":"a","Service":"web","Tags":["x"]}]})",
      R"([{"CheckID":"externalNodeHealth","ServiceID":"","Status":"passing"},
          {"CheckID":"_service_maintenance:a","ServiceID":"a","Notes":"why"},
          {"CheckID":"1","ServiceID":"b","Status":"warning","Output":"slow","ModifyIndex":9}])");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->address, "10.0.0.1");
  EXPECT_EQ(node->modify_index, 7u);
  ASSERT_EQ(node->actual.services.size(), 2u);
  EXPECT_EQ(node->actual.services[0].maintenance, "why");
  EXPECT_EQ(node->actual.services[1].checks, (std::vector<ActualCheck>{{"1", "", "", "warning", "slow"}}));
  ASSERT_EQ(node->checks.size(), 3u);
  EXPECT_EQ(node->checks[0], (CatalogCheck{"1", "b", "warning", "slow", 9}));
}

TEST(CatalogNodeDecoding, NeverGivesHalfANode) {
  const char* const node = R"({"Node":{"Address":"x"},"Services":[]})";
  for (const char* bad :
       {"", "{}", "[]", R"({"Node":{}})", R"({"Node":[],"Services":[]})", R"({"Node":{},"Services":{}})",
        R"({"Node":{},"Services":[1]})", R"({"Node":{},"Services":[{"ID":"a"}]})",
        R"({"Node":{},"Services":[{"ID":"a","Service":"w"},{"ID":"a","Service":"w"}]})",
        R"({"Node":{"ModifyIndex":-1},"Services":[]})", R"({"Node":{"Address":"x"},"Serv)"}) {
    const auto decoded = decode_catalog_node(bad, "[]");
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().fault, Fault::Retry);
  }
  for (const char* bad : {"", "null", "{}", "[1]", "[{}]", R"([{"CheckID":7}])", R"([{"CheckID":"a"})"}) {
    EXPECT_FALSE(decode_catalog_node(node, bad)) << bad;
  }
  EXPECT_TRUE(decode_catalog_node(node, "[]"));
}

TEST(LiveAgents, AreNamedAndAddressedBySerfHealthAlone) {
  const char* const nodes = R"([{"Node":"n1","Address":"10.0.0.1"},{"Node":"muster-x","Address":"10.0.0.2"}])";
  const auto agents = decode_live_agents(nodes, R"([{"Node":"n1","CheckID":"serfHealth"},
                                                    {"Node":"muster-x","CheckID":"externalNodeHealth"}])",
                                         "[]");
  ASSERT_TRUE(agents) << agents.error().message;
  EXPECT_EQ(*agents, (std::set<std::string>{"n1", "10.0.0.1"}));
  for (const char* bad : {"", "{}", "null", "[1]", R"([{"Node":1,"CheckID":"serfHealth"}])"}) {
    EXPECT_FALSE(decode_live_agents(bad, "[]", "[]")) << bad;
    EXPECT_FALSE(decode_live_agents("[]", bad, "[]")) << bad;
  }
}

// A service was written beside an agent whose serfHealth was missing for a moment: one that has just joined, or that
// somebody deregistered by hand.
TEST(LiveAgents, AreTheMembersToo) {
  const auto agents = decode_live_agents("[]", "[]", R"([{"Name":"n1","Addr":"10.0.0.1","Status":1,"Tags":{"a":"b"}},
                                                         {"Name":"n2","Addr":"10.0.0.2","Status":2},
                                                         {"Name":"n3","Addr":"10.0.0.3","Status":3},
                                                         {"Name":"n4","Addr":"10.0.0.4","Status":4}])");
  ASSERT_TRUE(agents) << agents.error().message;
  EXPECT_EQ(*agents, (std::set<std::string>{"n1", "10.0.0.1", "n2", "10.0.0.2"}));
  for (const char* bad : {"", "{}", "null", "[1]", R"([{"Name":1}])", R"([{"Name":"a","Status":"1"}])"}) {
    EXPECT_FALSE(decode_live_agents("[]", "[]", bad)) << bad;
  }
}

TEST(Txn, NeverSplitsAStepAndNeverExceedsTheLimits) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < 100; ++i) steps.push_back({i, std::vector<std::string>(1 + i % 5, "{}")});
  steps.push_back({100, {std::string(300'000, 'x')}});
  steps.push_back({101, {std::string(300'000, 'x')}});
  const std::vector<std::string> head{"{}", "{}"};
  for (std::size_t next = 0; next < steps.size();) {
    const std::size_t end = fill(steps, next, head);
    ASSERT_GT(end, next);
    std::size_t operations = head.size();
    for (std::size_t i = next; i < end; ++i) operations += steps[i].operations.size();
    EXPECT_LE(operations, kTxnOperations);
    EXPECT_LE(encode_txn(head, steps, next, end).size(), kTxnBytes);
    next = end;
  }
  EXPECT_FALSE(fits({0, std::vector<std::string>(kTxnOperations - 1, "{}")}));
  EXPECT_FALSE(fits({0, {std::string(kTxnBytes, 'x')}}));
}

TEST(Txn, NeverDeletesWithoutAnIdOrWhatTheNodeDoesNotHold) {
  CatalogNode node;
  node.exists = true;
  Action action;
  action.verb = Verb::Deregister;
  EXPECT_FALSE(encode_action("n", action, node)) << "an empty id would mean the whole node";
  action.service.id = "gone";
  EXPECT_EQ(encode_action("n", action, node).value(), std::vector<std::string>());
  node.checks = {{"theirs", "other", "passing", "", 1}};
  action.verb = Verb::DeregisterCheck;
  action.check_id = "theirs";
  EXPECT_EQ(encode_action("n", action, node).value(), std::vector<std::string>()) << "of another service";
  action.verb = Verb::Update;
  action.service.name = "web";
  action.service.checks.resize(1);
  action.service.checks[0].id = "theirs";
  EXPECT_EQ(encode_action("n", action, node).error().fault, Fault::Item);
}

TEST(Txn, KeepsForeignNodeMetaAndItsOwnMarks) {
  CatalogNode before;
  before.meta = {{"rack", "7"}, {"external-probe", "false"}};
  before.modify_index = 12;
  const json body = json::parse(set_node("n", "10.0.0.1", "o", before))["Node"];
  EXPECT_EQ(body["Verb"], "cas");
  EXPECT_EQ(body["Node"]["ModifyIndex"], 12);
  EXPECT_EQ(body["Node"]["Meta"],
            (json{{"rack", "7"}, {"external-node", "true"}, {"external-probe", "true"}, {kMetaOwner, "o"}}));
}

TEST(Txn, ReadsWhyItWasRolledBack) {
  EXPECT_EQ(decode_txn_errors(R"({"Results":null,"Errors":[{"OpIndex":2,"What":"Permission denied"}]})"),
            (std::vector<TxnError>{{2, "Permission denied"}}));
  for (const char* bad : {"", "x", "[]", "{}", R"({"Errors":null})", R"({"Errors":[1]})", R"({"Errors":[{}]})",
                          R"({"Errors":[{"OpIndex":-1}]})"}) {
    EXPECT_TRUE(decode_txn_errors(bad).empty()) << bad;
  }
}

}  // namespace
}  // namespace muster::consul
