#include "nomad/checks.h"

#include <gtest/gtest.h>

namespace muster::nomad {
namespace {

struct World {
  Allocation allocation;
  Node node;
  ServiceBlock service;
  CheckBlock check;
  std::string address{};
  std::string label = "http";
  bool of_row = false;

  World() {
    allocation.id = "5229c7f8-376b-3ccc-edd9-981e238f7033";
    allocation.job = std::make_shared<const Job>();
    allocation.ports = {{"http", 24411, 8080, "10.0.0.11"}, {"admin", 24500, 0, "10.0.0.12"}};
    allocation.network_status = NetworkStatus{"eth0", "172.26.64.5", "fd00::5"};
    check.name = "alive";
    check.type = "http";
    check.path = "/health";
    check.interval = 10'000'000'000;
    check.timeout = 1'500'000'000;
  }

  CheckMade make() {
    Variables variables(allocation, node, service.task);
    return make_check(allocation, {service, address, label, {"10.9.9.9", 99}, of_row}, check, variables);
  }
  Check made() {
    CheckMade out = make();
    EXPECT_EQ(out.why, "");
    return std::move(out.check);
  }
  std::string why() { return make().why; }
};

TEST(NomadCheck, OfHttpIsAskedAtTheHostsPort) {
  const Check check = World().made();
  EXPECT_EQ(check.http, "http://10.0.0.11:24411/health");
  EXPECT_EQ(check.name, "alive");
  EXPECT_EQ(check.interval, "10s");
  EXPECT_EQ(check.timeout, "1500ms");
  EXPECT_EQ(check.status, "");
}

TEST(NomadCheck, OfTcpAndGrpcToo) {
  World world;
  world.check.type = "tcp";
  EXPECT_EQ(world.made().tcp, "10.0.0.11:24411");
  world.check.type = "grpc";
  EXPECT_EQ(world.made().grpc, "10.0.0.11:24411");
  world.check.grpc_service = "health";
  world.check.grpc_use_tls = true;
  EXPECT_EQ(world.made().grpc, "10.0.0.11:24411/health");
  EXPECT_TRUE(world.made().grpc_use_tls);
}

TEST(NomadCheck, HasAPortAndAnAddressModeOfItsOwn) {
  World world;
  world.check.port_label = "admin";
  EXPECT_EQ(world.made().http, "http://10.0.0.12:24500/health");
  world.check.address_mode = "alloc";
  world.check.port_label = "";
  EXPECT_EQ(world.made().http, "http://172.26.64.5:8080/health");
  world.check.address_mode = "alloc_ipv6";
  EXPECT_EQ(world.made().http, "http://[fd00::5]:8080/health");
  world.check.address_mode = "host";
  world.check.port_label = "9000";
  EXPECT_EQ(world.made().http, "http://:9000/health") << "the agent asks its own host";
}

TEST(NomadCheck, FollowsTheServicesOwnAddress) {
  World world;
  world.address = "lb.example";
  EXPECT_EQ(world.made().http, "http://lb.example:24411/health");
  world.check.address_mode = "host";
  EXPECT_NE(world.why().find("does not go with"), std::string::npos);
}

TEST(NomadCheck, InDriverModeIsWhereTheClientRegisteredTheService) {
  World world;
  world.check.address_mode = "driver";
  EXPECT_NE(world.why().find("only its Nomad client"), std::string::npos);
  world.of_row = true;
  EXPECT_EQ(world.made().http, "http://10.9.9.9:99/health");
  world.check.port_label = "admin";
  EXPECT_NE(world.why().find("only its Nomad client"), std::string::npos) << "of another port nothing is told";
}

TEST(NomadCheck, TakesMethodHeadersTlsAndThresholds) {
  World world;
  world.check.protocol = "https";
  world.check.method = "POST";
  world.check.header = {{"X-Id", "${NOMAD_SHORT_ALLOC_ID}"}};
  world.check.tls_skip_verify = true;
  world.check.tls_server_name = "web.example";
  world.check.success_before_passing = 3;
  world.check.failures_before_critical = 100'000;
  world.check.notes = "n";
  const Check check = world.made();
  EXPECT_EQ(check.http, "https://10.0.0.11:24411/health");
  EXPECT_EQ(check.method, "POST");
  EXPECT_EQ(check.header, (std::vector<Header>{{"X-Id", "5229c7f8"}}));
  EXPECT_TRUE(check.tls_skip_verify);
  EXPECT_EQ(check.tls_server_name, "web.example");
  EXPECT_EQ(check.success_before_passing, 3);
  EXPECT_EQ(check.failures_before_critical, 65535);
  EXPECT_EQ(check.notes, "n");
}

TEST(NomadCheck, BeginsAsTheJobOrTheDeploymentSays) {
  World world;
  world.allocation.healthy = false;
  EXPECT_EQ(world.made().status, "");
  world.allocation.healthy = true;
  EXPECT_EQ(world.made().status, "passing");
  world.check.initial_status = "warning";
  EXPECT_EQ(world.made().status, "warning");
  world.check.initial_status = "pending";
  EXPECT_EQ(world.made().status, "passing") << "no word of Consul's";
}

TEST(NomadCheck, PathsStayOnTheirHost) {
  const auto url = [](const std::string& path) {
    World world;
    world.check.path = path;
    return world.made().http;
  };
  EXPECT_EQ(url(""), "http://10.0.0.11:24411");
  EXPECT_EQ(url("health"), "http://10.0.0.11:24411/health");
  EXPECT_EQ(url("/a?b=http://c"), "http://10.0.0.11:24411/a?b=http://c");
  for (const char* path : {"//evil.example/", "http://evil.example/"}) {
    World world;
    world.check.path = path;
    EXPECT_NE(world.why().find("is an address"), std::string::npos) << path;
  }
}

TEST(NomadCheck, ThatAnotherThanTheClientCannotRunIsNone) {
  World script;
  script.check.type = "script";
  EXPECT_EQ(script.make().reason, Reason::ScriptCheck);
  EXPECT_NE(script.why().find("only its Nomad client"), std::string::npos);
  World body;
  body.check.has_body = true;
  EXPECT_EQ(body.make().reason, Reason::BadCheck);
  World variable;
  variable.check.path = "/${FROM_TEMPLATE}";
  EXPECT_NE(variable.why().find("${FROM_TEMPLATE}"), std::string::npos);
}

TEST(NomadCheck, ThatMakesNoSenseIsNone) {
  World type;
  type.check.type = "icmp";
  EXPECT_NE(type.why(), "");
  World interval;
  interval.check.interval = 0;
  EXPECT_NE(interval.why(), "");
  World protocol;
  protocol.check.protocol = "gopher";
  EXPECT_NE(protocol.why(), "");
  World portless;
  portless.label = "";
  EXPECT_NE(portless.why(), "");
  World label;
  label.check.port_label = "nothing";
  EXPECT_NE(label.why(), "");
}

TEST(NomadCheck, DurationsAreGosNanoseconds) {
  EXPECT_EQ(go_duration(10'000'000'000), "10s");
  EXPECT_EQ(go_duration(90'000'000'000), "90s");
  EXPECT_EQ(go_duration(1'500'000'000), "1500ms");
  EXPECT_EQ(go_duration(7), "7ns");
}

}  // namespace
}  // namespace muster::nomad
