#include "consul/repairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "consul/agent.h"
#include "consul/synced.h"
#include "consul/watch.h"
#include "core/canary.h"
#include "support/consul.h"
#include "support/wait.h"

namespace muster::consul {
namespace {

using namespace std::chrono_literals;

const Repairs::Time kStart{1000s};
const AgentKey kAgent{"http://10.0.0.21:8500"};
const Repairs::Differences kWeb{{"web", "the catalog lacks it"}};

TEST(Repairs, OfWhatHasNotBeenRepairedDoNotWait) {
  Repairs repairs(10min);
  EXPECT_TRUE(repairs.judge(kAgent, kWeb, kStart).ids.empty());
  repairs.wrote(kAgent, {"db"}, kStart);
  EXPECT_TRUE(repairs.judge(kAgent, kWeb, kStart).ids.empty());
  EXPECT_TRUE(repairs.judge({"http://10.0.0.22:8500"}, {{"db", "x"}}, kStart).ids.empty());
  EXPECT_FALSE(repairs.remark(kAgent, kStart));
}

TEST(Repairs, ThatDoNotHoldComeAfterPausesThatDoubleUpToAnAudit) {
  Repairs repairs(3s);
  auto now = kStart;
  for (const auto pause : {150ms, 300ms, 600ms, 1200ms, 2400ms, 3000ms, 3000ms}) {
    repairs.wrote(kAgent, {"web"}, now);
    const auto waiting = repairs.judge(kAgent, kWeb, now + pause - 1ms);
    EXPECT_EQ(waiting.ids, std::set<std::string>{"web"});
    EXPECT_EQ(waiting.until, now + pause);
    now += pause;
    EXPECT_TRUE(repairs.judge(kAgent, kWeb, now).ids.empty());
  }
}

TEST(Repairs, AreForgottenOnceTheyHaveHeldForTwoAudits) {
  Repairs repairs(10min);
  for (int i = 0; i < 20; ++i) repairs.wrote(kAgent, {"web"}, kStart);
  EXPECT_FALSE(repairs.judge(kAgent, kWeb, kStart + 9min).ids.empty());
  EXPECT_TRUE(repairs.judge(kAgent, {}, kStart + 20min + 1s).ids.empty());
  repairs.wrote(kAgent, {"web"}, kStart + 21min);
  EXPECT_TRUE(repairs.judge(kAgent, kWeb, kStart + 21min + 150ms).ids.empty());
}

TEST(Repairs, ThatDoNotHoldAreARemarkWhichNamesWhatStandsThere) {
  Repairs repairs(10min);
  repairs.wrote(kAgent, {"web", "db"}, kStart);
  EXPECT_FALSE(repairs.remark(kAgent, kStart)) << "nothing says that it does not hold";
  repairs.judge(kAgent, {{"web", "the catalog holds WEB in its place"}}, kStart + 1s);
  const auto remark = repairs.remark(kAgent, kStart + 1s);
  ASSERT_TRUE(remark);
  EXPECT_EQ(remark->kind, RemarkKind::Contested);
  EXPECT_EQ(remark->text,
            "http://10.0.0.21:8500: what muster puts right in the catalog does not stay: web: the catalog holds WEB in "
            "its place");
  repairs.wrote(kAgent, {"web"}, kStart + 2s);
  EXPECT_EQ(repairs.remark(kAgent, kStart + 3s), remark) << "said once, as long as it goes on";
  EXPECT_FALSE(repairs.remark(kAgent, kStart + 2s + Repairs::kShown + 1s));
}

// An owner with its watch, whose agent is worked on whenever the watch asks for it.
class Muster {
 public:
  Muster(const std::string& url, const std::string& owner, const std::string& id)
      : url_(url),
        owner_{owner, "muster"},
        watch_(settings_, credentials_, owner_, 1, suspects_),
        plain_(std::make_unique<ConsulAgents>(settings_, credentials_)),
        client_(plain_->client()),
        selves_(plain_->selves()),
        agents_(std::move(plain_), client_, selves_, credentials_, suspects_, owner_),
        agent_(agents_.at({url})) {
    desired_.services.push_back(make_canary({url}, owner_));
    Service service;
    service.id = id;
    service.name = "web";
    service.meta = {{kMetaOwner, owner}, {kMetaSource, "test"}, {kMetaHash, owner}};
    desired_.services.push_back(service);
    std::sort(desired_.services.begin(), desired_.services.end(),
              [](const Service& a, const Service& b) { return a.id < b.id; });
    run();
    watch_.follow({{url}});
    thread_ = std::jthread([this](std::stop_token stop) {
      watch_.run([this](const AgentKey&, Watch::Sighting) { run(); }, std::move(stop));
    });
  }

  std::size_t writes() const { return writes_; }  // without the canary's
  std::string remark() const {
    const auto said = suspects_->repairs.remark({url_}, std::chrono::steady_clock::now());
    return said ? said->text : "";
  }

 private:
  void run() {
    const auto actual = agent_->read({});
    if (!actual) return;
    for (const Action& done : agent_->apply(make_plan(desired_, *actual, owner_), {}).done) {
      if (!done.service.meta.contains(kMetaAgent)) ++writes_;
    }
  }

  const std::string url_;
  const Owner owner_;
  const ConsulSettings settings_{};
  const std::shared_ptr<const Credentials> credentials_ = Credentials::load(settings_).value();
  const std::shared_ptr<Suspects> suspects_ = std::make_shared<Suspects>();
  Watch watch_;
  std::unique_ptr<ConsulAgents> plain_;
  net::HttpClient& client_;
  Selves& selves_;
  SyncedAgents agents_;
  const std::unique_ptr<Agent> agent_;
  Desired desired_;
  std::atomic<std::size_t> writes_{0};
  std::jthread thread_;
};

// Each put the other's service out of the catalog, whose ids know no case, and both repaired that in turns for ever:
// one write a second.
TEST(Repairs, OfTwoOwnersWhoseIdsDifferInCaseAloneAreBounded) {
  if (const std::string why = support::no_consul(); !why.empty()) {
    std::fprintf(stderr, "skipped: %s\n", why.c_str());
    GTEST_SKIP() << why;
  }
  const support::ConsulServer server;
  const support::ConsulClient client(server, {.address = "127.0.0.2"});
  const auto start = std::chrono::steady_clock::now();
  Muster blue(client.url(), "blue", "muster:web.1:80");
  Muster green(client.url(), "green", "muster:WEB.1:80");
  ASSERT_TRUE(
      support::eventually(support::kPatience, [&] { return !blue.remark().empty() && !green.remark().empty(); }));
  EXPECT_NE(blue.remark().find("holds muster:WEB.1:80 of owner green in its place"), std::string::npos);
  EXPECT_NE(green.remark().find("holds muster:web.1:80 of owner blue in its place"), std::string::npos);
  std::this_thread::sleep_until(start + 13s);
  std::printf("%zu and %zu writes in 13 s\n", blue.writes(), green.writes());
  // One registration; repairs at once and after 0.15, 0.3, 0.6, 1.2, 2.4 and 4.8 s: the eighth is due after 19 s.
  EXPECT_LE(blue.writes(), 8u);
  EXPECT_LE(green.writes(), 8u);
}

}  // namespace
}  // namespace muster::consul
