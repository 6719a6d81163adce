#include "consul/agent.h"

#include <gtest/gtest.h>

#include <thread>

#include "consul/decode.h"
#include "fakes/fake_consul.h"

namespace muster::consul {
namespace {

using namespace std::chrono_literals;
using fakes::FakeConsul;
using fakes::Manner;

Service service(const std::string& id) {
  Service out;
  out.id = id;
  out.name = "web";
  out.address = "10.0.0.1";
  out.port = 80;
  return out;
}

Action action(Verb verb, const std::string& id) {
  Action out;
  out.verb = verb;
  out.service = service(id);
  return out;
}

Plan plan(std::vector<Action> actions) {
  Plan out;
  out.actions = std::move(actions);
  return out;
}

ConsulSettings quick() {
  ConsulSettings s;
  s.timeout = 300ms;
  return s;
}

// One worker with its agents.
struct Worker {
  explicit Worker(const ConsulSettings& s = quick()) : agents(s, Credentials::load(s).value()) {}
  Result<Actual> read(const FakeConsul& consul, std::size_t agent = 0) {
    return agents.at({consul.url(agent)})->read({});
  }
  Applied apply(const FakeConsul& consul, std::vector<Action> actions, std::stop_token stop = {}) {
    return agents.at({consul.url()})->apply(plan(std::move(actions)), stop);
  }
  ConsulAgents agents;
};

TEST(Agent, SendsActionsInOrderAndReadsThemBack) {
  FakeConsul consul(2);
  Worker worker;
  Action maintained = action(Verb::EnableMaintenance, "b");
  maintained.service.maintenance = "muster: draining";
  const Applied applied =
      worker.apply(consul, {action(Verb::Register, "a"), action(Verb::Register, "b/ c?"), action(Verb::Register, "b"),
                            maintained, action(Verb::Deregister, "b/ c?")});
  EXPECT_TRUE(applied.failures.empty()) << applied.failures[0].error.message;
  EXPECT_EQ(applied.done.size(), 5u);
  const auto actual = worker.read(consul);
  ASSERT_TRUE(actual) << actual.error().message;
  ASSERT_EQ(actual->services.size(), 2u);
  EXPECT_EQ(actual->services[0].id, "a");
  EXPECT_EQ(actual->services[1].maintenance, "muster: draining");
  EXPECT_EQ(worker.read(consul, 1)->services.size(), 0u);
}

TEST(Agent, LeavesAnOperatorsMaintenanceAndForeignChecksAloneOnUpdate) {
  FakeConsul consul;
  Worker worker;
  worker.apply(consul, {action(Verb::Register, "a")});
  consul.edit(0, [](fakes::FakeState& state) {
    state.checks["_service_maintenance:a"] = {.id = "_service_maintenance:a",
                                              .name = "m",
                                              .notes = "operator",
                                              .status = "critical",
                                              .type = "maintenance",
                                              .service_id = "a"};
    state.checks["theirs"] = {
        .id = "theirs", .name = "t", .notes = "", .status = "passing", .type = "ttl", .service_id = "a"};
  });
  worker.apply(consul, {action(Verb::Update, "a")});
  const auto actual = worker.read(consul);
  EXPECT_EQ(actual->services.at(0).maintenance, "operator");
  ASSERT_EQ(actual->services.at(0).checks.size(), 1u);
  EXPECT_EQ(actual->services.at(0).checks[0].id, "theirs");
}

TEST(Agent, AsksForPermissionBeforeEachRequestAndWritesTheEpochIntoMeta) {
  FakeConsul consul;
  int left = 2;
  // Asked twice a registration: for the epoch, and right before the sending.
  ConsulAgents agents(quick(), Credentials::load(quick()).value(),
                      [&]() -> std::optional<std::uint64_t> { return left-- > 0 ? std::optional(7) : std::nullopt; });
  const auto agent = agents.at({consul.url()});
  const Applied applied =
      agent->apply(plan({action(Verb::Register, "a"), action(Verb::Deregister, "b"), action(Verb::Register, "c")}), {});
  EXPECT_EQ(applied.done.size(), 1u);
  ASSERT_EQ(applied.failures.size(), 1u) << "the first that is not allowed ends the run";
  EXPECT_EQ(applied.failures[0].service_id, "b");
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  EXPECT_NE(applied.failures[0].error.message.find("standby"), std::string::npos) << applied.failures[0].error.message;
  EXPECT_EQ(consul.total().writes(), 1u);
  EXPECT_EQ(consul.state().services.at("a").meta, (Meta{{"muster_epoch", "7"}}));
}

TEST(Agent, LeavesTheEpochOutWhereMetaIsFull) {
  FakeConsul consul;
  ConsulAgents agents(quick(), Credentials::load(quick()).value(), [] { return std::optional<std::uint64_t>(7); });
  Action full = action(Verb::Register, "a");
  for (int i = 0; i < 64; ++i) full.service.meta["k" + std::to_string(i)] = "v";
  const Applied applied = agents.at({consul.url()})->apply(plan({full}), {});
  EXPECT_TRUE(applied.failures.empty()) << applied.failures[0].error.message;
  EXPECT_EQ(consul.state().services.at("a").meta.size(), 64u);
}

TEST(Agent, EndsAStaleCheckByItsId) {
  FakeConsul consul;
  Worker worker;
  Action with_check = action(Verb::Register, "a");
  Check check;
  check.id = "service:a:old";
  check.ttl = "10s";
  with_check.service.checks = {check};
  Action end = action(Verb::DeregisterCheck, "a");
  end.check_id = check.id;
  const Applied applied = worker.apply(consul, {with_check, end});
  EXPECT_EQ(applied.done.size(), 2u);
  EXPECT_TRUE(consul.state().checks.empty());
}

TEST(Agent, SkipsARefusedItemAndGoesOn) {
  FakeConsul consul;
  Worker worker;
  Action bad = action(Verb::Register, "bad");
  bad.service.meta = {{"no spaces", "x"}};
  const Applied applied = worker.apply(consul, {action(Verb::Register, "a"), bad, action(Verb::Register, "b")});
  EXPECT_EQ(consul.ids(), (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].service_id, "bad");
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Item);
  EXPECT_EQ(applied.failures[0].error.message, "PUT " + consul.url() +
                                                   "/v1/agent/service/register: 400 Invalid Service Meta: Key contains "
                                                   "invalid characters");
}

TEST(Agent, StopsAtAnAgentThatCannotWork) {
  FakeConsul consul;
  Worker worker;
  consul.set_mood(0, {.status = 500, .body = "No cluster leader"});
  const Applied applied = worker.apply(consul, {action(Verb::Register, "a"), action(Verb::Register, "b")});
  EXPECT_EQ(consul.counts(0).registers, 1u);
  EXPECT_TRUE(applied.done.empty());
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
}

TEST(Agent, KeepsWhatWasDoneBeforeTheAgentDied) {
  FakeConsul consul;
  Worker worker;
  consul.die_at_write(0, 2, true);
  const std::vector<Action> actions = {action(Verb::Register, "a"), action(Verb::Register, "b"),
                                       action(Verb::Register, "c")};
  const Applied applied = worker.apply(consul, actions);
  EXPECT_EQ(applied.done.size(), 1u);
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  EXPECT_FALSE(worker.read(consul));
  consul.revive(0);
  EXPECT_EQ(worker.read(consul)->services.size(), 2u) << "the second was done, though not answered";
}

TEST(Agent, TakesAnUnknownServiceForGone) {
  for (const auto unknown :
       {fakes::UnknownService::Ok200, fakes::UnknownService::Error500, fakes::UnknownService::NotFound404}) {
    FakeConsul consul(1, {.unknown_service = unknown});
    Worker worker;
    Action check = action(Verb::DeregisterCheck, "a");
    check.check_id = "service:a";
    const Applied applied =
        worker.apply(consul, {action(Verb::Deregister, "a"), check, action(Verb::DisableMaintenance, "a")});
    EXPECT_EQ(applied.done.size(), 3u) << applied.failures[0].error.message;
  }
}

TEST(Agent, NeverSendsARequestWithoutAnId) {
  FakeConsul consul;
  Worker worker;
  const Applied applied = worker.apply(consul, {action(Verb::Deregister, ""), action(Verb::DeregisterCheck, "a")});
  EXPECT_EQ(applied.failures.size(), 2u);
  EXPECT_EQ(consul.total().writes() + consul.total().others, 0u);
}

TEST(Agent, FailsAReadThatIsNotWhole) {
  FakeConsul consul;
  Worker worker;
  const fakes::Mood moods[] = {{.status = 500, .body = "x"},
                               {.status = 403, .body = "ACL not found"},
                               {.status = 200, .body = ""},
                               {.status = 200, .body = "null"},
                               {.status = 204},
                               {.manner = Manner::Truncate},
                               {.manner = Manner::Reset},
                               {.manner = Manner::Hang}};
  for (const fakes::Mood& mood : moods) {
    consul.set_mood(0, mood);
    const auto actual = worker.read(consul);
    ASSERT_FALSE(actual) << mood.status;
    EXPECT_EQ(actual.error().fault, Fault::Retry);
    EXPECT_NE(actual.error().message.find(consul.url()), std::string::npos) << actual.error().message;
  }
  consul.set_mood(0, {});
  EXPECT_TRUE(worker.read(consul));
}

TEST(Agent, ShowsItsTokenToTheAgentAndToNobodyElse) {
  FakeConsul consul(1, {.token = "s3cret"});
  ConsulSettings s = quick();
  s.token = "s3cret";
  Worker worker(s);
  EXPECT_EQ(worker.apply(consul, {action(Verb::Register, "a")}).done.size(), 1u);
  EXPECT_EQ(worker.read(consul)->services.size(), 1u);
  consul.set_mood(0, {.status = 500, .body = "token s3cret is bad " + std::string(1000, 'x')});
  const auto failed = worker.read(consul);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message.find("s3cret"), std::string::npos) << failed.error().message;
  EXPECT_NE(failed.error().message.find("token <token> is bad"), std::string::npos) << failed.error().message;
  EXPECT_LT(failed.error().message.size(), 300u);
}

TEST(Agent, UsesATokenFromTheNextRequestOn) {
  FakeConsul consul(1, {.token = "new"});
  ConsulSettings s = quick();
  s.token = "old";
  Worker worker(s);
  const Applied applied = worker.apply(consul, {action(Verb::Register, "a"), action(Verb::Register, "b")});
  ASSERT_EQ(applied.failures.size(), 1u) << "an unknown token may be a cluster without a leader: stop";
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  Worker nobody;
  const Applied denied = nobody.apply(consul, {action(Verb::Register, "a"), action(Verb::Register, "b")});
  ASSERT_EQ(denied.failures.size(), 2u);
  EXPECT_EQ(denied.failures[0].error.fault, Fault::Item);
}

TEST(Agent, StopsWithinItsDeadlineWhenTheAgentHangs) {
  FakeConsul consul;
  ConsulSettings s;
  s.timeout = 20s;
  Worker worker(s);
  consul.set_mood(0, {.manner = Manner::Hang, .only_writes = true});
  EXPECT_TRUE(worker.read(consul));
  std::stop_source stop;
  const std::jthread later([&] {
    while (consul.counts(0).registers == 0) std::this_thread::yield();
    stop.request_stop();
  });
  const Applied applied =
      worker.apply(consul, {action(Verb::Register, "a"), action(Verb::Register, "b")}, stop.get_token());
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_TRUE(applied.failures[0].error.message.ends_with(": stopped")) << applied.failures[0].error.message;
}

struct Verdict {
  Verb verb;
  int status;
  const char* body;
  int fault;  // -1: done
};

TEST(Judge, KnowsConsulsAnswers) {
  constexpr int kDone = -1;
  constexpr int kItem = static_cast<int>(Fault::Item);
  constexpr int kRetry = static_cast<int>(Fault::Retry);
  const Verdict cases[] = {
      {Verb::Register, 200, "", kDone},
      {Verb::Register, 400, "Request decode failed: json: unknown field \"SocketPath\"", kItem},
      {Verb::Register, 403, "Permission denied: Missing service:write on web", kItem},
      {Verb::Register, 403, "ACL not found", kRetry},
      {Verb::Register, 403, "rpc error making call: ACL not found", kRetry},
      {Verb::Register, 403, "Access is restricted", kRetry},
      {Verb::Register, 401, "", kRetry},
      {Verb::Register, 404, "Invalid URL path", kRetry},
      {Verb::Register, 405, "", kRetry},
      {Verb::Register, 413, "Request body too large", kItem},
      {Verb::Register, 429, "Your IP is issuing too many concurrent connections", kRetry},
      {Verb::Register, 500, "Scripts are disabled on this agent; to enable", kItem},
      {Verb::Register, 500, "No known Consul servers", kRetry},
      {Verb::Register, 500, "Unknown service {\"zzz\" {}}", kRetry},
      {Verb::Register, 503, "", kRetry},
      {Verb::Deregister, 404, "Unknown service ID", kDone},
      {Verb::Deregister, 500, "Unknown service {\"zzz\" {}}", kDone},
      {Verb::Deregister, 500, "No cluster leader", kRetry},
      {Verb::Deregister, 403, "Permission denied", kItem},
      {Verb::DeregisterCheck, 404, "Unknown check ID", kDone},
      {Verb::DeregisterCheck, 500, "Unknown check \"x\"", kDone},
      {Verb::EnableMaintenance, 404, "No service registered with ID", kItem},
      {Verb::DisableMaintenance, 404, "No service registered with ID", kDone},
      {Verb::DisableMaintenance, 500, "", kRetry},
  };
  for (const Verdict& c : cases) {
    const auto verdict = judge(c.verb, c.status, c.body);
    EXPECT_EQ(verdict ? kDone : static_cast<int>(verdict.error().fault), c.fault) << c.status << " " << c.body;
  }
}

}  // namespace
}  // namespace muster::consul
