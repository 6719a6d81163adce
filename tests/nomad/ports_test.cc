#include "nomad/ports.h"

#include <gtest/gtest.h>

#include "nomad/instances.h"
#include "nomad/recorded.h"

namespace muster::nomad {
namespace {

struct World {
  Allocation allocation;
  Job job;

  World() {
    allocation.id = "a1";
    allocation.group = "g";
    allocation.ports = {{"http", 24411, 8080, "10.0.0.11"}, {"web_ui", 24412, 0, "10.0.0.11"}};
    allocation.networks = {{"host", "10.0.0.11", {{"http", 24411, 8080, ""}, {"web_ui", 24412, 0, ""}}}};
    job.id = "shop";
    job.name = "shop";
    job.group = "g";
    job.meta = {{"muster-ports", "true"}};
    job.tasks = {{"t", "exec", {}, {}}};
  }

  PortBlocks make() {
    allocation.job = std::make_shared<const Job>(job);
    return make_port_blocks(allocation);
  }
  std::string names() {
    std::string out;
    for (const ServiceBlock& each : make().blocks) out += (out.empty() ? "" : " ") + each.name;
    return out;
  }
};

TEST(NomadPorts, AreServicesWhereTheJobAsks) {
  World world;
  EXPECT_EQ(world.names(), "shop-g-http shop-g-web-ui");
  world.job.meta["muster-ports"] = "http, nothing";
  EXPECT_EQ(world.names(), "shop-g-http");
  world.job.meta["muster-ports"] = "false";
  EXPECT_EQ(world.names(), "");
  world.job.meta.clear();
  EXPECT_EQ(world.names(), "");
}

TEST(NomadPorts, TheGroupsWordIsNearerThanTheJobs) {
  World world;
  world.job.group_meta = {{"muster-ports", "web_ui"}};
  EXPECT_EQ(world.names(), "shop-g-web-ui");
}

TEST(NomadPorts, OfAGroupWithAnyServiceAreItsOwnAffair) {
  World world;
  world.job.services.push_back({});
  world.job.services.back().provider = "consul";
  EXPECT_EQ(world.names(), "");
}

TEST(NomadPorts, OfAPeriodicJobHaveTheNameOfItsParent) {
  World world;
  world.job.name = "shop/periodic-1787299200";
  world.job.parent_id = "shop";
  EXPECT_EQ(world.names(), "shop-g-http shop-g-web-ui");
}

TEST(NomadPorts, HaveNamesTagsAndChecksFromTheMeta) {
  World world;
  world.job.meta["muster-name-http"] = "front";
  world.job.meta["muster-tags"] = "a, b";
  world.job.meta["muster-tags-http"] = "c";
  world.job.meta["muster-check-http"] = "https:/health?full=1";
  world.job.meta["muster-check-web_ui"] = "tcp";
  const PortBlocks made = world.make();
  ASSERT_EQ(made.blocks.size(), 2U);
  EXPECT_TRUE(made.problems.empty());
  EXPECT_EQ(made.blocks[0].name, "front");
  EXPECT_EQ(made.blocks[0].tags, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(made.blocks[0].checks.size(), 1U);
  EXPECT_EQ(made.blocks[0].checks[0].type, "http");
  EXPECT_EQ(made.blocks[0].checks[0].protocol, "https");
  EXPECT_EQ(made.blocks[0].checks[0].path, "/health?full=1");
  EXPECT_EQ(made.blocks[0].checks[0].interval, 10'000'000'000);
  EXPECT_EQ(made.blocks[1].tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(made.blocks[1].checks.at(0).type, "tcp");
}

TEST(NomadPorts, ACheckThatNobodyUnderstandsIsNamed) {
  World world;
  world.job.meta["muster-check-http"] = "ping";
  const PortBlocks made = world.make();
  EXPECT_EQ(made.blocks.size(), 2U);
  EXPECT_TRUE(made.blocks[0].checks.empty());
  ASSERT_EQ(made.problems.size(), 1U);
  EXPECT_NE(made.problems[0].find("muster-check-http is ping"), std::string::npos);
}

TEST(NomadPorts, OfATaskAreItsOwnAndFollowIt) {
  World world;
  world.allocation.task_networks["t"] = {{"host", "10.0.0.12", {{"db", 5432, 0, ""}}}};
  const PortBlocks made = world.make();
  ASSERT_EQ(made.blocks.size(), 3U);
  EXPECT_EQ(made.blocks[2].name, "shop-g-db");
  EXPECT_EQ(made.blocks[2].task, "t");
  world.job.tasks[0].meta = {{"muster-ports", "false"}};
  EXPECT_EQ(world.names(), "shop-g-http shop-g-web-ui");
}

TEST(NomadPorts, OfARealAllocation) {
  JobPool pool;
  const Allocations read = decode_allocations(recorded("node_allocations.json"), pool).value();
  for (const Allocation& each : read.items) {
    if (each.job_id != "plain") continue;
    EXPECT_TRUE(make_instances(each, recorded_node(), {}, {}).instances.empty()) << "not without --nomad-ports";
    const Made made = make_instances(each, recorded_node(), {}, {.ports = true});
    ASSERT_EQ(made.instances.size(), 2U);
    EXPECT_TRUE(made.rejections.empty());
    EXPECT_EQ(made.instances[0].name, "plain-db");
    EXPECT_EQ(made.instances[0].checks.at(0).tcp, "127.0.0.1:" + std::to_string(made.instances[0].ports.at(0).number));
    EXPECT_EQ(made.instances[1].name, "plain-g-web-ui");
    return;
  }
  FAIL() << "the recording has no job plain";
}

}  // namespace
}  // namespace muster::nomad
