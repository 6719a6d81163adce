// What muster relies on in an agent, asserted on the fake and on a real one alike.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "consul/agent.h"
#include "core/report.h"
#include "fakes/fake_consul.h"
#include "net/http.h"
#include "support/consul.h"

namespace muster::consul {
namespace {

using nlohmann::json;

enum class Which { Fake, Real };

class Contract : public testing::TestWithParam<Which> {
 protected:
  void SetUp() override {
    if (GetParam() == Which::Fake) {
      fake_ = std::make_unique<fakes::FakeConsul>();
      url_ = fake_->url();
      return;
    }
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::fprintf(stderr, "skipped: %s\n", why.c_str());
      GTEST_SKIP() << why;
    }
    real_ = std::make_unique<support::ConsulServer>();
    url_ = real_->url();
  }

  net::Response send(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto answer = client_.send({.method = method, .base = url_, .path = path, .body = body}, {});
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(net::Response{});
  }
  net::Response put(const std::string& path, const std::string& body = "") { return send("PUT", path, body); }
  net::Response enter(const json& body) { return put("/v1/agent/service/register", body.dump()); }

  ActualService read(const std::string& id) {
    const auto actual = agents_.at({url_})->read({});
    EXPECT_TRUE(actual) << actual.error().message;
    for (const ActualService& service : actual->services) {
      if (service.id == id) return service;
    }
    return {};
  }
  Applied apply(std::vector<Action> actions) {
    Plan plan;
    plan.actions = std::move(actions);
    return agents_.at({url_})->apply(plan, {});
  }

  std::unique_ptr<fakes::FakeConsul> fake_;
  std::unique_ptr<support::ConsulServer> real_;
  std::string url_;
  net::HttpClient client_{net::HttpOptions{}};
  ConsulAgents agents_{ConsulSettings{}, Credentials::load({}).value()};
};

std::vector<std::string> ids(const ActualService& service) {
  std::vector<std::string> out;
  for (const ActualCheck& check : service.checks) out.push_back(check.id);
  return out;
}

Service whole() {
  Service service;
  service.id = "muster:task/1 x:31001";
  service.name = "web";
  service.tags = {"z", "a", "\xc3\xa9"};
  service.address = "10.0.0.1";
  service.port = 31001;
  service.meta = {{"muster_owner", "prod"}, {"k-1", "v \" \\ \n"}};
  service.weight_passing = 3;
  service.weight_warning = 2;
  service.enable_tag_override = true;
  Check http;
  http.id = "service:" + service.id + ":http";
  http.name = "up";
  http.http = "http://127.0.0.1:1/";
  http.interval = "1h";
  http.timeout = "1s";
  Check tcp = http;
  tcp.id = "service:" + service.id + ":tcp";
  tcp.http = "";
  tcp.tcp = "127.0.0.1:1";
  Check grpc = http;
  grpc.id = "service:" + service.id + ":grpc";
  grpc.http = "";
  grpc.grpc = "127.0.0.1:1/x";
  Check ttl;
  ttl.id = "service:" + service.id + ":ttl";
  ttl.ttl = "30s";
  ttl.status = "passing";
  service.checks = {grpc, http, tcp, ttl};
  return service;
}

Action action(Verb verb, Service service, std::string check_id = "") {
  Action out;
  out.verb = verb;
  out.service = std::move(service);
  out.check_id = std::move(check_id);
  return out;
}

TEST_P(Contract, GivesBackWhatWasRegisteredInCanonicalForm) {
  const Service wanted = whole();
  const Applied applied = apply({action(Verb::Register, wanted)});
  ASSERT_TRUE(applied.failures.empty()) << applied.failures[0].error.message;
  const ActualService held = read(wanted.id);
  EXPECT_EQ(held.name, wanted.name);
  EXPECT_EQ(held.tags, wanted.tags);
  EXPECT_EQ(held.address, wanted.address);
  EXPECT_EQ(held.port, wanted.port);
  EXPECT_EQ(held.meta, wanted.meta);
  EXPECT_EQ(held.weight_passing, 3);
  EXPECT_EQ(held.weight_warning, 2);
  EXPECT_TRUE(held.enable_tag_override);
  EXPECT_EQ(held.maintenance, std::nullopt);
  ASSERT_EQ(held.checks.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(held.checks[i].id, wanted.checks[i].id);
}

TEST_P(Contract, FillsInDefaultsOfABareService) {
  ASSERT_EQ(enter({{"Name", "bare"}}).status, 200);
  const ActualService held = read("bare");
  EXPECT_EQ(held.name, "bare");
  EXPECT_EQ(held.weight_passing, 1);
  EXPECT_EQ(held.weight_warning, 1);
  EXPECT_EQ(held.port, 0);
  EXPECT_TRUE(held.tags.empty() && held.meta.empty() && held.checks.empty() && held.address.empty());
  const json raw = json::parse(send("GET", "/v1/agent/services").body)["bare"];
  EXPECT_EQ(raw["Tags"], json::array());
  EXPECT_EQ(raw["Meta"], json::object());
}

TEST_P(Contract, AddsTaggedAddressesByFamily) {
  ASSERT_EQ(enter({{"Name", "v4"}, {"Address", "10.0.0.1"}, {"Port", 80}}).status, 200);
  ASSERT_EQ(enter({{"Name", "v6"}, {"Address", "fd00::1"}}).status, 200);
  const json raw = json::parse(send("GET", "/v1/agent/services").body);
  EXPECT_EQ(raw["v4"]["TaggedAddresses"]["lan_ipv4"], (json{{"Address", "10.0.0.1"}, {"Port", 80}}));
  EXPECT_TRUE(raw["v6"]["TaggedAddresses"].contains("wan_ipv6"));
}

TEST_P(Contract, RefusesWhatItCannotHold) {
  json many;
  for (int i = 0; i < 65; ++i) many["k" + std::to_string(i)] = "v";
  const std::pair<json, int> cases[] = {
      {{{"Name", "x"}, {"SocketPath", "/x"}}, 400},
      {{{"ID", "x"}}, 400},
      {{{"Name", "x"}, {"Port", "80"}}, 400},
      {{{"Name", "x"}, {"Meta", {{"k", 1}}}}, 400},
      {{{"Name", "x"}, {"Meta", many}}, 400},
      {{{"Name", "x"}, {"Meta", {{std::string(129, 'k'), "v"}}}}, 400},
      {{{"Name", "x"}, {"Meta", {{"k", std::string(513, 'v')}}}}, 400},
      {{{"Name", "x"}, {"Meta", {{"a b", "v"}}}}, 400},
      {{{"Name", "x"}, {"Meta", {{"consul-x", "v"}}}}, 400},
      {{{"Name", "x"}, {"Weights", {{"Passing", 65536}, {"Warning", 1}}}}, 400},
      {{{"Name", "x"}, {"Weights", {{"Passing", 0}, {"Warning", 1}}}}, 400},
      {{{"Name", "x"}, {"Address", "0.0.0.0"}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"HTTP", "http://127.0.0.1/"}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"TTL", "10s"}, {"Interval", "10s"}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"TTL", "often"}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"Name", "c"}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"TTL", "10s"}, {"Status", "good"}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"TTL", "10s"}, {"Nonsense", 1}}}}}, 400},
      {{{"Name", "x"}, {"Checks", {{{"Args", {"true"}}, {"Interval", "10s"}}}}}, 500},
  };
  for (const auto& [body, status] : cases) {
    const net::Response answer = enter(body);
    EXPECT_EQ(answer.status, status) << body.dump().substr(0, 200) << " -> " << answer.body;
    const auto verdict = judge(Verb::Register, answer.status, answer.body);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().fault, Fault::Item) << answer.body;
  }
  EXPECT_EQ(put("/v1/agent/service/register", "{").status, 400);
  EXPECT_EQ(json::parse(send("GET", "/v1/agent/services").body).size(), 0u);
}

TEST_P(Contract, AcceptsWhatOnlyWeCanRefuse) {
  json full;
  for (int i = 0; i < 64; ++i) full["k" + std::to_string(i)] = std::string(512, 'v');
  EXPECT_EQ(enter({{"Name", "x"}, {"Port", 70000}}).status, 200);
  EXPECT_EQ(read("x").port, 70000);
  EXPECT_EQ(enter({{"Name", "bad_name.foo/bar"}, {"ID", "y"}}).status, 200);
  EXPECT_EQ(enter({{"Name", "x"}, {"ID", "z"}, {"Meta", full}}).status, 200);
  EXPECT_EQ(enter({{"name", "small"}, {"enable_tag_override", true}}).status, 200);
  EXPECT_TRUE(read("small").enable_tag_override);
}

TEST_P(Contract, KeepsARemovedCheckUntilItIsDeregistered) {
  Service service = whole();
  apply({action(Verb::Register, service)});
  const std::string gone = service.checks[1].id;
  service.checks.erase(service.checks.begin() + 1);
  apply({action(Verb::Update, service)});
  EXPECT_EQ(read(service.id).checks.size(), 4u);
  const Applied applied = apply({action(Verb::DeregisterCheck, service, gone)});
  EXPECT_TRUE(applied.failures.empty());
  EXPECT_EQ(read(service.id).checks.size(), 3u);
}

TEST_P(Contract, NumbersUnnamedChecksByPosition) {
  const json ttl = {{"TTL", "10s"}};
  enter({{"Name", "one"}, {"Check", ttl}});
  enter({{"Name", "two"}, {"Checks", {ttl, ttl}}});
  EXPECT_EQ(ids(read("one")), std::vector<std::string>{"service:one"});
  EXPECT_EQ(ids(read("two")), (std::vector<std::string>{"service:two:1", "service:two:2"}));
}

TEST_P(Contract, KeepsAPassingCheckPassingThroughAnUpdate) {
  Service service = whole();
  apply({action(Verb::Register, service)});
  service.tags = {"other"};
  service.checks[3].status = "";
  apply({action(Verb::Update, service)});
  const json checks = json::parse(send("GET", "/v1/agent/checks").body);
  EXPECT_EQ(checks[service.checks[3].id]["Status"], "passing");
}

// A reported check: the initial status is taken once; later it is the reports that count, and an update keeps them.
TEST_P(Contract, GivesBackAReportAndKeepsItThroughAnUpdate) {
  Service service = whole();
  service.tagged_addresses = {{"lan", {"10.0.0.9", 0}}, {"virtual", {"10.0.0.8", 81}}};
  apply({action(Verb::Register, service)});
  Check& ttl = service.checks[3];
  const auto held = [&] { return read(service.id).checks.at(3); };
  EXPECT_EQ(held(), (ActualCheck{ttl.id, "ttl", held().name, "passing", ""}));
  ttl.status = "warning";
  ttl.output = "\xc3\xa9\n\"" + std::string(5000, 'x');
  const Check said = as_reported(ttl);
  const Applied applied = apply({make_report(service, said, "")});
  ASSERT_TRUE(applied.failures.empty()) << applied.failures[0].error.message;
  EXPECT_EQ(held().status, "warning");
  EXPECT_EQ(held().output, said.output);
  ttl.status = "critical";
  ttl.name = "renamed";
  ASSERT_TRUE(apply({action(Verb::Update, service)}).failures.empty());
  EXPECT_EQ(held(), (ActualCheck{ttl.id, "ttl", "renamed", "warning", said.output}));
  const ActualService whole_again = read(service.id);
  EXPECT_EQ(whole_again.tagged_addresses->at("lan"), (TaggedAddress{"10.0.0.9", 31001}));
  EXPECT_EQ(whole_again.tagged_addresses->at("virtual"), (TaggedAddress{"10.0.0.8", 81}));
}

TEST_P(Contract, RefusesAReportOfWhatIsNoTtlCheck) {
  const Service service = whole();
  apply({action(Verb::Register, service)});
  for (const char* id : {"nothing", service.checks[1].id.c_str()}) {
    Check said;
    said.id = id;
    said.status = "passing";
    EXPECT_EQ(apply({make_report(service, said, "")}).failures.size(), 1u) << id;
  }
  EXPECT_EQ(put("/v1/agent/check/update/" + net::escape(service.checks[3].id), R"({"Status":"good"})").status, 400);
}

TEST_P(Contract, HoldsMaintenanceThroughAnUpdateAndLosesItToReplace) {
  Service service = whole();
  apply({action(Verb::Register, service)});
  service.maintenance = "muster: a & b";
  ASSERT_TRUE(apply({action(Verb::EnableMaintenance, service)}).failures.empty());
  EXPECT_EQ(read(service.id).maintenance, "muster: a & b");
  EXPECT_EQ(read(service.id).checks.size(), 4u);
  ASSERT_TRUE(apply({action(Verb::Update, service)}).failures.empty());
  EXPECT_EQ(read(service.id).maintenance, "muster: a & b");
  ASSERT_TRUE(apply({action(Verb::DisableMaintenance, service)}).failures.empty());
  EXPECT_EQ(read(service.id).maintenance, std::nullopt);
  apply({action(Verb::EnableMaintenance, service)});
  put("/v1/agent/service/register?replace-existing-checks=true", json{{"Name", "web"}, {"ID", service.id}}.dump());
  EXPECT_EQ(read(service.id).maintenance, std::nullopt);
}

TEST_P(Contract, AnswersMaintenanceOfNothingWith404) {
  Service nobody;
  nobody.id = "nobody";
  nobody.maintenance = "x";
  const Applied applied = apply({action(Verb::EnableMaintenance, nobody), action(Verb::DisableMaintenance, nobody)});
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Item) << applied.failures[0].error.message;
  EXPECT_EQ(put("/v1/agent/service/maintenance/nobody?enable=true").status, 404);
  EXPECT_EQ(put("/v1/agent/service/maintenance/nobody").status, 400);
}

TEST_P(Contract, ForgetsAServiceWithItsChecks) {
  const Service service = whole();
  apply({action(Verb::Register, service)});
  const Applied applied = apply({action(Verb::Deregister, service), action(Verb::Deregister, service),
                                 action(Verb::DeregisterCheck, service, "never there")});
  EXPECT_EQ(applied.done.size(), 3u) << applied.failures[0].error.message;
  EXPECT_EQ(read(service.id).id, "");
  EXPECT_EQ(send("GET", "/v1/agent/checks").body.find("task/1"), std::string::npos);
}

TEST_P(Contract, ReplacesAServiceOfTheSameIdUnderAnotherName) {
  enter({{"ID", "i"}, {"Name", "a"}, {"Tags", {"t"}}});
  enter({{"ID", "i"}, {"Name", "b"}});
  EXPECT_EQ(read("i").name, "b");
  EXPECT_TRUE(read("i").tags.empty());
}

TEST_P(Contract, TakesOnlyTheRightMethods) {
  EXPECT_EQ(send("GET", "/v1/agent/service/register").status, 405);
  EXPECT_EQ(send("GET", "/v1/agent/service/deregister/x").status, 405);
}

TEST_P(Contract, SaysWhoItIs) {
  const json self = json::parse(send("GET", "/v1/agent/self").body);
  EXPECT_EQ(self["Config"]["Datacenter"], "dc1");
  EXPECT_FALSE(self["Config"]["NodeName"].get<std::string>().empty());
  EXPECT_EQ(self["Config"]["NodeID"].get<std::string>().size(), 36u);
  EXPECT_FALSE(self["Member"]["Addr"].get<std::string>().empty());
}

INSTANTIATE_TEST_SUITE_P(Agents, Contract, testing::Values(Which::Fake, Which::Real),
                         [](const auto& tested) { return tested.param == Which::Fake ? "Fake" : "Real"; });

}  // namespace
}  // namespace muster::consul
