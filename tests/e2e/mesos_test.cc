// The real binary between a real ZooKeeper, real Consul agents and a simulated Mesos master.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

#include "e2e/cluster.h"
#include "net/http.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::dig_a;
using support::dig_srv;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::run_muster;

class MesosEndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {support::no_consul(), support::no_zookeeper()}) {
      if (why.empty()) continue;
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
  }
};

bool has(const support::ConsulAgent& agent, const std::string& id) { return !Cluster::service(agent, id).is_null(); }

double writes(const Muster& muster) { return muster.metric("muster_consul_writes_total").value_or(-1); }
double deregistrations(const Muster& muster) {
  return muster.metric("muster_consul_writes_total", {"verb=\"deregister\""}).value_or(-1);
}

TEST_F(MesosEndToEnd, ATaskIsFollowedFromItsStartOverAnUpdateAndAMoveToItsEnd) {
  Cluster cluster;
  Muster muster(cluster.flags());
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"tags", "v1"}}));
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  EXPECT_EQ(Cluster::service(cluster.a, "muster:web.1:31001").at("Tags"), json({"v1"}));

  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"tags", "v2,blue"}}));
  EXPECT_TRUE(eventually(
      kPatience, [&] { return Cluster::service(cluster.a, "muster:web.1:31001").at("Tags") == json({"v2", "blue"}); }));

  cluster.mesos.move("web.1", kHostB);
  EXPECT_TRUE(eventually(kPatience, [&] {
    return has(cluster.b, "muster:web.1:31001") && !has(cluster.a, "muster:web.1:31001");
  })) << muster.log();

  cluster.mesos.kill("web.1");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(cluster.b, "muster:web.1:31001"); })) << muster.log();
}

TEST_F(MesosEndToEnd, APortThatIsUsedAgainByAnotherTaskCarriesItsTagsAndNotTheOldOnes) {
  Cluster cluster;
  Muster muster(cluster.flags());
  cluster.mesos.start(task("old.1", "web", kHostA, 31001, {{"tags", "old"}}));
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:old.1:31001"); })) << muster.log();
  cluster.mesos.edit(
      [](fakes::MesosCluster& state) { state.tasks = {task("new.1", "web", kHostA, 31001, {{"tags", "new"}})}; });
  ASSERT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:old.1:31001"); })) << muster.log();
  EXPECT_EQ(Cluster::service(cluster.a, "muster:new.1:31001").at("Tags"), json({"new"}));
}

TEST_F(MesosEndToEnd, MesosItselfIsAServiceWhoseLeaderAnswersByDns) {
  Cluster cluster;
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] {
    return dig_a("127.0.0.1", cluster.server.dns_port(), "master.mesos.service.consul").size() == 1;
  })) << muster.log();
  // Checks start critical; the fake master answers /master/health, so DNS shows it once Consul has asked.
  EXPECT_TRUE(eventually(kPatience, [&] {
    return dig_a("127.0.0.1", cluster.server.dns_port(), "leader.mesos.service.consul") ==
           std::vector<std::string>{"127.0.0.1"};
  }));
  EXPECT_EQ(cluster.catalog("mesos").size(), 3U);
}

TEST_F(MesosEndToEnd, DnsAnswersWithAddressPortAndTag) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"tags", "blue"}}));
  cluster.mesos.start(task("web.2", "web", kHostB, 31002, {{"tags", "green"}}));
  Muster muster(cluster.flags());
  const int port = cluster.server.dns_port();
  ASSERT_TRUE(eventually(kPatience, [&] { return dig_srv("127.0.0.1", port, "web.service.consul").size() == 2; }))
      << muster.log();
  EXPECT_EQ(dig_a("127.0.0.1", port, "blue.web.service.consul"), std::vector<std::string>{kHostA});
  const auto green = dig_srv("127.0.0.1", port, "_web._green.service.consul");
  ASSERT_EQ(green.size(), 1U);
  EXPECT_EQ(green.front().port, 31002);
}

TEST_F(MesosEndToEnd, AChangeOfLeaderIsFollowedAtOnceAndNotAtTheNextTick) {
  Cluster cluster;
  Muster muster(cluster.flags({"--refresh=1h"}));
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  fakes::FakeMesos second;
  second.edit([&](fakes::MesosCluster& state) {
    cluster.mesos.edit([&](fakes::MesosCluster& first) { state.agents = first.agents, state.tasks = first.tasks; });
    state.tasks.push_back(task("web.2", "web", kHostB, 31002));
  });
  support::ZkSession next(cluster.zookeeper.hosts());
  next.announce("/mesos/json.info_", second.info());
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.ready() == 200; })) << muster.log();
  EXPECT_EQ(second.reads(), 0U);
  cluster.announcement.reset();  // the leader's session ends
  EXPECT_TRUE(eventually(kPatience, [&] { return has(cluster.b, "muster:web.2:31002"); })) << muster.log();
}

// The dead leader once stayed registered as `leader` beside the new one until the failover's grace was over.
TEST_F(MesosEndToEnd, ADeadLeadingMasterIsGoneAsSoonAsTheNextOneAnswers) {
  Cluster cluster;
  fakes::FakeMesos second;
  support::ZkSession next(cluster.zookeeper.hosts());
  next.announce("/mesos/json.info_", second.info());
  Muster muster(cluster.flags());
  const auto masters = [&] {
    std::vector<json> tags;
    for (const json& each : cluster.catalog("mesos")) {
      if (each.at("ServiceTags") != json({"agent", "follower"})) tags.push_back(each.at("ServiceTags"));
    }
    std::sort(tags.begin(), tags.end());
    return json(tags);
  };
  ASSERT_TRUE(eventually(kPatience, [&] { return masters() == json({{"leader", "master"}, {"master"}}); }))
      << masters() << muster.log();
  cluster.mesos.edit([&](fakes::MesosCluster& first) {
    second.edit([&](fakes::MesosCluster& state) {
      state.agents = first.agents;
      state.master_id = "the-second";
      state.elected_time = static_cast<double>(std::time(nullptr));
      for (fakes::MesosAgent& agent : state.agents) agent.registered = false;
    });
  });
  cluster.announcement.reset();
  EXPECT_TRUE(eventually(kPatience, [&] { return masters() == json::array({{"leader", "master"}}); }))
      << masters() << muster.log();
}

// A run that remembers nothing once took what is listed as out of reach for absent.
TEST_F(MesosEndToEnd, OnceRemovesWhatIsAbsentAndNothingThatIsOnlyInDoubt) {
  Cluster cluster;
  const std::vector<std::string> states = {"TASK_UNREACHABLE", "TASK_STAGING", ""};  // too few for the breaker
  cluster.mesos.start(task("gone", "web", kHostA, 31000));
  int port = 31000;
  for (const std::string& state : states) cluster.mesos.start(task("web" + state, "web", kHostA, ++port));
  ASSERT_EQ(run_muster(cluster.flags({"--once"})).code, 0);
  ASSERT_TRUE(has(cluster.a, "muster:gone:31000"));
  cluster.mesos.edit([](fakes::MesosCluster& now) { now.tasks.erase(now.tasks.begin()); });
  for (const std::string& state : states) cluster.mesos.set_state("web" + state, state);
  const auto again = run_muster(cluster.flags({"--once"}));
  EXPECT_FALSE(has(cluster.a, "muster:gone:31000")) << again.err;
  port = 31000;
  for (const std::string& state : states) {
    EXPECT_TRUE(has(cluster.a, "muster:web" + state + ":" + std::to_string(++port))) << state << again.err;
  }
}

TEST_F(MesosEndToEnd, AWipedAgentGetsEverythingBackAlsoWhileMesosIsDown) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"check_tcp", "{host}:{port}"}}));
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  cluster.mesos.answer_body("nothing of use", 500);
  cluster.a.crash();
  cluster.a.wipe();
  cluster.a.start();
  EXPECT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  EXPECT_TRUE(cluster.a.get("/v1/agent/checks").contains("tcp:muster:web.1:31001"));
}

TEST_F(MesosEndToEnd, ForeignServicesAreNeverTouched) {
  Cluster cluster;
  ASSERT_EQ(cluster.a.put("/v1/agent/service/register", {{"Name", "theirs"}, {"ID", "theirs"}}), 200);
  ASSERT_EQ(cluster.a.put("/v1/agent/service/register",
                          {{"Name", "web"}, {"ID", "muster:gone:1"}, {"Meta", {{"muster_owner", "another"}}}}),
            200);
  // Another owner's service stands exactly where ours would be.
  ASSERT_EQ(cluster.a.put("/v1/agent/service/register",
                          {{"Name", "not-web"}, {"ID", "muster:web.1:31001"}, {"Meta", {{"muster_owner", "another"}}}}),
            200);
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("web.2", "web", kHostA, 31002));
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.2:31002"); })) << muster.log();
  cluster.mesos.kill("web.2");
  ASSERT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:web.2:31002"); })) << muster.log();
  EXPECT_TRUE(has(cluster.a, "theirs"));
  EXPECT_TRUE(has(cluster.a, "muster:gone:1"));
  EXPECT_EQ(Cluster::service(cluster.a, "muster:web.1:31001").at("Service"), "not-web");
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.metric("muster_plan_conflicts") == 1; }));
}

TEST_F(MesosEndToEnd, CompatTakesOverFromMesosConsulInPlaceWithoutOneDeregistration) {
  Cluster cluster;
  const std::string live = "mesos-consul:127.0.0.2:web:127.0.0.2:31001";
  const std::string stale = "mesos-consul:127.0.0.2:gone:127.0.0.2:31009";
  for (const std::string& id : {live, stale}) {
    const std::string name = id == live ? "web" : "gone";
    ASSERT_EQ(cluster.a.put("/v1/agent/service/register",
                            {{"ID", id}, {"Name", name}, {"Tags", {"v1"}}, {"Address", kHostA}, {"Port", 31001}}),
              200);
  }
  const auto created = [&] {
    const json entries = cluster.catalog("web");
    return entries.size() == 1 ? entries[0].at("CreateIndex").get<std::uint64_t>() : 0;
  };
  const std::uint64_t before = created();
  ASSERT_GT(before, 0U);
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"tags", "v1"}}));
  Muster muster(cluster.flags({"--compat=mesos-consul"}));
  ASSERT_TRUE(eventually(kPatience, [&] {
    return Cluster::service(cluster.a, live).at("Meta").contains("muster_owner");
  })) << muster.log();
  EXPECT_EQ(created(), before) << "a service that is deregistered and registered again gets a new CreateIndex";
  EXPECT_TRUE(has(cluster.a, stale)) << "reported, and left to the operator";
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.log().find(stale) != std::string::npos; }));
  EXPECT_EQ(deregistrations(muster), 0);

  muster.stop();
  const auto shown = run_muster([&] {
    auto flags = cluster.flags({"--compat=mesos-consul"});
    flags.insert(flags.begin(), "adopt");
    return flags;
  }());
  EXPECT_EQ(shown.code, 3) << shown.err;
  EXPECT_NE(shown.out.find(stale), std::string::npos) << shown.out;
  EXPECT_TRUE(has(cluster.a, stale));
  const auto done = run_muster([&] {
    auto flags = cluster.flags({"--compat=mesos-consul", "--stale"});
    flags.insert(flags.begin(), "adopt");
    return flags;
  }());
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_FALSE(has(cluster.a, stale));
  EXPECT_TRUE(has(cluster.a, live));
  EXPECT_EQ(created(), before);
}

TEST_F(MesosEndToEnd, AClientThatTakesTheFirstCatalogEntryNeverGetsADeadAddressAfterAStop) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("web.2", "web", kHostB, 31002));
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 2; })) << muster.log();
  cluster.mesos.set_state("web.1", "TASK_KILLING");  // still alive: now is the time to leave
  const auto first_port = [&] { return cluster.catalog("web")[0].at("ServicePort").get<int>(); };
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 1; })) << muster.log();
  cluster.mesos.kill("web.1");  // dead from here on
  for (int i = 0; i < 50; ++i) ASSERT_EQ(first_port(), 31002);
}

TEST_F(MesosEndToEnd, AnIdleClusterCostsNoWriteAndMovesNoIndex) {
  Cluster cluster;
  for (int i = 0; i < 20; ++i) {
    cluster.mesos.start(task("web." + std::to_string(i), "web", i % 2 == 0 ? kHostA : kHostB, 31000 + i,
                             {{"check_tcp", "{host}:{port}"}, {"tags", "b,a"}}));
  }
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 20; })) << muster.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("mesos").size() == 3; })) << muster.log();
  const auto indexes = [&] {
    std::map<std::string, std::uint64_t> out;
    for (const char* name : {"web", "mesos", "muster"}) {
      for (const json& entry : cluster.catalog(name)) {
        out[entry.at("Node").get<std::string>() + " " + entry.at("ServiceID").get<std::string>()] =
            entry.at("ModifyIndex");
      }
    }
    return out;
  };
  const auto before = indexes();
  const double written = writes(muster);
  const auto cycles = muster.metric("muster_agent_reconciles_total").value_or(0);
  // Three audits of three agents.
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.metric("muster_agent_reconciles_total") >= cycles + 9; }));
  EXPECT_EQ(writes(muster), written);
  EXPECT_EQ(indexes(), before);
}

std::string recording(const std::string& name) {
  std::ifstream file(std::string(MUSTER_SOURCE_DIR) + "/tests/data/mesos/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(MesosEndToEnd, ARecordedFailoverDeregistersNothing) {
  Cluster cluster;
  const auto all = cluster.flags({"--consul-agent=" + cluster.a.url(), "--audit-interval=1s"});
  cluster.mesos.answer_body(recording("state.json"));
  Muster muster(all);
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(cluster.a).size() == 10; })) << muster.log();
  const auto before = Cluster::ids(cluster.a);
  // What a client saw while the leader was killed and came back: 404, 503, 307 and three documents.
  const auto serve = [&](int status, const std::string& body) {
    cluster.mesos.answer_body(body, status);
    const auto reads = cluster.mesos.reads();
    EXPECT_TRUE(eventually(kPatience, [&] { return cluster.mesos.reads() >= reads + 3; }));
  };
  serve(404, "404 Not Found.");
  serve(503, "No leader elected");
  serve(307, "");
  for (const char* name : {"failover-1-empty.json", "failover-2-recovered.json", "failover-3-partial.json"}) {
    serve(200, recording(name));
  }
  EXPECT_EQ(deregistrations(muster), 0) << muster.log();
  for (const std::string& id : before) EXPECT_TRUE(has(cluster.a, id)) << id;
}

TEST_F(MesosEndToEnd, ZooKeeperMayBeAbsentAtTheStartAndLaterOn) {
  Cluster cluster;
  cluster.zookeeper.stop();
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.ready() == 503; })) << muster.log();
  cluster.zookeeper.start();
  cluster.announcement = std::make_unique<support::ZkSession>(cluster.zookeeper.hosts());
  ASSERT_FALSE(cluster.announcement->announce("/mesos/json.info_", cluster.mesos.info()).empty());
  ASSERT_TRUE(eventually(2 * kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  cluster.zookeeper.stop();
  cluster.mesos.start(task("web.2", "web", kHostA, 31002));
  EXPECT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.2:31002"); }))
      << "the last leader is still asked\n"
      << muster.log();
}

TEST_F(MesosEndToEnd, TheShippedPolicyIsEnoughUnderAcls) {
  Cluster cluster(true);
  std::ifstream file(std::string(MUSTER_SOURCE_DIR) + "/deploy/consul/muster-policy.hcl");
  std::stringstream rules;
  rules << file.rdbuf();
  const std::string token = cluster.server.create_token("muster", rules.str());
  cluster.mesos.start(task("web.1", "web", kHostA, 31001, {{"check_tcp", "{host}:{port}"}}));
  Muster muster(cluster.flags(), {{"CONSUL_HTTP_TOKEN", token}});
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  EXPECT_EQ(muster.log().find(token), std::string::npos) << "a secret in the log";
  cluster.mesos.kill("web.1");
  EXPECT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  EXPECT_EQ(muster.metric("muster_agent_failing"), 0);
}

TEST_F(MesosEndToEnd, AServiceThatTheTokenMayNotWriteIsRefusedAloneAndTheRestGoesOn) {
  Cluster cluster(true);
  const std::string token = cluster.server.create_token(
      "half", "service \"muster\" { policy = \"write\" } service \"db\" { policy = \"write\" }");
  cluster.mesos.start(task("db.1", "db", kHostA, 31001));
  cluster.mesos.start(task("web.1", "web", kHostA, 31002));
  Muster muster(cluster.flags(), {{"CONSUL_HTTP_TOKEN", token}});
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:db.1:31001"); })) << muster.log();
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.log().find("Permission denied") != std::string::npos; }));
  EXPECT_FALSE(has(cluster.a, "muster:web.1:31002"));
}

TEST_F(MesosEndToEnd, ATokenWithoutRightsSeesAnEmptyListAndIsNotBelieved) {
  Cluster cluster(true);
  const std::string token = cluster.server.create_token("nothing", "key \"x\" { policy = \"read\" }");
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  Muster muster(cluster.flags(), {{"CONSUL_HTTP_TOKEN", token}});
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.metric("muster_agent_failing").value_or(0) == 3; }))
      << muster.log();
  EXPECT_EQ(muster.ready(), 503);
}

TEST_F(MesosEndToEnd, OneFixedAgentCanServeAllHosts) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("web.2", "web", kHostB, 31002));
  Muster muster(cluster.flags({"--consul-agent=" + cluster.server.url()}));
  EXPECT_TRUE(eventually(kPatience, [&] {
    return has(cluster.server, "muster:web.1:31001") && has(cluster.server, "muster:web.2:31002");
  })) << muster.log();
  EXPECT_TRUE(Cluster::ids(cluster.a).empty());
}

TEST_F(MesosEndToEnd, OnceAnswersByItsExitCodeAndADryRunWritesNothing) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  const auto dry = run_muster(cluster.flags({"--once", "--dry-run"}));
  EXPECT_EQ(dry.code, 3) << dry.err;
  EXPECT_NE(dry.out.find("+ register web muster:web.1:31001  (not in the agent)"), std::string::npos) << dry.out;
  EXPECT_TRUE(cluster.a.get("/v1/agent/services").empty());
  EXPECT_EQ(run_muster(cluster.flags({"--once"})).code, 0);
  EXPECT_TRUE(has(cluster.a, "muster:web.1:31001"));
  EXPECT_EQ(run_muster(cluster.flags({"--once", "--dry-run"})).code, 0) << "nothing left to do";
  cluster.b.crash();
  cluster.mesos.start(task("web.2", "web", kHostA, 31002));
  EXPECT_EQ(run_muster(cluster.flags({"--once"})).code, 1) << "one agent does not answer";
  EXPECT_TRUE(has(cluster.a, "muster:web.2:31002")) << "the others are served all the same";
}

TEST_F(MesosEndToEnd, SigtermLeavesServicesAndASecondIsEnough) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.1:31001"); })) << muster.log();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(muster.stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_TRUE(has(cluster.a, "muster:web.1:31001"));
}

TEST_F(MesosEndToEnd, SighupTakesNewRulesAndKeepsTheOldOnesWhenTheNewAreWrong) {
  Cluster cluster;
  support::Folder folder;
  const std::string config = folder.path() + "/muster.conf";
  const auto write = [&](const std::string& text) { std::ofstream(config) << text; };
  write("blacklist = none-of-these\n");
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("db.1", "db", kHostA, 31002));
  Muster muster(cluster.flags({"--config=" + config}));
  ASSERT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:db.1:31002"); })) << muster.log();

  write("blacklist = ^db\n");
  muster.process().signal(SIGHUP);
  ASSERT_TRUE(eventually(kPatience, [&] { return !has(cluster.a, "muster:db.1:31002"); })) << muster.log();
  EXPECT_TRUE(has(cluster.a, "muster:web.1:31001"));

  write("blacklist = \"(\"\n");
  muster.process().signal(SIGHUP);
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.log().find("old rules stay") != std::string::npos; }));
  EXPECT_NE(muster.log().find("blacklist"), std::string::npos);
  cluster.mesos.start(task("web.2", "web", kHostA, 31003));
  EXPECT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:web.2:31003"); }));
  EXPECT_FALSE(has(cluster.a, "muster:db.1:31002"));
}

TEST_F(MesosEndToEnd, ManyAbsencesAtOnceAreHeldUntilAnOperatorConfirms) {
  Cluster cluster;
  for (int i = 0; i < 20; ++i) {
    cluster.mesos.start(task("web." + std::to_string(i), "web", i % 2 == 0 ? kHostA : kHostB, 31000 + i));
  }
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 20; })) << muster.log();
  cluster.mesos.edit([](fakes::MesosCluster& state) { state.tasks.clear(); });  // a right was lost: 200, and nothing
  ASSERT_TRUE(eventually(kPatience, [&] {
    return muster.metric("muster_plan_held", {"reason=\"breaker\""}).value_or(0) == 20;
  })) << muster.log();
  EXPECT_EQ(cluster.catalog("web").size(), 20U);
  cluster.mesos.start(task("new.1", "new", kHostA, 31100));
  EXPECT_TRUE(eventually(kPatience, [&] { return has(cluster.a, "muster:new.1:31100"); })) << "additions go through";
  muster.process().signal(SIGUSR1);
  EXPECT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").empty(); })) << muster.log();
}

TEST_F(MesosEndToEnd, ManyExplicitEndsAreNeverHeld) {
  Cluster cluster;
  for (int i = 0; i < 20; ++i) {
    cluster.mesos.start(task("web." + std::to_string(i), "web", i % 2 == 0 ? kHostA : kHostB, 31000 + i));
  }
  Muster muster(cluster.flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 20; })) << muster.log();
  cluster.mesos.answer_body("not now", 503);  // all of them end between two reads
  for (int i = 0; i < 18; ++i) cluster.mesos.kill("web." + std::to_string(i));
  cluster.mesos.behave();
  EXPECT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 2; })) << muster.log();
  EXPECT_EQ(muster.log().find("breaker"), std::string::npos);
}

TEST_F(MesosEndToEnd, ServicesOfAHostThatLeftWhileMusterWasDownAreFoundAndRemoved) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  cluster.mesos.start(task("web.2", "web", kHostB, 31002));
  {
    Muster muster(cluster.flags());
    ASSERT_TRUE(eventually(kPatience, [&] { return cluster.catalog("web").size() == 2; })) << muster.log();
  }
  cluster.mesos.remove_agent(kHostB);
  Muster muster(cluster.flags());
  EXPECT_TRUE(eventually(kPatience, [&] { return cluster.b.get("/v1/agent/services").empty(); })) << muster.log();
  EXPECT_TRUE(has(cluster.a, "muster:web.1:31001"));
}

TEST_F(MesosEndToEnd, CleanupFindsAlsoAnAgentWhoseCanaryWasRemoved) {
  Cluster cluster;
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  ASSERT_EQ(run_muster(cluster.flags({"--once"})).code, 0);
  const json held = cluster.a.get("/v1/agent/services");
  for (const auto& [id, service] : held.items()) {
    if (service.at("Service") == "muster") cluster.a.put("/v1/agent/service/deregister/" + net::escape(id));
  }
  auto flags = cluster.flags({"--consul-agent=" + cluster.server.url()});
  flags.insert(flags.begin(), "cleanup");
  const auto done = run_muster(flags);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(cluster.a.get("/v1/agent/services").empty()) << done.out;
  EXPECT_EQ(run_muster(flags).out, "nothing to do\n");
}

TEST_F(MesosEndToEnd, CleanupRemovesAllOfThisOwnerAndNothingElse) {
  Cluster cluster;
  ASSERT_EQ(cluster.a.put("/v1/agent/service/register", {{"Name", "theirs"}, {"ID", "theirs"}}), 200);
  cluster.mesos.start(task("web.1", "web", kHostA, 31001));
  ASSERT_EQ(run_muster(cluster.flags({"--once"})).code, 0);
  auto flags = cluster.flags({"--consul-agent=" + cluster.server.url()});
  flags.insert(flags.begin(), "cleanup");
  const auto done = run_muster(flags);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("muster:web.1:31001"), std::string::npos) << done.out;
  EXPECT_EQ(Cluster::ids(cluster.a), std::vector<std::string>{"theirs"});
  EXPECT_TRUE(cluster.b.get("/v1/agent/services").empty());
}

}  // namespace
}  // namespace muster::e2e
