#include "nomad/instances.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nomad/recorded.h"

namespace muster::nomad {
namespace {

constexpr char kId[] = "5229c7f8-376b-3ccc-edd9-981e238f7033";

ServiceBlock block(const std::string& name, const std::string& label = "http", const std::string& task = "") {
  ServiceBlock out;
  out.name = name;
  out.port_label = label;
  out.task = task;
  out.provider = "nomad";
  return out;
}

// A running allocation of one service, "web" at "http" of the group; each test changes what it is about.
struct World {
  Allocation allocation;
  Job job;
  Node node;
  std::vector<NativeService> rows;
  ServiceSettings settings;

  World() {
    allocation.id = kId;
    allocation.name = "web.api[0]";
    allocation.ns = "default";
    allocation.job_id = "web";
    allocation.group = "api";
    allocation.desired_status = "run";
    allocation.client_status = "running";
    allocation.task_states_known = true;
    allocation.task_states["srv"] = {"running", false, true};
    allocation.ports = {{"http", 24411, 8080, "10.0.0.11"}};
    job.id = "web";
    job.group = "api";
    job.tasks = {{"srv", "docker", {}, {}}};
    job.services = {block("web")};
  }

  ServiceBlock& service() { return job.services.front(); }

  NativeService& add_row(const std::string& name, const std::string& label, const std::string& owner = "group-api") {
    NativeService row;
    row.id = std::string("_nomad-task-") + kId + "-" + owner + "-" + name + "-" + label;
    row.name = name;
    row.alloc_id = kId;
    row.address = "10.0.0.99";
    row.port = 999;
    rows.push_back(row);
    return rows.back();
  }

  Made make() {
    allocation.job = std::make_shared<const Job>(job);
    return make_instances(allocation, node, rows, settings);
  }
  // The one that it makes, and nothing to complain of.
  Instance made() {
    Made out = make();
    EXPECT_EQ(out.instances.size(), 1U);
    for (const Rejection& each : out.rejections) ADD_FAILURE() << each.detail;
    return out.instances.empty() ? Instance{} : out.instances.front();
  }
};

std::vector<std::string> ids(const Made& made) {
  std::vector<std::string> out;
  for (const Instance& each : made.instances) out.push_back(each.id.substr(id_prefix(kId).size()));
  return out;
}

std::string address(const Instance& of) { return of.addresses.empty() ? "" : of.addresses.front().ip; }
int port(const Instance& of) { return of.ports.empty() ? 0 : of.ports.front().number; }

std::string meta(const Instance& of, const std::string& key) {
  for (const Label& each : of.meta) {
    if (each.key == key) return each.value;
  }
  return "(none)";
}

TEST(NomadInstances, AServiceOfTheGroup) {
  World world;
  world.service().tags = {"v7"};
  world.service().meta = {{"alloc", "${NOMAD_SHORT_ALLOC_ID}"}};
  world.service().weights = WeightsBlock{5, 2};
  world.service().enable_tag_override = true;
  world.allocation.healthy = true;
  const Instance made = world.made();
  EXPECT_EQ(made.id, std::string("nomad:") + kId + ":web:http");
  EXPECT_EQ(made.kind, Kind::Service);
  EXPECT_EQ(made.name, "web");
  EXPECT_EQ(made.group, "web");
  EXPECT_EQ(made.tags, std::vector<std::string>{"v7"});
  EXPECT_EQ(address(made), "10.0.0.11");
  EXPECT_EQ(port(made), 24411);
  EXPECT_EQ(meta(made, "alloc"), "5229c7f8");
  EXPECT_EQ(meta(made, "nomad_job"), "web");
  EXPECT_EQ(meta(made, "nomad_namespace"), "default");
  EXPECT_EQ(made.weight_passing, 5);
  EXPECT_EQ(made.weight_warning, 2);
  EXPECT_TRUE(made.enable_tag_override);
  EXPECT_EQ(made.health, Health::Passing);
  EXPECT_EQ(made.maintenance, "");
  EXPECT_FALSE(made.draining);
  EXPECT_EQ(allocation_of(made.id), kId);
}

TEST(NomadInstances, OfAnotherProviderAreNomadsOwn) {
  World world;
  for (const char* provider : {"consul", ""}) {
    world.service().provider = provider;
    EXPECT_TRUE(world.make().instances.empty()) << provider;
  }
  world.service().provider = "nomad";
  world.service().connect = true;
  EXPECT_TRUE(world.make().instances.empty());
  world.service().connect = false;
  world.service().kind = "api-gateway";
  EXPECT_TRUE(world.make().instances.empty());
}

TEST(NomadInstances, TheRegistrationOfTheClientIsFinal) {
  World world;
  world.service().tags = {"${FROM_TEMPLATE}"};
  world.service().meta = {{"k", "v"}};
  world.service().address_mode = "driver";
  world.add_row("web", "http").tags = {"blue"};
  const Instance made = world.made();
  EXPECT_EQ(made.tags, std::vector<std::string>{"blue"});
  EXPECT_EQ(address(made), "10.0.0.99");
  EXPECT_EQ(port(made), 999);
  EXPECT_EQ(meta(made, "k"), "v") << "which no registration holds";
}

TEST(NomadInstances, RowsOfOthersAreNotOurs) {
  World world;
  world.add_row("web", "http", "group-apix");
  world.add_row("web", "http", "api");
  world.add_row("web", "https");
  world.add_row("web", "http").alloc_id = "another";
  EXPECT_EQ(port(world.made()), 24411);
}

TEST(NomadInstances, DriverModeWaitsForTheRegistration) {
  World world;
  world.service().address_mode = "driver";
  const Made made = world.make();
  EXPECT_TRUE(made.instances.empty());
  EXPECT_EQ(made.doubtful, std::vector<std::string>{std::string("nomad:") + kId + ":web:http"});
  ASSERT_EQ(made.rejections.size(), 1U);
  EXPECT_EQ(made.rejections[0].reason, Reason::NoAddress);
  EXPECT_TRUE(made.whole);
}

TEST(NomadInstances, AnAddressThatNobodyCanReachIsRefused) {
  for (const char* any : {"0.0.0.0", "::"}) {
    World world;
    world.allocation.ports[0].host_ip = any;
    const Made made = world.make();
    EXPECT_TRUE(made.instances.empty());
    EXPECT_EQ(made.doubtful.size(), 1U);
    EXPECT_EQ(made.rejections.size(), 1U);
    world.add_row("web", "http").address = any;
    EXPECT_TRUE(world.make().instances.empty());
  }
}

TEST(NomadInstances, PortsOutOfRangeAreRefused) {
  World world;
  world.service().port_label = "70000";
  EXPECT_EQ(world.make().doubtful.size(), 1U);
  world.service().port_label = "8080";
  EXPECT_EQ(port(world.made()), 8080);
  EXPECT_EQ(address(world.made()), "") << "the agent's own";
  world.service().port_label = "";
  EXPECT_EQ(port(world.made()), 0);
}

TEST(NomadInstances, ACanaryHasItsOwnTagsAndMetaWhereThereAreSome) {
  World world;
  world.service().tags = {"live"};
  world.service().meta = {{"k", "live"}};
  world.allocation.canary = true;
  EXPECT_EQ(world.made().tags, std::vector<std::string>{"live"}) << "none of their own";
  world.service().canary_tags = {"canary-${NOMAD_ALLOC_INDEX}"};
  world.service().canary_meta = {{"k", "canary"}};
  EXPECT_EQ(world.made().tags, std::vector<std::string>{"canary-0"});
  EXPECT_EQ(meta(world.made(), "k"), "canary");
  world.allocation.canary = false;
  EXPECT_EQ(world.made().tags, std::vector<std::string>{"live"}) << "promoted";
  EXPECT_EQ(meta(world.made(), "k"), "live");
}

TEST(NomadInstances, WhatNobodyHereKnowsStaysLiteralAndIsNamed) {
  World world;
  world.service().tags = {"${FROM_TEMPLATE}", "dc"};
  const Made made = world.make();
  ASSERT_EQ(made.instances.size(), 1U);
  EXPECT_EQ(made.instances[0].tags[0], "${FROM_TEMPLATE}");
  ASSERT_EQ(made.rejections.size(), 1U);
  EXPECT_NE(made.rejections[0].detail.find("${FROM_TEMPLATE}"), std::string::npos);
}

TEST(NomadInstances, ANameThatNobodyHereKnowsComesFromTheRegistration) {
  World world;
  world.service().name = "${COLOUR}-web";
  Made made = world.make();
  EXPECT_TRUE(made.instances.empty());
  EXPECT_FALSE(made.whole) << "an id that cannot be told cannot be called absent";
  EXPECT_EQ(made.rejections.size(), 1U);
  world.add_row("blue-web", "http");
  EXPECT_EQ(world.made().id, std::string("nomad:") + kId + ":blue-web:http");
  EXPECT_EQ(world.made().name, "blue-web");
  world.add_row("green-web", "http");
  EXPECT_FALSE(world.make().whole) << "which of the two?";
  world.job.services.push_back(block("green-web"));
  EXPECT_EQ(ids(world.make()), (std::vector<std::string>{"blue-web:http", "green-web:http"})) << "one is spoken for";
}

TEST(NomadInstances, ServicesOfATaskFollowTheTask) {
  World world;
  world.job.services = {block("web"), block("db", "http", "srv")};
  EXPECT_EQ(ids(world.make()), (std::vector<std::string>{"db:http", "web:http"}));
  for (const char* state : {"pending", "dead"}) {
    world.allocation.task_states["srv"].state = state;
    EXPECT_EQ(ids(world.make()), std::vector<std::string>{"web:http"}) << state;
  }
  world.allocation.task_states.clear();
  EXPECT_EQ(ids(world.make()), std::vector<std::string>{"web:http"});
  world.allocation.task_states_known = false;
  EXPECT_EQ(world.make().doubtful.size(), 1U) << "a list without task states says nothing of them";
}

TEST(NomadInstances, ServicesOfTheGroupOutliveTheRestartOfATask) {
  World world;
  world.allocation.client_status = "pending";
  world.allocation.task_states["srv"] = {"pending", false, true};
  EXPECT_EQ(ids(world.make()), std::vector<std::string>{"web:http"});
  world.allocation.task_states["srv"].started = false;
  EXPECT_TRUE(world.make().instances.empty()) << "it never ran";
  EXPECT_TRUE(world.make().whole);
  world.allocation.task_states_known = false;
  EXPECT_FALSE(world.make().whole);
}

TEST(NomadInstances, WhatIsToStopIsInMaintenanceAtOnce) {
  for (const char* desired : {"stop", "evict"}) {
    World world;
    world.allocation.desired_status = desired;
    EXPECT_EQ(world.made().maintenance, "Nomad stops the allocation");
  }
  World world;
  world.allocation.migrate = true;
  EXPECT_EQ(world.made().maintenance, "Nomad drains the node");
}

TEST(NomadInstances, WhatIsOverHasNone) {
  for (const char* over : {"complete", "failed", "lost"}) {
    World world;
    world.allocation.client_status = over;
    const Made made = world.make();
    EXPECT_TRUE(made.instances.empty() && made.rejections.empty() && made.doubtful.empty() && made.whole) << over;
  }
}

TEST(NomadInstances, OfADisconnectedClientStay) {
  World world;
  world.allocation.client_status = "unknown";
  EXPECT_EQ(world.made().maintenance, "");
}

TEST(NomadInstances, WithoutAJobNothingIsKnown) {
  World world;
  world.make();
  world.allocation.job = nullptr;
  const Made made = make_instances(world.allocation, world.node, {}, {});
  EXPECT_TRUE(made.instances.empty());
  EXPECT_FALSE(made.whole);
  EXPECT_EQ(made.rejections.size(), 1U);
}

TEST(NomadInstances, OneNameAndPortInTwoTasksGivesTwoIdsWhicheverRuns) {
  World world;
  world.job.services = {block("web", "http", "srv"), block("web", "http", "side")};
  world.allocation.task_states["side"] = {"running", false, true};
  EXPECT_EQ(ids(world.make()), (std::vector<std::string>{"web:http", "web:http:side"}));
  world.allocation.task_states["srv"].state = "dead";
  EXPECT_EQ(ids(world.make()), std::vector<std::string>{"web:http:side"}) << "no id moves to another task";
  world.job.services = {block("web"), block("web")};
  world.allocation.task_states.clear();
  const Made made = world.make();
  EXPECT_EQ(made.instances.size(), 1U + 1U) << "one of them with an empty task behind its colon";
}

TEST(NomadInstances, TaggedAddressesAreReadAsNomadReadsThem) {
  World world;
  world.service().tagged_addresses = {{"lan", "10.1.1.1"},       {"wan", "203.0.113.9:443"}, {"six", "[fd00::1]:80"},
                                      {"name", "lb.example:80"}, {"bad", "nowhere"},         {"worse", "10.0.0.1:http"},
                                      {"unknown", "${X}:80"}};
  const Made made = world.make();
  ASSERT_EQ(made.instances.size(), 1U);
  const TaggedAddresses expected = {{"lan", {"10.1.1.1", 24411}},
                                    {"wan", {"203.0.113.9", 443}},
                                    {"six", {"fd00::1", 80}},
                                    {"name", {"lb.example", 80}}};
  EXPECT_EQ(made.instances[0].tagged_addresses, expected);
  EXPECT_EQ(made.rejections.size(), 4U) << "three addresses, and one variable";
}

TEST(NomadInstances, ABadCheckCostsOnlyItself) {
  World world;
  CheckBlock good, script;
  good.name = "alive";
  good.type = "tcp";
  good.interval = 10'000'000'000;
  script = good;
  script.type = "script";
  world.service().checks = {script, good};
  const Made made = world.make();
  ASSERT_EQ(made.instances.size(), 1U);
  ASSERT_EQ(made.instances[0].checks.size(), 1U);
  EXPECT_EQ(made.instances[0].checks[0].tcp, "10.0.0.11:24411");
  ASSERT_EQ(made.rejections.size(), 1U);
  EXPECT_EQ(made.rejections[0].reason, Reason::ScriptCheck);
}

TEST(NomadInstances, WhatCouldNotBeReadOfTheJobIsTold) {
  World world;
  world.service().problems = {"service web: an element of Tags is no text"};
  world.job.problems = {"a service of the group: Name is no text"};
  world.allocation.problems = {"a port: is no object"};
  const Made made = world.make();
  EXPECT_EQ(made.instances.size(), 1U);
  EXPECT_EQ(made.rejections.size(), 3U);
  EXPECT_FALSE(made.whole) << "a service that could not be read may be one that stands in Consul";
}

TEST(NomadInstances, IdsTellTheirAllocation) {
  EXPECT_EQ(allocation_of("nomad:a1:web:http"), "a1");
  EXPECT_EQ(allocation_of("nomad:a1"), "");
  EXPECT_EQ(allocation_of("a1:web:http"), "");
}

// The judge: what a real Nomad registered of a real job is what we make of the job alone.
TEST(NomadInstances, AreWhatARealNomadRegistered) {
  struct Case {
    const char* allocation;
    const char* rows;
  };
  for (const Case& each : {Case{"allocation.json", "services.json"}, Case{"canary.json", "canary_services.json"}}) {
    const Allocation allocation = recorded_allocation(each.allocation);
    const std::vector<NativeService> rows = recorded_rows(each.rows);
    const Made alone = make_instances(allocation, recorded_node(), {}, {});
    const Made joined = make_instances(allocation, recorded_node(), rows, {});
    ASSERT_EQ(alone.instances.size(), rows.size());
    ASSERT_EQ(joined.instances.size(), rows.size());
    EXPECT_TRUE(joined.rejections.empty());
    for (std::size_t i = 0; i < joined.instances.size(); ++i) {
      Instance guessed = alone.instances[i];
      const Instance& told = joined.instances[i];
      const auto row =
          std::find_if(rows.begin(), rows.end(), [&](const NativeService& of) { return of.name == told.name; });
      ASSERT_NE(row, rows.end());
      EXPECT_EQ(told.tags, row->tags);
      EXPECT_EQ(address(told), row->address);
      EXPECT_EQ(port(told), row->port);
      // Template variables and directories are the client's secret.
      if (told.name == "web-task") guessed.tags = told.tags;
      EXPECT_EQ(guessed, told) << told.name;
    }
  }
}

TEST(NomadInstances, OfARealAllocationThatStopsAreInMaintenance) {
  const Made made = make_instances(recorded_allocation("stopping.json"), recorded_node(), {}, {});
  ASSERT_EQ(made.instances.size(), 6U);
  for (const Instance& each : made.instances) EXPECT_FALSE(each.maintenance.empty()) << each.id;
}

}  // namespace
}  // namespace muster::nomad
