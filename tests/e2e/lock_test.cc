// Several musters with --lock: one acts, and whatever happens to it, no two ever write.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <iostream>

#include "e2e/cluster.h"
#include "fakes/fake_consul.h"
#include "support/http.h"

namespace muster::e2e {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using support::ConsulServer;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::run_muster;
using Clock = std::chrono::steady_clock;

constexpr auto kTtl = 10s;                 // the shortest that Consul takes
constexpr auto kLockDelay = kTtl * 2 / 3;  // see lease_of()

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class LockEndToEnd : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
  }
};

// One host, whose tasks go to one Consul agent, a server.
struct Site {
  Site() { mesos.add_agent(kHostA, "node-a"); }
  std::vector<std::string> flags(const std::string& owner, std::vector<std::string> more = {}) const {
    std::vector<std::string> out{"--mesos-master=" + mesos.url(),
                                 "--consul-agent=" + server.url(),
                                 "--owner=" + owner,
                                 "--refresh=200ms",
                                 "--lock",
                                 "--lock-ttl=10s"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  json service(const std::string& id) const { return Cluster::service(server, id); }
  std::string epoch(const std::string& id) const {
    const json found = service(id);
    return found.is_null() ? "none" : found["Meta"].value("muster_epoch", "");
  }

  ConsulServer server;
  fakes::FakeMesos mesos;
};

bool active(const Muster& muster) { return muster.metric("muster_lock_held") == 1; }
bool becomes_active(const Muster& muster, std::chrono::milliseconds deadline = kPatience) {
  return eventually(deadline, [&] { return active(muster); });
}
std::string ready_page(const Muster& muster) { return support::http({.port = muster.port(), .path = "/ready"}).body; }
double held_as_standby(const Muster& muster) {
  return muster.metric("muster_plan_held", {"reason=\"standby\""}).value_or(-1);
}

TEST_F(LockEndToEnd, AStandbyTakesOverAtOnceAfterSigtermAndWithinTwoTtlAndLockDelayAfterSigkill) {
  Site site;
  site.mesos.start(task("web.1", "web", kHostA, 31001));
  Muster first(site.flags("o"));
  ASSERT_TRUE(becomes_active(first)) << first.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return site.epoch("muster:web.1:31001") == "1"; })) << first.log();

  Muster second(site.flags("o"));
  ASSERT_TRUE(eventually(kPatience, [&] { return second.ready() == 200; })) << second.log();
  ASSERT_TRUE(eventually(kPatience, [&] {
    return ready_page(second).find("role=standby active=host") != std::string::npos;
  })) << ready_page(second);
  EXPECT_NE(ready_page(first).find("role=active epoch=1"), std::string::npos) << ready_page(first);
  EXPECT_FALSE(active(second));

  auto start = Clock::now();
  site.mesos.start(task("web.2", "web", kHostA, 31002));
  EXPECT_EQ(first.stop(), 0);
  EXPECT_LT(Clock::now() - start, 1500ms) << "SIGTERM ends it within a second";
  ASSERT_TRUE(becomes_active(second)) << second.log();
  EXPECT_LT(Clock::now() - start, 2s) << "no lock delay after a release";
  std::cout << "takeover after SIGTERM: " << seconds_since(start) << " s\n";
  EXPECT_TRUE(eventually(kPatience, [&] { return !site.service("muster:web.2:31002").is_null(); })) << second.log();

  Muster third(site.flags("o"));
  ASSERT_TRUE(eventually(kPatience, [&] { return ready_page(third).find("role=standby") != std::string::npos; }));
  start = Clock::now();
  second.process().kill();
  site.mesos.start(task("web.3", "web", kHostA, 31003));
  ASSERT_TRUE(eventually(2 * kTtl + kLockDelay + kPatience, [&] { return site.epoch("muster:web.3:31003") == "3"; }))
      << third.log();
  EXPECT_LT(seconds_since(start), std::chrono::duration<double>(2 * kTtl + kLockDelay + 2s).count());
  std::cout << "takeover after SIGKILL: " << seconds_since(start) << " s\n";
  EXPECT_EQ(site.epoch("muster:web.1:31001"), "1") << "what was right is not written again for the epoch's sake";
}

// Each of the two has a fake agent of its own for the one host, so that each one's requests can be counted.
TEST_F(LockEndToEnd, AHolderThatIsFrozenInTheMiddleOfItsWorkAndThawedStartsNoRequest) {
  constexpr int kTasks = 200;
  const ConsulServer server;
  fakes::FakeMesos mesos;
  mesos.add_agent(kHostA, "node-a");
  for (int i = 0; i < kTasks; ++i) mesos.start(task("t." + std::to_string(i), "web", kHostA, 20000 + i));
  const auto agents = [](const std::string& port) {
    return std::make_unique<fakes::FakeConsul>(std::vector<std::string>{"127.0.0.2:" + port, "127.0.0.1:" + port});
  };
  const auto flags = [&](const std::string& port) {
    return std::vector<std::string>{"--mesos-master=" + mesos.url(),
                                    "--consul-port=" + port,
                                    "--owner=o",
                                    "--lock-agent=" + server.url(),
                                    "--refresh=200ms",
                                    "--lock",
                                    "--lock-ttl=10s"};
  };
  const std::string port_a = std::to_string(support::free_port());
  const std::string port_b = std::to_string(support::free_port());
  const auto seen_of_a = agents(port_a);
  const auto seen_of_b = agents(port_b);
  seen_of_a->set_mood(0, {.delay = 100ms, .only_writes = true});

  // A long deadline: the request that is in flight when it freezes must not end the work by itself when it thaws.
  std::vector<std::string> patient = flags(port_a);
  patient.push_back("--consul-timeout=5m");
  Muster a(patient);
  ASSERT_TRUE(eventually(kPatience, [&] { return seen_of_a->counts(0).registers >= 10; })) << a.log();
  Muster b(flags(port_b));
  ASSERT_TRUE(eventually(kPatience, [&] { return held_as_standby(b) >= kTasks; })) << b.log();
  EXPECT_EQ(seen_of_b->total().writes(), 0u) << "a standby plans and does not apply";
  ASSERT_LT(seen_of_a->counts(0).registers, static_cast<std::uint64_t>(kTasks)) << "there must be work left to do";

  a.process().signal(SIGSTOP);
  ASSERT_TRUE(becomes_active(b, 2 * kTtl + kLockDelay + kPatience)) << b.log();
  EXPECT_TRUE(eventually(kPatience, [&] { return seen_of_b->counts(0).registers > kTasks; })) << b.log();
  const auto before = seen_of_a->total().writes();

  a.process().signal(SIGCONT);
  ASSERT_TRUE(eventually(kPatience, [&] { return held_as_standby(a) >= kTasks / 2; })) << "it plans, and holds:\n"
                                                                                       << a.log();
  EXPECT_EQ(ready_page(a).find("role=active"), std::string::npos) << ready_page(a);
  mesos.start(task("later", "web", kHostA, 30001));
  EXPECT_TRUE(eventually(kPatience, [&] { return seen_of_b->state(0).services.contains("muster:later:30001"); }));
  EXPECT_EQ(seen_of_a->total().writes(), before);
}

TEST_F(LockEndToEnd, OwnersInOneConsulHaveLocksOfTheirOwnAndNeverTouchEachOthersServices) {
  Site site;
  fakes::FakeMesos other;
  other.add_agent(kHostA, "node-a");
  site.mesos.start(task("web.1", "web", kHostA, 31001));
  other.start(task("db.1", "db", kHostA, 31002));
  Muster one(site.flags("one", {"--service-id-prefix=one"}));
  std::vector<std::string> flags = site.flags("two/with slash", {"--service-id-prefix=two"});
  flags[0] = "--mesos-master=" + other.url();
  Muster two(flags);
  EXPECT_TRUE(becomes_active(one)) << one.log();
  EXPECT_TRUE(becomes_active(two)) << two.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return !site.service("one:web.1:31001").is_null(); })) << one.log();
  ASSERT_TRUE(eventually(kPatience, [&] { return !site.service("two:db.1:31002").is_null(); })) << two.log();
  const auto index = [&] { return site.server.get("/v1/catalog/service/db").at(0).at("ModifyIndex"); };
  const json before = index();

  site.mesos.kill("web.1");
  EXPECT_TRUE(eventually(kPatience, [&] { return site.service("one:web.1:31001").is_null(); })) << one.log();
  EXPECT_FALSE(site.service("two:db.1:31002").is_null());
  EXPECT_EQ(index(), before);
}

TEST_F(LockEndToEnd, OneRunTakesTheLockAndGivesItBackAndADryRunNeverAsksForIt) {
  Site site;
  site.mesos.start(task("web.1", "web", kHostA, 31001));
  const auto dry = run_muster(site.flags("o", {"--once", "--dry-run"}));
  EXPECT_EQ(dry.code, 3) << dry.err;
  EXPECT_TRUE(site.server.get("/v1/kv/muster/o/leader").is_null()) << "not even a session's key";

  const auto once = run_muster(site.flags("o", {"--once"}));
  EXPECT_EQ(once.code, 0) << once.err;
  EXPECT_EQ(site.epoch("muster:web.1:31001"), "1");
  const json key = site.server.get("/v1/kv/muster/o/leader");
  ASSERT_EQ(key.size(), 1u);
  EXPECT_FALSE(key[0].contains("Session")) << key.dump();
  EXPECT_TRUE(site.server.get("/v1/session/list").empty());
}

}  // namespace
}  // namespace muster::e2e
