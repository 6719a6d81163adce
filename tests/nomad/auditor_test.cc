// The audit over a Nomad that answers by HTTP, and agents that are values.
#include "nomad/auditor.h"

#include <gtest/gtest.h>

#include <map>

#include "fakes/fake_nomad.h"
#include "laws/simulated_agent.h"
#include "net/http.h"

namespace muster::nomad {
namespace {

using laws::SimulatedAgent;

class SimulatedAgents : public Agents {
 public:
  std::map<AgentKey, SimulatedAgent> all;
  std::set<AgentKey> down;

  std::unique_ptr<Agent> at(const AgentKey& key) override { return std::make_unique<One>(*this, key); }

 private:
  class One : public Agent {
   public:
    One(SimulatedAgents& of, AgentKey key) : of_(of), key_(std::move(key)) {}
    Result<Actual> read(std::stop_token) override {
      if (of_.down.contains(key_)) return fail(Fault::Retry, key_.url + ": refused");
      return of_.all[key_].read();
    }
    Applied apply(const Plan& plan, std::stop_token) override {
      Applied out;
      for (const Action& action : plan.actions) {
        if (of_.down.contains(key_)) {
          out.failures.push_back({action.service.id, {Fault::Retry, key_.url + ": refused"}});
          return out;
        }
        of_.all[key_].perform(action);
        out.done.push_back(action);
      }
      return out;
    }

   private:
    SimulatedAgents& of_;
    AgentKey key_;
  };
};

constexpr char kRunning[] = "11111111-376b-3ccc-edd9-981e238f7033";
constexpr char kOver[] = "22222222-376b-3ccc-edd9-981e238f7033";
constexpr char kCollected[] = "33333333-376b-3ccc-edd9-981e238f7033";

class NomadAuditorTest : public testing::Test {
 protected:
  NomadAuditorTest() {
    net::global_init();
    const std::string node = nomad_.add_node({.id = "", .name = "n1", .address = "127.0.0.11"});
    nomad_.start({.id = kRunning, .node = node});
    nomad_.start({.id = kOver, .node = node});
    nomad_.finish(kOver);
    settings_.scope = Scope::Cluster;
    settings_.addresses = {nomad_.url()};
    for (const char* id : {kRunning, kOver, kCollected}) put(theirs(id));
    put("_nomad-client-abc", "127.0.0.11");
    put("zookeeper");
  }

  static std::string theirs(const char* id) { return std::string("_nomad-task-") + id + "-group-web-web-http"; }

  void put(const std::string& id, const std::string& address = "127.0.0.11") {
    Service service;
    service.id = id;
    service.name = "web";
    service.address = address;
    service.port = 20000;
    agents_.all[key_].put(service);
  }

  AuditReport read() {
    const auto resolve = [](const HostRef& host) { return AgentKey{"http://" + host.ip + ":8500"}; };
    // A day later: what ended did so long ago.
    const auto now = std::chrono::system_clock::now() + std::chrono::hours(24);
    Result<AuditReport> report = read_audit(settings_, agents_, resolve, "prod", now, {});
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(AuditReport{});
  }

  std::set<std::string> stale(const AuditReport& report) const {
    std::set<std::string> out;
    for (const Finding& each : report.findings) {
      if (each.stale) out.insert(each.service_id);
    }
    return out;
  }

  fakes::FakeNomad nomad_;
  NomadSettings settings_;
  SimulatedAgents agents_;
  const AgentKey key_{"http://127.0.0.11:8500"};
};

TEST_F(NomadAuditorTest, FindsWhatNoAllocationStandsBehindAndRepairRemovesThatAlone) {
  const AuditReport report = read();
  EXPECT_EQ(report.looked_at.registrations, 3U);
  EXPECT_TRUE(report.unread.empty());
  EXPECT_EQ(stale(report), (std::set<std::string>{theirs(kOver), theirs(kCollected)}));
  EXPECT_EQ(agents_.all[key_].services().size(), 5U) << "to look is not to touch";

  const auto repaired = repair(agents_, report.findings, {});
  ASSERT_EQ(repaired.size(), 2U);
  EXPECT_TRUE(repaired[0].done && repaired[1].done);
  const auto& left = agents_.all[key_].services();
  EXPECT_EQ(left.size(), 3U);
  EXPECT_TRUE(left.contains(theirs(kRunning)) && left.contains("zookeeper") && left.contains("_nomad-client-abc"));
  EXPECT_TRUE(stale(read()).empty());
}

TEST_F(NomadAuditorTest, OfAnAgentThatDoesNotAnswerNothingIsSaid) {
  const AuditReport before = read();
  agents_.down.insert(key_);
  const AuditReport report = read();
  EXPECT_TRUE(report.findings.empty());
  ASSERT_EQ(report.unread.size(), 1U);
  EXPECT_NE(report.unread[0].find("http://127.0.0.11:8500"), std::string::npos);
  const auto lines = repair(agents_, before.findings, {});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_FALSE(lines[0].done);
  EXPECT_NE(lines[0].line.find("refused"), std::string::npos);
}

TEST_F(NomadAuditorTest, ANomadThatAnswersNothingProvesNothing) {
  settings_.addresses = {"http://127.0.0.1:1"};
  settings_.timeout = std::chrono::milliseconds(500);
  const auto resolve = [](const HostRef& host) { return AgentKey{"http://" + host.ip + ":8500"}; };
  EXPECT_FALSE(read_audit(settings_, agents_, resolve, "prod", std::chrono::system_clock::now(), {}));
}

}  // namespace
}  // namespace muster::nomad
