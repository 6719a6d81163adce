#include "support/consul.h"

#include <gtest/gtest.h>

#include "support/dns.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

using nlohmann::json;

TEST(Consul, AnswersByHttpAndDnsWhatAClientAgentWasTold) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server;
  const int http_port = free_port();
  ConsulClient second(server, {.address = "127.0.0.2", .http_port = http_port});
  ConsulClient third(server, {.address = "127.0.0.3", .http_port = http_port});
  ASSERT_EQ(second.put("/v1/agent/service/register", {{"Name", "web"}, {"Port", 8080}, {"Tags", {"blue"}}}), 200);

  EXPECT_EQ(server.get("/v1/catalog/service/web")[0]["Address"], "127.0.0.2");
  EXPECT_EQ(dig_a("127.0.0.3", third.dns_port(), "blue.web.service.consul"), std::vector<std::string>{"127.0.0.2"});
  EXPECT_EQ(dig_srv("127.0.0.1", server.dns_port(), "web.service.consul"),
            (std::vector<Srv>{{8080, "node-127-0-0-2.node.dc1.consul."}}));

  second.crash();
  EXPECT_EQ(second.call("GET", "/v1/agent/self").status, 0);
  second.start();
  EXPECT_TRUE(second.get("/v1/agent/services").contains("web")) << "the data folder survives a crash";
  second.crash();
  second.wipe();
  second.start();
  EXPECT_TRUE(second.get("/v1/agent/services").empty()) << "a wiped agent knows nothing";
}

TEST(Consul, LetsAWipedAgentBackUnderANewNodeIdOnceItWasSeenToFail) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server;
  ConsulClient client(server, {.address = "127.0.0.2"});
  const json before = client.get("/v1/agent/self")["Config"]["NodeID"];
  client.crash();
  client.wipe(true);
  EXPECT_TRUE(eventually(
      kPatience, [&] { return server.get("/v1/health/node/" + client.node())[0].value("Status", "") == "critical"; }));
  client.start();
  EXPECT_NE(client.get("/v1/agent/self")["Config"]["NodeID"], before);
}

TEST(Consul, HoldsTokensToTheirPolicyWhenAclsAreOn) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server({.acl = true});
  const ConsulClient client(server, {.address = "127.0.0.2"});
  const std::string token = server.create_token("web", R"(service "web" { policy = "write" })");
  const auto status = [&](const std::string& name) {
    return client.call("PUT", "/v1/agent/service/register", json{{"Name", name}}.dump(), token).status;
  };
  EXPECT_TRUE(eventually(kPatience, [&] { return status("web") == 200; }));
  EXPECT_EQ(status("other"), 403);
}

}  // namespace
}  // namespace muster::support
