// Against a real Consul server: what a catalog does with transactions is Consul's word, not ours.
#include "consul/catalog_agent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "consul/sight.h"
#include "core/canary.h"
#include "core/canonical.h"
#include "support/consul.h"
#include "support/wait.h"

namespace muster::consul {
namespace {

using nlohmann::json;
using support::ConsulServer;

const Owner kOwner{"prod", "muster"};
constexpr char kHost[] = "10.9.0.1";
constexpr char kNode[] = "muster-10-9-0-1";

Service service(const std::string& id, const std::string& name = "web") {
  Service out;
  out.id = "muster:" + id;
  out.name = name;
  out.address = kHost;
  out.port = 8080;
  out.tags = {"z", "a"};
  out.meta = {{kMetaOwner, kOwner.id}, {kMetaSource, "mesos"}, {kMetaHost, "S1"}, {kMetaInstance, id}};
  Check check;
  check.id = "service:" + out.id;
  check.name = "up";
  check.http = "http://10.9.0.1:8080/";
  check.interval = "90s";
  out.checks = {check};
  out.meta[kMetaHash] = definition_hash(out);
  return out;
}

Desired desired(std::vector<Service> services) {
  std::sort(services.begin(), services.end(), [](const Service& a, const Service& b) { return a.id < b.id; });
  for (Service& each : services) each.meta[kMetaHash] = definition_hash(each);
  return {std::move(services), {}};
}

// One server for all tests of this file: each has a host of its own, or clears up.
class Catalog : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (support::no_consul().empty()) server_ = new ConsulServer();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) {
      std::fprintf(stderr, "skipped: %s\n", support::no_consul().c_str());
      GTEST_SKIP() << support::no_consul();
    }
    take_lock();
  }
  void TearDown() override {
    if (server_ == nullptr) return;
    server_->put("/v1/catalog/deregister", {{"Node", kNode}});
    server_->put("/v1/session/destroy/" + proof_->session);
  }

  void take_lock() {
    const auto made = server_->call("PUT", "/v1/session/create", R"({"TTL":"30s","LockDelay":"0s","NodeChecks":[]})");
    proof_ = LockProof{"muster/lock", json::parse(made.body)["ID"]};
    ASSERT_EQ(server_->put("/v1/kv/muster/lock?acquire=" + proof_->session, json::object()), 200);
  }

  static ConsulSettings settings_for(const ConsulServer& server) {
    ConsulSettings out;
    out.agent = server.url();
    return out;
  }
  std::unique_ptr<CatalogAgents> agents(const Owner& owner = kOwner) {
    const ConsulSettings settings = settings_for(*server_);
    return std::make_unique<CatalogAgents>(
        settings, Credentials::load(settings).value(), owner.id, [this] { return proof_; },
        std::make_shared<Census>(std::chrono::milliseconds(0)));
  }
  // The middle of the line that a worker runs.
  Applied reconcile(const Desired& wanted, const Owner& owner = kOwner, const std::string& host = kHost) {
    const auto made = agents(owner);
    const auto agent = made->at(catalog_key({"S1", host, "", ""}));
    const auto actual = agent->read({});
    if (!actual) return {{}, {{"", actual.error()}}};
    last_ = make_plan(wanted, *actual, owner);
    return agent->apply(last_, {});
  }
  json services() const { return server_->get(std::string("/v1/catalog/node-services/") + kNode)["Services"]; }
  json checks() const { return server_->get(std::string("/v1/health/node/") + kNode); }
  json check(const std::string& id) const {
    for (const json& each : checks()) {
      if (each["CheckID"] == id) return each;
    }
    return nullptr;
  }
  json node() const {
    const json answer = server_->get(std::string("/v1/catalog/node/") + kNode);
    return answer.is_object() ? answer["Node"] : json();
  }
  // As consul-esm does.
  void set_status(const std::string& id, const std::string& status, const std::string& output) {
    json held = check(id);
    held["Status"] = status;
    held["Output"] = output;
    ASSERT_EQ(server_->put("/v1/txn", {{{"Check", {{"Verb", "cas"}, {"Check", held}}}}}), 200);
  }

  static ConsulServer* server_;
  std::optional<LockProof> proof_;
  Plan last_;
};

ConsulServer* Catalog::server_ = nullptr;

void expect_clean(const Applied& applied) {
  for (const Failure& each : applied.failures) ADD_FAILURE() << each.service_id << ": " << each.error.message;
}

std::map<std::string, std::uint64_t> indexes(const json& services, const json& checks, const json& node) {
  std::map<std::string, std::uint64_t> out{{"node", node["ModifyIndex"]}};
  for (const json& each : services) out["service " + each["ID"].get<std::string>()] = each["ModifyIndex"];
  for (const json& each : checks) out["check " + each["CheckID"].get<std::string>()] = each["ModifyIndex"];
  return out;
}

TEST_F(Catalog, RegistersOnASyntheticNodeThatConsulEsmCanFind) {
  expect_clean(reconcile(desired({service("a")})));
  EXPECT_EQ(node()["Address"], kHost);
  EXPECT_EQ(node()["Meta"], (json{{"external-node", "true"}, {"external-probe", "true"}, {kMetaOwner, "prod"}}));
  ASSERT_EQ(services().size(), 1u);
  EXPECT_EQ(services()[0]["Tags"], (json{"z", "a"}));
  EXPECT_EQ(services()[0]["Port"], 8080);
  const json held = check("service:muster:a");
  EXPECT_EQ(held["Status"], "critical") << "until somebody has looked";
  EXPECT_EQ(held["Definition"]["HTTP"], "http://10.9.0.1:8080/");
  EXPECT_EQ(held["Definition"]["Interval"], "1m30s");
}

TEST_F(Catalog, IsQuietWhenNothingChanged) {
  Service wide = service("a");
  wide.weight_passing = 3;
  wide.enable_tag_override = true;
  const Desired wanted = desired({wide, service("b/ c?")});
  expect_clean(reconcile(wanted));
  const auto before = indexes(services(), checks(), node());
  expect_clean(reconcile(wanted));
  EXPECT_TRUE(last_.actions.empty()) << last_.actions[0].why;
  EXPECT_EQ(last_.equal, 2u);
  EXPECT_EQ(indexes(services(), checks(), node()), before);
}

TEST_F(Catalog, KeepsTheStatusThatConsulEsmWroteWhenTheServiceChanges) {
  expect_clean(reconcile(desired({service("a")})));
  set_status("service:muster:a", "passing", "HTTP GET: 200 OK");
  Service changed = service("a");
  changed.tags = {"new"};
  changed.checks[0].interval = "10s";
  changed.checks.push_back(changed.checks[0]);
  changed.checks[1].id += ":2";
  expect_clean(reconcile(desired({changed})));
  ASSERT_EQ(last_.actions.size(), 1u);
  EXPECT_EQ(last_.actions[0].verb, Verb::Update);
  const json held = check("service:muster:a");
  EXPECT_EQ(held["Status"], "passing");
  EXPECT_EQ(held["Output"], "HTTP GET: 200 OK");
  EXPECT_EQ(held["Definition"]["Interval"], "10s");
  EXPECT_EQ(held["ServiceTags"], json{"new"});
  EXPECT_EQ(check("service:muster:a:2")["Status"], "critical");
  expect_clean(reconcile(desired({changed})));
  EXPECT_TRUE(last_.actions.empty());
}

TEST_F(Catalog, NeverWritesOverAStatusThatCameWhileItWasPlanning) {
  expect_clean(reconcile(desired({service("a")})));
  const auto made = agents();
  const auto agent = made->at(catalog_key({"S1", kHost, "", ""}));
  const auto actual = agent->read({});
  ASSERT_TRUE(actual) << actual.error().message;
  set_status("service:muster:a", "passing", "just now");
  Service changed = service("a");
  changed.port = 8081;
  const Applied applied = agent->apply(make_plan(desired({changed}), *actual, kOwner), {});
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry) << applied.failures[0].error.message;
  EXPECT_EQ(check("service:muster:a")["Status"], "passing");
  EXPECT_EQ(services()[0]["Port"], 8080) << "all of a transaction or nothing";
  expect_clean(reconcile(desired({changed})));
  EXPECT_EQ(check("service:muster:a")["Output"], "just now");
  EXPECT_EQ(services()[0]["Port"], 8081);
}

TEST_F(Catalog, RepairsWhatWasChangedByHand) {
  const Desired wanted = desired({service("a"), service("b")});
  expect_clean(reconcile(wanted));
  set_status("service:muster:b", "passing", "");
  ASSERT_EQ(server_->put("/v1/catalog/deregister", {{"Node", kNode}, {"CheckID", "service:muster:a"}}), 200);
  json edited = services()[1];
  edited["Tags"] = {"hand"};
  ASSERT_EQ(server_->put("/v1/txn", {{{"Service", {{"Verb", "set"}, {"Node", kNode}, {"Service", edited}}}}}), 200);
  expect_clean(reconcile(wanted));
  EXPECT_EQ(last_.actions.size(), 2u);
  EXPECT_FALSE(check("service:muster:a").is_null());
  EXPECT_EQ(services()[1]["Tags"], (json{"z", "a"}));
  EXPECT_EQ(check("service:muster:b")["Status"], "passing");
}

// By consul-esm's own rules a check without a Definition is run by nobody.
TEST_F(Catalog, GivesACheckItsDefinitionBackThatWasEmptiedByHand) {
  Service one = service("a");
  one.checks[0].id = "http:" + one.id;
  expect_clean(reconcile(desired({one})));
  set_status(one.checks[0].id, "passing", "200 OK");
  json held = check(one.checks[0].id);
  held["Definition"] = json::object();
  ASSERT_EQ(server_->put("/v1/txn", {{{"Check", {{"Verb", "set"}, {"Check", held}}}}}), 200);
  expect_clean(reconcile(desired({one})));
  EXPECT_EQ(check(one.checks[0].id)["Definition"]["HTTP"], "http://10.9.0.1:8080/");
  EXPECT_EQ(check(one.checks[0].id)["Status"], "passing");
  expect_clean(reconcile(desired({one})));
  EXPECT_TRUE(last_.actions.empty());
}

TEST_F(Catalog, WritesTheStateOfAReportedCheckAndNothingWhenItIsTheSame) {
  Service one = service("a");
  one.tagged_addresses["lan"] = {"10.1.1.1", 0};
  Check state;
  state.id = "ttl:" + one.id;
  state.name = "unit";
  state.ttl = "720h";
  state.reported = true;
  state.status = "passing";
  state.output = "running";
  one.checks = {state};
  for (const char* status : {"passing", "warning", "warning"}) {
    one.checks[0].status = status;
    expect_clean(reconcile(desired({one})));
    EXPECT_EQ(check(state.id)["Status"], status);
    EXPECT_EQ(check(state.id)["Output"], "running");
    EXPECT_EQ(check(state.id)["ServiceName"], "web");
  }
  EXPECT_TRUE(last_.actions.empty());
}

TEST_F(Catalog, PutsIntoMaintenanceAsAnAgentDoesAndLeavesAnOperatorsAlone) {
  Service drained = service("a");
  drained.maintenance = "muster: draining";
  expect_clean(reconcile(desired({drained})));
  EXPECT_EQ(check("_service_maintenance:muster:a")["Status"], "critical");
  EXPECT_EQ(check("_service_maintenance:muster:a")["Notes"], "muster: draining");
  EXPECT_EQ(check("_service_maintenance:muster:a")["Name"], "Service Maintenance Mode");
  expect_clean(reconcile(desired({drained})));
  EXPECT_TRUE(last_.actions.empty());
  expect_clean(reconcile(desired({service("a")})));
  EXPECT_TRUE(check("_service_maintenance:muster:a").is_null());

  const json operators{{"Node", kNode},        {"CheckID", "_service_maintenance:muster:a"},
                       {"Name", "by hand"},    {"Notes", "disk"},
                       {"Status", "critical"}, {"ServiceID", "muster:a"}};
  ASSERT_EQ(server_->put("/v1/txn", {{{"Check", {{"Verb", "set"}, {"Check", operators}}}}}), 200);
  Service changed = service("a");
  changed.port = 1;
  expect_clean(reconcile(desired({changed})));
  EXPECT_EQ(check("_service_maintenance:muster:a")["Notes"], "disk");
}

TEST_F(Catalog, FitsFiveHundredServicesIntoAsFewTransactionsAsTheServerAllows) {
  std::vector<Service> many;
  for (int i = 0; i < 500; ++i) {
    many.push_back(service(std::to_string(1000 + i)));
    many.back().checks.clear();
  }
  const auto entries = [&] {
    return std::stoull(server_->get("/v1/agent/self")["Stats"]["raft"]["last_log_index"].get<std::string>());
  };
  const auto before = entries();
  expect_clean(reconcile(desired(many)));
  EXPECT_EQ(services().size(), 500u);
  // 500 services and one node in transactions of 64, each with its check of the session; a raft entry each. Consul adds
  // a few of its own (coordinates).
  EXPECT_LE(entries() - before, 8u + 2u);
  expect_clean(reconcile(desired({})));
  EXPECT_TRUE(node().is_null());
}

TEST_F(Catalog, LeavesOutTheOneServiceThatConsulRefuses) {
  Service bad = service("bad");
  bad.meta["a b"] = "no such key";
  Service huge = service("huge");
  huge.tags = {std::string(600'000, 'x')};
  const Applied applied = reconcile(desired({service("a"), bad, huge, service("z")}));
  ASSERT_EQ(applied.failures.size(), 2u);
  for (const Failure& each : applied.failures) {
    EXPECT_EQ(each.error.fault, Fault::Item);
    EXPECT_NE(each.service_id, "");
  }
  EXPECT_EQ(applied.done.size(), 2u);
  EXPECT_EQ(services().size(), 2u);
}

TEST_F(Catalog, SaysOfAChecksThatNobodyRunsThatNobodyRunsIt) {
  Service one = service("a");
  one.checks[0].http = "";
  one.checks[0].grpc = "10.9.0.1:8080/x";
  expect_clean(reconcile(desired({one})));
  EXPECT_NE(check("service:muster:a")["Output"].get<std::string>().find("nobody runs"), std::string::npos);
  expect_clean(reconcile(desired({one})));
  EXPECT_TRUE(last_.actions.empty());
}

TEST_F(Catalog, DeletesTheNodeWithItsLastServiceAndNotBefore) {
  expect_clean(reconcile(desired({service("a"), service("b")})));
  expect_clean(reconcile(desired({service("a")})));
  EXPECT_EQ(services().size(), 1u);
  expect_clean(reconcile(desired({})));
  EXPECT_TRUE(node().is_null());
  expect_clean(reconcile(desired({})));
  EXPECT_TRUE(node().is_null()) << "and nothing brings it back";
}

TEST_F(Catalog, KeepsANodeOnWhichSomethingForeignStands) {
  expect_clean(reconcile(desired({service("a")})));
  const auto made = agents();
  const auto agent = made->at(catalog_key({"S1", kHost, "", ""}));
  const auto actual = agent->read({});
  const Plan plan = make_plan(desired({}), *actual, kOwner);
  const json foreign{{"Node", kNode}, {"Address", kHost}, {"SkipNodeUpdate", true}, {"Service", {{"Service", "db"}}}};
  ASSERT_EQ(server_->put("/v1/catalog/register", foreign), 200);
  expect_clean(agent->apply(plan, {}));
  ASSERT_EQ(services().size(), 1u) << "it came after we had planned";
  EXPECT_EQ(services()[0]["ID"], "db");
  expect_clean(reconcile(desired({})));
  EXPECT_EQ(services().size(), 1u);
}

TEST_F(Catalog, TouchesNoNodeThatIsNotItsOwn) {
  for (const json& meta : {json::object(), json{{"external-node", "true"}}, json{{kMetaOwner, "other"}}}) {
    const json foreign{{"Node", kNode}, {"Address", "10.9.0.9"}, {"NodeMeta", meta}, {"Service", {{"Service", "db"}}}};
    ASSERT_EQ(server_->put("/v1/catalog/register", foreign), 200);
    const json before = node();
    const Applied applied = reconcile(desired({service("a")}));
    ASSERT_EQ(applied.failures.size(), 1u) << meta;
    EXPECT_EQ(applied.failures[0].error.fault, Fault::Keep);
    EXPECT_NE(applied.failures[0].error.message.find(kNode), std::string::npos) << applied.failures[0].error.message;
    EXPECT_EQ(node(), before);
    EXPECT_EQ(services().size(), 1u);
    server_->put("/v1/catalog/deregister", {{"Node", kNode}});
  }
}

TEST_F(Catalog, WritesNothingToANodeThatSomeoneElseTookAfterItWasRead) {
  const auto made = agents();
  const auto agent = made->at(catalog_key({"S1", kHost, "", ""}));
  const auto actual = agent->read({});
  ASSERT_TRUE(actual) << actual.error().message;
  ASSERT_EQ(server_->put("/v1/catalog/register", {{"Node", kNode}, {"Address", "10.9.0.9"}}), 200);
  const Applied applied = agent->apply(make_plan(desired({service("a")}), *actual, kOwner), {});
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  EXPECT_TRUE(services().empty());
  EXPECT_EQ(node()["Address"], "10.9.0.9");
}

TEST_F(Catalog, LeavesAHostWithALiveAgentToThatAgent) {
  for (const std::string& host : {server_->address(), server_->node()}) {
    const auto made = agents();
    const auto read = made->at(catalog_key({"S1", host, "", ""}))->read({});
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_TRUE(left_alone(*read));
    EXPECT_NE(read->remarks[0].text.find("--consul-mode=agent"), std::string::npos) << read->remarks[0].text;
    const Applied applied = reconcile(desired({service("a")}), kOwner, host);
    ASSERT_EQ(applied.failures.size(), 1u) << "not even when it is asked to";
    EXPECT_EQ(applied.failures[0].error.fault, Fault::Keep);
    EXPECT_NE(applied.failures[0].error.message.find("--consul-mode=agent"), std::string::npos)
        << applied.failures[0].error.message;
    EXPECT_TRUE(server_->get("/v1/catalog/node/" + catalog_node_name(host)).is_null());
  }
}

// A host that got an agent of its own kept its synthetic node for ever: no run and no cleanup touched it again.
TEST_F(Catalog, EmptiesItsOwnNodeOnceTheHostHasAnAgentAndWritesNothingElse) {
  const std::string node = catalog_node_name(server_->address());
  const Service ours = service("a");
  const json entry{{"Node", node},
                   {"Address", server_->address()},
                   {"NodeMeta", {{kMetaOwner, kOwner.id}}},
                   {"Service", {{"ID", ours.id}, {"Service", "web"}, {"Meta", ours.meta}}}};
  ASSERT_EQ(server_->put("/v1/catalog/register", entry), 200);
  const Applied refused = reconcile(desired({service("b")}), kOwner, server_->address());
  ASSERT_EQ(refused.failures.size(), 1u);
  EXPECT_EQ(refused.failures[0].error.fault, Fault::Keep);
  EXPECT_TRUE(refused.done.empty());
  const Applied applied = reconcile(desired({}), kOwner, server_->address());
  expect_clean(applied);
  EXPECT_EQ(applied.done.size(), 1u);
  EXPECT_TRUE(server_->get("/v1/catalog/node/" + node).is_null());
}

TEST_F(Catalog, WritesNothingOnceTheLockIsLost) {
  ASSERT_EQ(server_->put("/v1/session/destroy/" + proof_->session), 200);
  Applied applied = reconcile(desired({service("a")}));
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  EXPECT_TRUE(applied.done.empty());
  EXPECT_TRUE(node().is_null());

  const auto lost = *proof_;
  proof_.reset();
  applied = reconcile(desired({service("a")}));
  ASSERT_EQ(applied.failures.size(), 1u) << "nor without one";
  EXPECT_TRUE(node().is_null());
  proof_ = lost;
}

TEST(CatalogUnderAcls, TakesADeniedReadForBlindnessAndNotForAnEmptyHost) {
  if (const std::string why = support::no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server({.acl = true});
  const auto made = server.call("PUT", "/v1/session/create", R"({"NodeChecks":[]})");
  const LockProof proof{"lock", json::parse(made.body)["ID"]};
  ASSERT_EQ(server.put("/v1/kv/lock?acquire=" + proof.session, json::object()), 200);
  const auto read_with = [&](const std::string& token) {
    ConsulSettings settings;
    settings.agent = server.url();
    settings.token = token;
    SightedAgents agents(
        std::make_unique<CatalogAgents>(
            settings, Credentials::load(settings).value(), kOwner.id, [&] { return proof; },
            std::make_shared<Census>()),
        kOwner, [] { return true; }, [](const AgentKey&) { return true; });
    return agents.at({"catalog://10.9.0.1"})->read({});
  };
  const std::string all =
      server.create_token("all", R"(node_prefix "" {policy="read"} node_prefix "muster-" {policy="write"}
               service_prefix "" {policy="write"} key "lock" {policy="read"})");
  const auto seen = read_with(all);
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->services.size(), 1u) << "the canary";

  const auto nobody = read_with(server.create_token("nobody", R"(key "lock" {policy="read"})"));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().fault, Fault::Keep) << nobody.error().message;
  const auto nodes =
      read_with(server.create_token("nodes", R"(node_prefix "" {policy="write"} key "lock" {policy="read"})"));
  ASSERT_FALSE(nodes) << "sees the node and none of its services";
}

TEST(CatalogNames, GiveEveryHostANodeOfItsOwn) {
  EXPECT_EQ(catalog_node_name("10.0.0.21"), "muster-10-0-0-21");
  EXPECT_EQ(catalog_node_name("n1"), "muster-n1");
  const std::vector<std::string> hosts{"10.0.0.21",
                                       "10-0-0-21",
                                       "10.0-0.21",
                                       "n1",
                                       "N1",
                                       "n_1",
                                       "n-1",
                                       "n.1",
                                       "fd00::1",
                                       "fd00--1",
                                       "n1-",
                                       "",
                                       "machine/id",
                                       std::string(300, 'a'),
                                       std::string(301, 'a')};
  std::map<std::string, std::string> names;
  for (const std::string& host : hosts) {
    const std::string name = catalog_node_name(host);
    EXPECT_TRUE(names.emplace(name, host).second) << host << " and " << names[name] << " are both " << name;
    EXPECT_LE(name.size(), 63u);
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    })) << name;
  }
}

TEST(CatalogNames, MakeKeysOfAddressesFirst) {
  EXPECT_EQ(catalog_key({"S1", "10.0.0.1", "n1", "http://127.0.0.1:8500"}).url, "catalog://10.0.0.1");
  EXPECT_EQ(catalog_key({"S1", "", "n1", ""}).url, "catalog://n1");
  EXPECT_EQ(catalog_key({"S1", "", "", ""}).url, "catalog://S1");
}

}  // namespace
}  // namespace muster::consul
