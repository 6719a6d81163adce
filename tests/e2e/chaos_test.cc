// The real binary while everything around it misbehaves, and while it is itself killed.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <set>

#include "e2e/cluster.h"
#include "fakes/fleet.h"

namespace muster::e2e {
namespace {

using namespace std::chrono_literals;
using fakes::fleet_host;
using fakes::Manner;
using fakes::Mood;
using nlohmann::json;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::run_muster;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A fleet whose tasks each are one service "muster:<id>:<port>"; task i runs on host i modulo their number.
class Fleet : public fakes::Fleet {
 public:
  Fleet(std::size_t hosts, std::size_t tasks) : fakes::Fleet(hosts, support::free_port()), hosts_(hosts) {
    mesos.edit([&](fakes::MesosCluster& cluster) {
      for (std::size_t i = 0; i < tasks; ++i) {
        // Marathon would not, but nothing forbids it: a slash, a space and a percent sign in an id.
        const std::string id = (i % 2 == 0 ? "web." : "team a/100%/web.") + std::to_string(i);
        cluster.tasks.push_back(task(id, "web", fleet_host(i % hosts), 20000 + static_cast<int>(i), {{"tags", "v1"}}));
      }
    });
    mesos.edit([&](fakes::MesosCluster& cluster) { wanted_ = count(cluster); });
  }

  std::vector<std::string> quick_flags(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--refresh=200ms", "--audit-interval=1s", "--watch-agents=0", "--consul-timeout=500ms",
                               "--consul-connect-timeout=500ms"});
    return flags(std::move(more));
  }

  // What agent `host` should hold: a canary, the host's own service, on the first the master's, and the tasks.
  std::size_t wanted(std::size_t host) const { return wanted_[host] + (host == 0 ? 3 : 2); }
  bool whole(std::size_t host) const { return consul.ids(host).size() == wanted(host); }
  bool whole() const {
    for (std::size_t host = 0; host < hosts_; ++host) {
      if (!whole(host)) return false;
    }
    return true;
  }
  std::size_t tagged(std::size_t host, const std::string& tag) const {
    const fakes::FakeState state = consul.state(host);
    return static_cast<std::size_t>(std::count_if(state.services.begin(), state.services.end(), [&](const auto& each) {
      return each.second.tags == std::vector<std::string>{tag};
    }));
  }
  bool all_tagged(std::size_t host, const std::string& tag) const { return tagged(host, tag) == wanted_[host]; }
  void tag_all(const std::string& tag) {
    mesos.edit([&](fakes::MesosCluster& cluster) {
      for (fakes::MesosTask& each : cluster.tasks) each.labels = {{"tags", tag}};
    });
  }

 private:
  std::vector<std::size_t> count(const fakes::MesosCluster& cluster) const {
    std::vector<std::size_t> out(hosts_);
    for (std::size_t i = 0; i < cluster.tasks.size(); ++i) ++out[i % hosts_];
    return out;
  }

  const std::size_t hosts_;
  std::vector<std::size_t> wanted_;  // tasks by host
};

// --- frozen agents ---

constexpr std::size_t kHosts = 200;
constexpr std::size_t kEveryTenth = 10;

// Seconds from the start of muster until every agent that is not frozen holds what it should.
double converge_around(bool freeze) {
  Fleet fleet(kHosts, 5 * kHosts);
  const auto frozen = [&](std::size_t host) { return freeze && host % kEveryTenth == 1; };
  for (std::size_t host = 0; host < kHosts; ++host) fleet.consul.freeze(host, frozen(host));

  const auto start = Clock::now();
  // So late a deadline that nothing at all would be done if anybody waited for a frozen one.
  Muster muster(fleet.flags({"--refresh=1h", "--audit-interval=1h", "--watch-agents=0", "--consul-timeout=60s"}));
  EXPECT_TRUE(eventually(kPatience, [&] {
    for (std::size_t host = 0; host < kHosts; ++host) {
      if (!frozen(host) && !fleet.whole(host)) return false;
    }
    return true;
  })) << muster.log();
  const double took = seconds_since(start);
  EXPECT_EQ(muster.metric("muster_agent_failing"), 0) << "no frozen agent has even been given up";
  for (std::size_t host = 0; host < kHosts; ++host) {
    EXPECT_EQ(fleet.consul.counts(host).registers, frozen(host) ? 0 : fleet.wanted(host)) << host;
  }
  return took;
}

TEST(Chaos, TwentyFrozenAgentsOfTwoHundredDoNotHoldUpTheOthers) {
  double without = std::numeric_limits<double>::max();
  double with = without;
  for (int round = 0; round < 3; ++round) {
    without = std::min(without, converge_around(false));
    with = std::min(with, converge_around(true));
  }
  std::printf("180 agents converge in %.2f s, beside 20 frozen ones in %.2f s: ratio %.2f (aim 1.1)\n", without, with,
              with / without);
  EXPECT_LT(with, 2 * without);
}

TEST(Chaos, FrozenAgentsAreFilledOnceTheyThaw) {
  Fleet fleet(20, 100);
  for (std::size_t host = 0; host < 10; ++host) fleet.consul.freeze(host, true);
  Muster muster(fleet.quick_flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.metric("muster_agent_failing") == 10; })) << muster.log();
  for (std::size_t host = 10; host < 20; ++host) EXPECT_TRUE(fleet.whole(host)) << host;
  for (std::size_t host = 0; host < 10; ++host) fleet.consul.freeze(host, false);
  EXPECT_TRUE(eventually(kPatience, [&] { return fleet.whole(); })) << muster.log();
  EXPECT_EQ(fleet.consul.total().deregisters, 0U);
}

// --- a source that says nothing of use ---

struct Silence {
  const char* name;
  std::function<fakes::HttpReply(const std::string& good)> reply;
};

fakes::HttpReply reply_of(int status, std::string body, Manner manner = Manner::Proper) {
  return {.status = status, .body = std::move(body), .manner = manner};
}

const std::vector<Silence>& silences() {
  static const std::vector<Silence> kAll{
      {"hang", [](const auto&) { return reply_of(200, "", Manner::Hang); }},
      {"reset", [](const auto&) { return reply_of(200, "", Manner::Reset); }},
      {"empty 200", [](const auto&) { return reply_of(200, ""); }},
      {"connection cut in mid-document", [](const auto& good) { return reply_of(200, good, Manner::Truncate); }},
      {"half a document", [](const auto& good) { return reply_of(200, good.substr(0, good.size() / 2)); }},
      {"500", [](const auto&) { return reply_of(500, "no"); }},
      {"401", [](const auto&) { return reply_of(401, ""); }},
      {"{}", [](const auto&) { return reply_of(200, "{}"); }},
      {"null", [](const auto&) { return reply_of(200, "null"); }},
      {"HTML", [](const auto&) { return reply_of(200, "<html>please log in</html>"); }},
  };
  return kAll;
}

TEST(Chaos, ASourceThatSaysNothingOfUseEndsNothingAndAWipedAgentHealsMeanwhile) {
  Fleet fleet(50, 1000);
  Muster muster(fleet.quick_flags({"--mesos-timeout=300ms", "--mesos-api=poll"}));
  ASSERT_TRUE(eventually(kPatience, [&] { return fleet.whole(); })) << muster.log();
  std::string good;
  fleet.mesos.edit([&](fakes::MesosCluster& cluster) { good = render_state(cluster); });

  fleet.consul.reset_counts();
  const auto start = Clock::now();
  std::size_t host = 0;
  for (const Silence& silence : silences()) {
    fleet.mesos.answer_with([&](const fakes::HttpRequest&) { return silence.reply(good); });
    const auto heard = fleet.mesos.reads() + 3;
    ASSERT_TRUE(eventually(kPatience, [&] { return fleet.mesos.reads() >= heard; })) << silence.name;
    fleet.consul.wipe(++host);
    EXPECT_TRUE(eventually(kPatience, [&] { return fleet.whole(host); })) << silence.name << ": not healed";
    EXPECT_EQ(fleet.consul.total().deregisters, 0U) << silence.name;
    EXPECT_TRUE(fleet.whole()) << silence.name;
  }
  std::printf(
      "1,000 services through %zu bad answers of the source: 0 deregistrations, %zu wiped agents healed, %.1f s\n",
      silences().size(), host, seconds_since(start));
}

TEST(Chaos, ASourceThatSaysThatNothingRunsIsNotBelievedAtOnce) {
  Fleet fleet(50, 1000);
  Muster muster(fleet.quick_flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return fleet.whole(); })) << muster.log();
  fleet.consul.reset_counts();
  fleet.mesos.edit([](fakes::MesosCluster& cluster) { cluster.tasks.clear(); });
  EXPECT_TRUE(eventually(kPatience, [&] {
    return muster.metric("muster_plan_held", {"reason=\"breaker\""}).value_or(0) >= 1000;
  })) << muster.log();
  const auto heard = fleet.mesos.reads() + 5;
  ASSERT_TRUE(eventually(kPatience, [&] { return fleet.mesos.reads() >= heard; }));
  EXPECT_EQ(fleet.consul.total().deregisters, 0U);
  std::printf("1,000 services, a source that says that nothing runs: 0 deregistrations, %.0f held\n",
              muster.metric("muster_plan_held").value_or(0));
}

// --- agents that answer badly ---

struct Trouble {
  const char* name;
  Mood mood;
};

std::vector<Trouble> troubles() {
  std::vector<Trouble> all;
  for (const bool only_writes : {false, true}) {
    const auto add = [&](const char* name, Mood mood) {
      mood.only_writes = only_writes;
      all.push_back({name, std::move(mood)});
    };
    add("400", {.status = 400, .body = "Request decode failed"});
    add("403 ACL not found", {.status = 403, .body = "ACL not found"});
    add("403 denied", {.status = 403, .body = "Permission denied"});
    add("404", {.status = 404, .body = "404 page not found"});
    add("413", {.status = 413, .body = "too large"});
    add("429", {.status = 429, .body = "slow down"});
    add("500", {.status = 500, .body = "rpc error: No cluster leader"});
    add("503", {.status = 503, .body = "unavailable"});
    add("half a body", {.manner = Manner::Truncate});
    add("reset", {.manner = Manner::Reset});
    add("hang", {.manner = Manner::Hang});
    add("a byte each 100 ms", {.manner = Manner::Drip});
  }
  for (const char* body : {"{", "{}", "[]", "null", "{\"a\": 3}", "<html>", ""}) {
    all.push_back({*body != '\0' ? body : "empty 200", {.status = 200, .body = body}});
  }
  return all;
}

TEST(Chaos, AgentsThatAnswerBadlyLoseNothingAndConvergeOnceTheyBehave) {
  const std::vector<Trouble> bad = troubles();
  const std::size_t hosts = bad.size() + 2;
  const std::size_t healthy = bad.size();
  const std::size_t crowded = bad.size() + 1;  // behaves, and holds ten thousand services of others
  constexpr std::size_t kEach = 4;
  Fleet fleet(hosts, kEach * hosts);
  Muster muster(fleet.quick_flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return fleet.whole(); })) << muster.log();

  std::vector<std::vector<std::string>> ids;
  for (std::size_t host = 0; host < hosts; ++host) ids.push_back(fleet.consul.ids(host));
  for (std::size_t host = 0; host < bad.size(); ++host) fleet.consul.set_mood(host, bad[host].mood);
  fleet.consul.edit(crowded, [](fakes::FakeState& state) {
    for (int i = 0; i < 10000; ++i) {
      fakes::FakeService theirs;
      theirs.id = "their own/service " + std::to_string(i);
      theirs.name = "theirs";
      state.services[theirs.id] = theirs;
    }
  });
  fleet.consul.reset_counts();
  const auto start = Clock::now();
  fleet.tag_all("v2");
  for (std::size_t host = 0; host < bad.size(); ++host) {
    const auto asked = [&] {
      const fakes::FakeCounts counts = fleet.consul.counts(host);
      return counts.reads + counts.writes() >= 3;
    };
    EXPECT_TRUE(eventually(kPatience, asked)) << bad[host].name << ": not asked again\n" << muster.log();
    EXPECT_EQ(fleet.consul.counts(host).deregisters, 0U) << bad[host].name;
  }
  for (const std::size_t host : {healthy, crowded}) {
    EXPECT_TRUE(eventually(kPatience, [&] { return fleet.all_tagged(host, "v2"); })) << host;
  }
  for (std::size_t host = 0; host < bad.size(); ++host) fleet.consul.set_mood(host, {});
  for (std::size_t host = 0; host < bad.size(); ++host) {
    EXPECT_TRUE(eventually(kPatience, [&] { return fleet.all_tagged(host, "v2"); })) << bad[host].name;
    EXPECT_EQ(fleet.consul.ids(host), ids[host]) << bad[host].name;
    EXPECT_EQ(fleet.consul.counts(host).deregisters, 0U) << bad[host].name;
  }
  EXPECT_EQ(fleet.consul.ids(crowded).size(), 10000 + fleet.wanted(crowded));
  EXPECT_EQ(fleet.consul.total().deregisters, 0U);
  std::printf("%zu agents, each with its own bad answer: 0 deregistrations, all converge; %.1f s\n", bad.size(),
              seconds_since(start));

  // And what ends goes, by an id with slash, space and percent sign too.
  fleet.mesos.kill("team a/100%/web.1");
  fleet.mesos.kill("web.0");
  EXPECT_TRUE(eventually(kPatience, [&] {
    return fleet.consul.ids(0).size() == ids[0].size() - 1 && fleet.consul.ids(1).size() == ids[1].size() - 1;
  })) << muster.log();
  EXPECT_EQ(fleet.consul.total().deregisters, 2U);
}

// --- muster itself is killed ---

int rounds() { return std::getenv("MUSTER_LONG") != nullptr ? 200 : 20; }

class KilledMuster : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::fprintf(stderr, "skipped: %s\n", why.c_str());
      GTEST_SKIP() << why;
    }
  }
};

// A server, two clients, and tasks that come, go, move and change.
struct Churn {
  Churn()
      : port(support::free_port()),
        server({.address = "127.0.0.1", .http_port = port, .extra = roomy()}),
        a(server, {.address = kHostA, .http_port = port, .extra = roomy()}),
        b(server, {.address = kHostB, .http_port = port, .extra = roomy()}) {
    mesos.add_agent(kHostA, "node-a");
    mesos.add_agent(kHostB, "node-b");
    for (int i = 0; i < 80; ++i) start_one();
  }

  // An agent counts the long polls of a client that was killed against its limit of 200 until they end by themselves.
  static json roomy() { return {{"limits", {{"http_max_conns_per_client", 10000}}}}; }
  std::string host() { return pick(2) == 0 ? kHostA : kHostB; }
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); }
  const std::string& any() { return running[static_cast<std::size_t>(pick(static_cast<int>(running.size())))]; }

  void start_one() {
    const std::string id = "web." + std::to_string(next);
    mesos.start(task(id, "web", host(), 20000 + next++, {{"tags", "v0"}, {"check_tcp", "{host}:{port}"}}));
    running.push_back(id);
  }
  void kill_one() {
    const std::string id = any();
    mesos.kill(id);
    std::erase(running, id);
  }
  void change_one() {
    const std::string id = any();
    mesos.edit([&](fakes::MesosCluster& cluster) {
      for (fakes::MesosTask& each : cluster.tasks) {
        if (each.id == id) each.labels[0].second = "v" + std::to_string(next);
      }
    });
  }
  void churn() {
    for (int i = 0; i < 3; ++i) start_one(), kill_one(), change_one();
    mesos.move(any(), host());
  }

  // Ids that should be registered on a host, the host's own apart.
  std::vector<std::string> wanted(const std::string& ip) {
    std::vector<std::string> out;
    mesos.edit([&](fakes::MesosCluster& cluster) {
      for (const fakes::MesosTask& each : cluster.tasks) {
        if (each.agent == ip) out.push_back("muster:" + each.id + ":" + std::to_string(each.ports[0]));
      }
    });
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::vector<std::string> held(const support::ConsulAgent& agent) {
    std::vector<std::string> out = Cluster::ids(agent);
    std::erase_if(out, [](const std::string& id) { return !id.starts_with("muster:web."); });
    return out;
  }
  bool whole() { return held(a) == wanted(kHostA) && held(b) == wanted(kHostB); }

  std::vector<std::string> flags(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--mesos-master=" + mesos.url(), "--consul-port=" + std::to_string(port),
                               "--refresh=100ms", "--audit-interval=1s"});
    return more;
  }

  const int port;
  support::ConsulServer server;
  support::ConsulClient a;
  support::ConsulClient b;
  fakes::FakeMesos mesos;
  std::vector<std::string> running;
  int next = 0;
  std::minstd_rand random{20240131};
};

TEST_F(KilledMuster, AtAnyMomentLeavesNothingThatTheNextRunDoesNotMend) {
  Churn world;
  for (const json& theirs : {json{{"Name", "theirs"}, {"ID", "theirs"}},
                             json{{"Name", "theirs"}, {"ID", "muster:gone:1"}, {"Meta", {{"muster_owner", "another"}}}},
                             json{{"Name", "theirs"}, {"ID", "muster:unmarked:1"}}}) {
    ASSERT_EQ(world.a.put("/v1/agent/service/register", theirs), 200);
    ASSERT_EQ(world.b.put("/v1/agent/service/register", theirs), 200);
  }
  const json theirs = world.server.get("/v1/catalog/service/theirs");
  ASSERT_EQ(theirs.size(), 6U);

  int halfway = 0;
  const auto start = Clock::now();
  for (int round = 0; round < rounds(); ++round) {
    world.churn();
    Muster muster(world.flags());
    // Each fifth may finish first: an end that no muster lived to see is an absence, and the breaker would hold too
    // many.
    const auto life = round % 5 == 4 ? kPatience : std::chrono::milliseconds(world.pick(150));
    eventually(life, [&] { return round % 5 == 4 && world.whole(); });
    muster.process().signal(SIGKILL);
    ASSERT_EQ(muster.process().wait(kPatience), 128 + SIGKILL) << muster.log();
    halfway += world.whole() ? 0 : 1;
  }
  std::printf("%d kills in %.1f s, %d of them before all was done\n", rounds(), seconds_since(start), halfway);
  EXPECT_GT(halfway, 0) << "none was killed early enough to prove anything";

  {
    Muster muster(world.flags());
    EXPECT_TRUE(eventually(kPatience, [&] { return muster.ready() == 200 && world.whole(); })) << muster.log();
    EXPECT_EQ(muster.stop(), 0);
  }
  const auto plan = run_muster(world.flags({"--once", "--dry-run"}));
  EXPECT_EQ(plan.code, 0) << plan.out << plan.err;
  EXPECT_EQ(world.held(world.a), world.wanted(kHostA));
  EXPECT_EQ(world.held(world.b), world.wanted(kHostB));
  EXPECT_EQ(world.server.get("/v1/catalog/service/theirs"), theirs);
}

}  // namespace
}  // namespace muster::e2e
