#include "nomad/decode.h"

#include <gtest/gtest.h>

#include <sstream>

#include "nomad/recorded.h"

namespace muster::nomad {
namespace {

// A whole allocation with some of its members replaced or added.
std::string allocation(const std::string& members, const std::string& id = "a1") {
  return R"({"ID":")" + id + R"(","ClientStatus":"running","DesiredStatus":"run")" + (members.empty() ? "" : ",") +
         members + "}";
}

Allocations list(const std::string& json, const DecodeLimits& limits = {}) {
  JobPool pool;
  const Result<Allocations> read = decode_allocations(json, pool, limits);
  EXPECT_TRUE(read) << read.error().message;
  return read.value_or(Allocations{});
}

TEST(NomadDecode, ReadsARecordedAllocation) {
  const Allocation read = recorded_allocation("allocation.json");
  EXPECT_EQ(read.name, "web.api[0]");
  EXPECT_EQ(read.ns, "default");
  EXPECT_EQ(read.job_id, "web");
  EXPECT_EQ(read.group, "api");
  EXPECT_EQ(phase_of(read), Phase::Running);
  ASSERT_EQ(read.ports.size(), 2U);
  EXPECT_EQ(read.ports[1].label, "my-admin");
  EXPECT_EQ(read.ports[1].to, 9000);
  EXPECT_EQ(read.ports[1].host_ip, "127.0.0.1");
  ASSERT_EQ(read.networks.size(), 1U);
  EXPECT_EQ(read.networks[0].ports.size(), 2U);
  EXPECT_EQ(read.task_states.at("srv").state, "running");
  EXPECT_TRUE(read.task_states.at("srv").started);
  EXPECT_TRUE(read.problems.empty());
  ASSERT_NE(read.job, nullptr);
  EXPECT_EQ(read.job->region, "global");
  EXPECT_EQ(read.job_version, read.job->version);
  ASSERT_EQ(read.job->services.size(), 6U);
  EXPECT_EQ(read.job->services[0].name, "web-api");
  EXPECT_EQ(read.job->services[0].provider, "nomad");
  ASSERT_EQ(read.job->services[0].checks.size(), 1U);
  EXPECT_EQ(read.job->services[0].checks[0].interval, 10'000'000'000);
  EXPECT_EQ(read.job->services[0].checks[0].header.size(), 2U);
  EXPECT_EQ(read.job->services[5].task, "srv");
  EXPECT_TRUE(read.job->problems.empty());
}

TEST(NomadDecode, ReadsTheListOfANodeWithJobsAndTheListOfAClusterWithout) {
  const Allocations full = list(recorded("node_allocations.json"));
  ASSERT_EQ(full.items.size(), 2U);
  EXPECT_TRUE(full.whole);
  EXPECT_NE(full.items[0].job, nullptr);
  const Allocations stubs = list(recorded("allocations.json"));
  ASSERT_EQ(stubs.items.size(), 2U);
  EXPECT_EQ(stubs.items[0].job, nullptr);
  EXPECT_EQ(stubs.items[0].job_version, 0U);
  EXPECT_TRUE(stubs.items[0].resources_known);
  EXPECT_EQ(stubs.items[0].node_name, "lab");
}

TEST(NomadDecode, ReadsNodesAndTheirStubs) {
  const Node node = recorded_node();
  EXPECT_EQ(node.name, "lab");
  EXPECT_EQ(node.address, "127.0.0.1");
  EXPECT_EQ(attribute(node, "kernel.name"), "linux");
  EXPECT_EQ(node.meta.at("rack"), "r1");
  const Nodes stubs = decode_nodes(recorded("nodes.json")).value();
  ASSERT_EQ(stubs.items.size(), 1U);
  EXPECT_EQ(stubs.items[0].id, node.id);
  EXPECT_EQ(stubs.items[0].address, "127.0.0.1");
  EXPECT_FALSE(stubs.items[0].attributes);
}

TEST(NomadDecode, ReadsNativeServices) {
  const NativeServices rows = decode_services(recorded("services.json")).value();
  ASSERT_EQ(rows.items.size(), 6U);
  EXPECT_EQ(rows.items[0].name, "web-api");
  EXPECT_EQ(rows.items[0].tags[1], "dc-dc1");
  const auto names = decode_service_names(recorded("service_names.json")).value();
  ASSERT_EQ(names.size(), 6U);
  EXPECT_EQ(names[0].ns, "default");
}

TEST(NomadDecode, ReadsARecordedStream) {
  JobPool pool;
  std::istringstream lines(recorded("events.ndjson"));
  std::size_t allocations = 0, services = 0, nodes = 0, draining = 0;
  for (std::string line; std::getline(lines, line);) {
    const EventBatch batch = decode_events(line, pool).value();
    EXPECT_TRUE(batch.rejections.empty());
    EXPECT_EQ(batch.events.empty(), batch.index == 0) << "only the heartbeat has neither";
    for (const Event& event : batch.events) {
      EXPECT_EQ(event.index, batch.index);
      const auto* allocation = std::get_if<Allocation>(&event.payload);
      allocations += allocation != nullptr ? 1 : 0;
      draining += allocation != nullptr && allocation->migrate ? 1 : 0;
      services += std::holds_alternative<NativeService>(event.payload) ? 1 : 0;
      nodes += std::holds_alternative<Node>(event.payload) ? 1 : 0;
      if (allocation != nullptr) {
        EXPECT_EQ(allocation->job, nullptr);
      }
    }
  }
  EXPECT_EQ(allocations, 8U);
  EXPECT_EQ(draining, 3U);
  EXPECT_EQ(services, 7U);
  EXPECT_GE(nodes, 1U);
}

TEST(NomadDecode, SharesOneJobBetweenEqualAllocations) {
  const std::string one = recorded("allocation.json");
  std::string other = one;
  const std::string id = recorded_allocation("allocation.json").id;
  for (std::size_t at = other.find(id); at != std::string::npos; at = other.find(id, at)) {
    other.replace(at, id.size(), "00000000-b3c5-32a1-6415-9c888ec51f0b");
  }
  const Allocations both = list("[" + one + "," + other + "]");
  ASSERT_EQ(both.items.size(), 2U);
  EXPECT_EQ(both.items[0].job, both.items[1].job);
}

TEST(NomadDecode, AJobOfTheSameVersionWithOtherServicesIsAnother) {
  JobPool pool;
  Job job;
  job.id = "web";
  const auto first = pool.share(job);
  EXPECT_EQ(pool.share(job), first);
  job.services.push_back({});
  EXPECT_NE(pool.share(job), first) << "purged and run anew, a job begins with version 0 again";
  pool.sweep();
  EXPECT_EQ(pool.size(), 1U) << "of the second nobody holds anything";
}

TEST(NomadDecode, KeepsTheEnvironmentOnlyWhereAServiceNamesAVariable) {
  const std::string task = R"("Tasks":[{"Name":"t","Env":{"BIG":"value"},"Services":[{"Name":"NAME"}]}])";
  const auto env_with = [&](const std::string& name) {
    std::string tasks = task;
    tasks.replace(tasks.find("NAME"), 4, name);
    return list("[" + allocation(R"("TaskGroup":"g","Job":{"ID":"j","TaskGroups":[{"Name":"g",)" + tasks + "}]}") + "]")
        .items.at(0)
        .job->tasks.at(0)
        .env;
  };
  EXPECT_EQ(env_with("${BIG}-web").size(), 1U);
  EXPECT_TRUE(env_with("web").empty());
}

TEST(NomadDecode, NullsAndAbsentFieldsAreEmpty) {
  const Allocations read = list("[" +
                                allocation(R"("Job":null,"AllocatedResources":{"Shared":{"Networks":null,"Ports":)"
                                           R"(null},"Tasks":{"t":{"Networks":null}}},"NetworkStatus":null,)"
                                           R"("DeploymentStatus":null,"TaskStates":null,"DesiredTransition":null)") +
                                "," + allocation("", "a2") + "]");
  ASSERT_EQ(read.items.size(), 2U);
  EXPECT_TRUE(read.rejections.empty());
  EXPECT_TRUE(read.items[0].problems.empty());
  EXPECT_EQ(read.items[0].job, nullptr);
  EXPECT_TRUE(read.items[0].task_states_known);
  EXPECT_TRUE(read.items[0].resources_known);
  EXPECT_FALSE(read.items[1].task_states_known);
  EXPECT_FALSE(read.items[1].resources_known);
}

struct BadItem {
  const char* name;
  std::string item;
  std::string id;  // that is told of it; empty: none, so that the list is not whole
};

class NomadBadAllocation : public testing::TestWithParam<BadItem> {};

TEST_P(NomadBadAllocation, CostsOnlyItself) {
  const Allocations read =
      list("[" + allocation("", "before") + "," + GetParam().item + "," + allocation("", "after") + "]");
  ASSERT_EQ(read.items.size(), 2U);
  EXPECT_EQ(read.items[1].id, "after");
  EXPECT_EQ(read.rejections.size(), 1U);
  EXPECT_EQ(read.whole, !GetParam().id.empty());
  if (!GetParam().id.empty()) {
    EXPECT_EQ(read.unreadable, std::vector<std::string>{GetParam().id});
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, NomadBadAllocation,
    testing::Values(BadItem{"Null", "null", ""}, BadItem{"Number", "17", ""}, BadItem{"List", "[[]]", ""},
                    BadItem{"Empty", "{}", ""}, BadItem{"IdOfAnotherType", R"({"ID":17})", ""},
                    BadItem{"NoStatus", R"({"ID":"bad"})", "bad"},
                    BadItem{"StatusOfAnotherType", R"({"ID":"bad","DesiredStatus":"run","ClientStatus":7})", "bad"},
                    BadItem{"JobOfAnotherType", allocation(R"("Job":"web")", "bad"), "bad"},
                    BadItem{"ResourcesOfAnotherType", allocation(R"("AllocatedResources":[])", "bad"), "bad"},
                    BadItem{"TaskStatesOfAnotherType", allocation(R"("TaskStates":["running"])", "bad"), "bad"},
                    BadItem{"TaskStateOfAnotherType", allocation(R"("TaskStates":{"t":"running"})", "bad"), "bad"},
                    BadItem{"HealthOfAnotherType", allocation(R"("DeploymentStatus":{"Healthy":"yes"})", "bad"), "bad"},
                    BadItem{"BrokenInside", R"({"A":{"ID":"no"},"ID":"bad","Name":tru})", "bad"},
                    BadItem{"NotUtf8", "{\"ID\":\"bad\",\"Name\":\"\xff\"}", "bad"}),
    [](const auto& each) { return each.param.name; });

TEST(NomadDecode, AnAllocationOverTheLimitCostsOnlyItself) {
  DecodeLimits limits;
  limits.item = 200;
  const std::string big = allocation(R"("Job":{"Payload":")" + std::string(1000, 'x') + "\"}", "big");
  const Allocations read = list("[" + allocation("") + "," + big + "]", limits);
  EXPECT_EQ(read.items.size(), 1U);
  EXPECT_EQ(read.unreadable, std::vector<std::string>{"big"});
  EXPECT_TRUE(read.whole);
}

TEST(NomadDecode, AJobOfTenMegabytesIsReadAndLittleOfItKept) {
  const std::string big =
      allocation(R"("TaskGroup":"g","Job":{"ID":"j","TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Templates":[")" +
                 std::string(10u << 20, 'x') + R"("]}]}]})");
  const Allocations read = list("[" + big + "]");
  ASSERT_EQ(read.items.size(), 1U);
  ASSERT_NE(read.items[0].job, nullptr);
  EXPECT_EQ(read.items[0].job->tasks.at(0).name, "t");
}

TEST(NomadDecode, DepthCostsNoStack) {
  const std::string deep(200'000, '[');
  const Allocations read = list("[" + allocation("\"X\":" + deep + std::string(deep.size(), ']')) + "]");
  EXPECT_EQ(read.items.size(), 1U);
}

class NomadNoList : public testing::TestWithParam<std::string> {};

TEST_P(NomadNoList, IsAnErrorThatKeepsTheLastState) {
  JobPool pool;
  const Result<Allocations> read = decode_allocations(GetParam(), pool);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::Keep);
}

INSTANTIATE_TEST_SUITE_P(All, NomadNoList,
                         testing::Values("", " ", "{}", "Permission denied", "nul", "nullx", "[", "[{\"ID\":\"a\"}",
                                         "[{}", "[{},]", "[,{}]", "[]]", "[\"a", "[}]", "[{\"ID\":]", "[{\"ID\":]}]",
                                         "[{}] trailing"));

TEST(NomadDecode, NullIsAnEmptyList) { EXPECT_TRUE(list(" null\n").items.empty()); }

TEST(NomadDecode, BadPartsOfAGoodAllocationAreLeftOutAndNamed) {
  const Allocations read = list(
      "[" +
      allocation(
          R"("TaskGroup":"g","AllocatedResources":{"Shared":{"Ports":[7,{"Label":"ok","Value":80},)"
          R"({"Label":"far","Value":99999999999}]}},"Job":{"ID":"j","TaskGroups":[{"Name":"g","Services":[17,)"
          R"({"Name":"web","Provider":"nomad","Tags":["a",5],"Weights":{"Passing":"x"},"Checks":[{"Interval":"10s"}]},)"
          R"({"Name":5}]}]})") +
      "]");
  ASSERT_EQ(read.items.size(), 1U);
  const Allocation& one = read.items[0];
  ASSERT_EQ(one.ports.size(), 1U);
  EXPECT_EQ(one.ports[0].label, "ok");
  EXPECT_EQ(one.problems.size(), 2U);
  ASSERT_NE(one.job, nullptr);
  ASSERT_EQ(one.job->services.size(), 1U);
  EXPECT_EQ(one.job->services[0].tags, std::vector<std::string>{"a"});
  EXPECT_FALSE(one.job->services[0].weights);
  EXPECT_TRUE(one.job->services[0].checks.empty());
  EXPECT_EQ(one.job->services[0].problems.size(), 3U);
  EXPECT_EQ(one.job->problems.size(), 2U);
}

TEST(NomadDecode, AnEventWhosePayloadCannotBeReadIsStillAnEvent) {
  JobPool pool;
  const EventBatch batch =
      decode_events(R"({"Index":7,"Events":[{"Topic":"Allocation","Key":"a1","Payload":{"Allocation":{"ID":5}}},)"
                    R"({"Topic":"Job","Key":"web","Payload":{"Job":{}}},5]})",
                    pool)
          .value();
  ASSERT_EQ(batch.events.size(), 3U);
  EXPECT_EQ(batch.events[0].key, "a1");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(batch.events[0].payload));
  EXPECT_EQ(batch.rejections.size(), 1U);
  EXPECT_FALSE(decode_events("event dropped from buffer", pool));
}

TEST(NomadDecode, AnAddressOfANodeMayBeOfEitherFamily) {
  const auto address = [](const std::string& text) {
    return decode_node(R"({"ID":"n","HTTPAddr":")" + text + "\"}").value().address;
  };
  EXPECT_EQ(address("10.0.0.1:4646"), "10.0.0.1");
  EXPECT_EQ(address("[fd00::1]:4646"), "fd00::1");
  EXPECT_EQ(address("fd00::1"), "fd00::1");
  EXPECT_EQ(address("node.example"), "node.example");
}

struct Life {
  const char* desired;
  const char* client;
  bool migrate;
  bool started;
  Phase phase;
};

TEST(NomadDecode, TellsWhereAnAllocationIsInItsLife) {
  for (const Life& life :
       {Life{"run", "pending", false, false, Phase::Pending}, Life{"run", "running", false, true, Phase::Running},
        Life{"run", "pending", false, true, Phase::Running}, Life{"stop", "running", false, true, Phase::Stopping},
        Life{"evict", "running", false, true, Phase::Stopping}, Life{"run", "running", true, true, Phase::Stopping},
        Life{"stop", "pending", false, false, Phase::Pending}, Life{"stop", "complete", false, true, Phase::Ended},
        Life{"run", "failed", false, true, Phase::Ended}, Life{"stop", "lost", false, true, Phase::Lost},
        Life{"run", "unknown", false, true, Phase::Unknown}, Life{"run", "novel", false, true, Phase::Unknown}}) {
    Allocation allocation;
    allocation.desired_status = life.desired;
    allocation.client_status = life.client;
    allocation.migrate = life.migrate;
    allocation.task_states["t"] = {"pending", false, life.started};
    EXPECT_EQ(phase_of(allocation), life.phase) << life.desired << " " << life.client;
  }
}

}  // namespace
}  // namespace muster::nomad
