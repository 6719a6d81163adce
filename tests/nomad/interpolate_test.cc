#include "nomad/interpolate.h"

#include <gtest/gtest.h>

#include <iostream>

#include "nomad/recorded.h"

namespace muster::nomad {
namespace {

Job job() {
  Job out;
  out.id = "web/periodic-17";
  out.name = "web";
  out.ns = "apps";
  out.region = "eu";
  out.parent_id = "web";
  out.group = "api";
  out.meta = {{"owner", "job"}, {"dash-key", "dashed"}, {"late", "${NOMAD_JOB_NAME} on ${node.unique.name}"}};
  out.group_meta = {{"owner", "group"}};
  out.tasks = {{"srv", "docker", {{"owner", "task"}}, {{"MODE", "on-${attr.kernel.name}"}, {"LIT", "${NOWHERE}"}}}};
  return out;
}

Allocation allocation() {
  Allocation out;
  out.id = "5229c7f8-376b-3ccc-edd9-981e238f7033";
  out.name = "web.api[3]";
  out.ns = "apps";
  out.group = "api";
  out.job = std::make_shared<const Job>(job());
  out.ports = {{"http", 24411, 8080, "10.0.0.11"}, {"my-port", 24412, 0, "fd00::11"}};
  out.networks = {{"bridge", "10.0.0.11", {{"net", 24413, 9090, ""}}}};
  out.task_networks["srv"] = {{"host", "10.0.0.12", {{"db", 5432, 0, ""}}}};
  out.network_status = NetworkStatus{"eth0", "172.26.64.5", ""};
  return out;
}

Node node() {
  Node out;
  out.id = "63eaad27";
  out.name = "n1";
  out.datacenter = "dc1";
  out.pool = "gpu";
  out.attributes = Meta{{"kernel.name", "linux"}, {"unique.consul.name", "n1.example"}};
  out.meta = {{"rack", "r1"}};
  return out;
}

struct Row {
  const char* text;
  const char* of_task;
  const char* of_group;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }

class NomadVariable : public testing::TestWithParam<Row> {};

TEST_P(NomadVariable, IsReplacedAsNomadsClientDoes) {
  const Allocation of = allocation();
  const Node on = node();
  EXPECT_EQ(Variables(of, on, "srv").replace(GetParam().text), GetParam().of_task);
  EXPECT_EQ(Variables(of, on, "").replace(GetParam().text), GetParam().of_group);
}

Row both(const char* text, const char* value) { return {text, value, value}; }
Row literal(const char* text) { return {text, text, text}; }

INSTANTIATE_TEST_SUITE_P(Identity, NomadVariable,
                         testing::Values(both("${NOMAD_ALLOC_ID}", "5229c7f8-376b-3ccc-edd9-981e238f7033"),
                                         both("${NOMAD_SHORT_ALLOC_ID}", "5229c7f8"),
                                         both("${NOMAD_ALLOC_NAME}", "web.api[3]"), both("${NOMAD_ALLOC_INDEX}", "3"),
                                         both("${NOMAD_GROUP_NAME}", "api"),
                                         Row{"${NOMAD_TASK_NAME}", "srv", "${NOMAD_TASK_NAME}"},
                                         both("${NOMAD_JOB_ID}", "web/periodic-17"), both("${NOMAD_JOB_NAME}", "web"),
                                         both("${NOMAD_JOB_PARENT_ID}", "web"), both("${NOMAD_DC}", "dc1"),
                                         both("${NOMAD_NAMESPACE}", "apps"), both("${NOMAD_REGION}", "eu")));

INSTANTIATE_TEST_SUITE_P(
    Ports, NomadVariable,
    testing::Values(both("${NOMAD_PORT_http}", "8080"), both("${NOMAD_HOST_PORT_http}", "24411"),
                    both("${NOMAD_ALLOC_PORT_http}", "8080"), both("${NOMAD_IP_http}", "10.0.0.11"),
                    both("${NOMAD_HOST_IP_http}", "10.0.0.11"), both("${NOMAD_ADDR_http}", "10.0.0.11:24411"),
                    both("${NOMAD_HOST_ADDR_http}", "10.0.0.11:24411"), both("${NOMAD_ALLOC_IP_http}", "172.26.64.5"),
                    both("${NOMAD_ALLOC_ADDR_http}", "172.26.64.5:8080"), both("${NOMAD_ALLOC_INTERFACE_http}", "eth0"),
                    both("${NOMAD_PORT_net}", "9090"), both("${NOMAD_HOST_PORT_net}", "24413"),
                    literal("${NOMAD_IP_net}"),
                    // Five families have their names cleaned, the others not.
                    both("${NOMAD_PORT_my_port}", "24412"), literal("${NOMAD_PORT_my-port}"),
                    both("${NOMAD_ADDR_my_port}", "[fd00::11]:24412"), both("${NOMAD_HOST_IP_my-port}", "fd00::11"),
                    literal("${NOMAD_HOST_IP_my_port}"), both("${NOMAD_ALLOC_PORT_my-port}", "24412"),
                    // A port of a task: by its label there, with the task's name elsewhere.
                    Row{"${NOMAD_PORT_db}", "5432", "${NOMAD_PORT_db}"},
                    Row{"${NOMAD_ADDR_db}", "10.0.0.12:5432", "${NOMAD_ADDR_db}"},
                    Row{"${NOMAD_HOST_PORT_db}", "5432", "${NOMAD_HOST_PORT_db}"},
                    Row{"${NOMAD_IP_srv_db}", "${NOMAD_IP_srv_db}", "10.0.0.12"},
                    Row{"${NOMAD_PORT_srv_db}", "${NOMAD_PORT_srv_db}", "5432"},
                    Row{"${NOMAD_ADDR_srv_db}", "${NOMAD_ADDR_srv_db}", "10.0.0.12:5432"}));

INSTANTIATE_TEST_SUITE_P(MetaAndEnv, NomadVariable,
                         testing::Values(Row{"${NOMAD_META_owner}", "task", "group"},
                                         Row{"${NOMAD_META_OWNER}", "task", "group"},
                                         both("${NOMAD_META_dash_key}", "dashed"),
                                         both("${NOMAD_META_DASH_KEY}", "dashed"), literal("${NOMAD_META_dash-key}"),
                                         both("${NOMAD_META_late}", "web on n1"), Row{"${MODE}", "on-linux", "${MODE}"},
                                         Row{"${LIT}", "${NOWHERE}", "${LIT}"}));

INSTANTIATE_TEST_SUITE_P(Node, NomadVariable,
                         testing::Values(both("${node.unique.id}", "63eaad27"), both("${node.unique.name}", "n1"),
                                         both("${node.datacenter}", "dc1"), both("${node.region}", "eu"),
                                         both("${node.class}", ""), both("${node.pool}", "gpu"),
                                         both("${attr.kernel.name}", "linux"),
                                         both("${attr.unique.consul.name}", "n1.example"), both("${meta.rack}", "r1")));

INSTANTIATE_TEST_SUITE_P(Literal, NomadVariable,
                         testing::Values(literal("${attr.none}"), literal("${meta.none}"), literal("${node.none}"),
                                         literal("${NOMAD_TOKEN}"), literal("${NOMAD_SECRETS_DIR}"), literal("${}"),
                                         literal("${"), literal("$"), literal("${a b}"), literal("$NOMAD_DC"),
                                         literal("{NOMAD_DC}"), both("a${NOMAD_DC}b${NOMAD_DC}", "adc1bdc1"),
                                         both("${${NOMAD_DC}", "${dc1"), both("$${NOMAD_DC}", "$dc1")));

TEST(NomadVariables, NamesWhatStaysOnce) {
  const Allocation of = allocation();
  const Node on = node();
  Variables variables(of, on, "");
  EXPECT_EQ(variables.replace(std::vector<std::string>{"${B}", "${A}${B}", "${NOMAD_DC}"}),
            (std::vector<std::string>{"${B}", "${A}${B}", "dc1"}));
  EXPECT_EQ(variables.take_unknown(), (std::set<std::string>{"A", "B"}));
  EXPECT_TRUE(variables.take_unknown().empty());
}

TEST(NomadVariables, ReplacesKeysAndValuesOfPairs) {
  const Allocation of = allocation();
  const Node on = node();
  EXPECT_EQ(Variables(of, on, "").replace(Meta{{"in-${NOMAD_DC}", "${node.unique.name}"}}), (Meta{{"in-dc1", "n1"}}));
}

TEST(NomadVariables, OfANodeThatNobodyHasToldOfStay) {
  const Allocation of = allocation();
  nomad::Node unknown;
  unknown.id = "63eaad27";
  Variables variables(of, unknown, "");
  EXPECT_EQ(variables.replace("${node.unique.id} ${node.datacenter} ${NOMAD_DC} ${attr.kernel.name}"),
            "63eaad27 ${node.datacenter} ${NOMAD_DC} ${attr.kernel.name}");
}

TEST(NomadVariables, AGroupsServicesSeeNoTaskWithoutAName) {
  Job odd = job();
  odd.tasks.push_back({"", "", {{"owner", "nobody"}}, {{"MODE", "nobody"}}});
  Allocation of = allocation();
  of.job = std::make_shared<const Job>(odd);
  const nomad::Node on = node();
  EXPECT_EQ(Variables(of, on, "").replace("${NOMAD_META_owner} ${MODE}"), "group ${MODE}");
}

// The judge: tags that name every variable, as the client of a real Nomad replaced them.
TEST(NomadVariables, AreWhatARealNomadMadeOfThem) {
  for (const auto& [name, rows] : {std::pair{"allocation.json", "services.json"}}) {
    const Allocation of = recorded_allocation(name);
    const nomad::Node on = recorded_node();
    std::size_t compared = 0;
    for (const NativeService& row : recorded_rows(rows)) {
      for (const ServiceBlock& block : of.job->services) {
        Variables variables(of, on, block.task);
        if (variables.replace(block.name) != row.name) continue;
        std::vector<std::string> tags = variables.replace(block.tags);
        // Only the client knows templates and directories; the last of its tags, the host's PATH, was not recorded.
        const std::set<std::string> unknown = variables.take_unknown();
        if (!block.task.empty()) {
          EXPECT_TRUE(unknown.contains("FROM_TEMPLATE") && unknown.contains("NOMAD_SECRETS_DIR"));
        }
        ASSERT_EQ(tags.size(), row.tags.size());
        for (std::size_t i = 0; i < tags.size(); ++i) {
          const bool known = tags[i].find("${FROM_TEMPLATE}") == std::string::npos &&
                             tags[i].find("${NOMAD_SECRETS_DIR}") == std::string::npos;
          if (known) {
            EXPECT_EQ(tags[i], row.tags[i]);
          }
          compared += known ? 1 : 0;
        }
      }
    }
    EXPECT_GE(compared, 45U);
  }
}

TEST(NomadVariables, APatternBecomesWhatItsVariablesAllow) {
  EXPECT_TRUE(may_become("web", "web"));
  EXPECT_FALSE(may_become("web", "web2"));
  EXPECT_TRUE(may_become("${a}-web", "blue-web"));
  EXPECT_FALSE(may_become("${a}-web", "blue-api"));
  EXPECT_TRUE(may_become("x-${a}-${b}-y", "x-1-2-y"));
  EXPECT_FALSE(may_become("x-${a}-y", "x-y")) << "the two dashes are two";
  EXPECT_FALSE(may_become("x${a}", "y"));
  EXPECT_TRUE(may_become("x${a}", "x")) << "a variable may be empty";
}

}  // namespace
}  // namespace muster::nomad
