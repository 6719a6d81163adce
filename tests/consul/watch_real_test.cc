// Loss on real agents, and how long it takes until the watch says so.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "consul/encode.h"
#include "consul/watching.h"
#include "core/canary.h"
#include "support/consul.h"

namespace muster::consul {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using support::eventually;
using support::kPatience;

class RealWatch : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_consul(); !why.empty()) {
      std::fprintf(stderr, "skipped: %s\n", why.c_str());
      GTEST_SKIP() << why;
    }
    server_ = std::make_unique<support::ConsulServer>();
    agent_ = std::make_unique<support::ConsulClient>(*server_, support::ConsulOptions{.address = "127.0.0.2"});
    enter(json::parse(encode_service(make_canary({agent_->url()}, watching_owner()))));
    enter(web({"a", "b"}));
    watching_ = std::make_unique<Watching>();
    watching_->watch.follow({{agent_->url()}});
    ASSERT_TRUE(eventually(kPatience, [&] { return watching_->marks() >= 2; }));
    ASSERT_TRUE(watching_->quiet());
  }

  static json web(std::vector<std::string> tags) {
    return {{"ID", "web"},
            {"Name", "web"},
            {"Tags", tags},
            {"Checks", {{{"CheckID", "web:1"}, {"TTL", "1h"}}, {{"CheckID", "web:2"}, {"TTL", "1h"}}}}};
  }
  void enter(const json& body) { ASSERT_EQ(agent_->put("/v1/agent/service/register", body), 200); }

  // The time from the end of the deed to the mark, in milliseconds.
  long marked_after(const char* what, const std::function<void()>& deed) {
    EXPECT_TRUE(watching_->quiet());
    const std::size_t before = watching_->marks();
    deed();
    const auto start = Clock::now();
    EXPECT_TRUE(eventually(kPatience, [&] { return watching_->marks() > before; })) << what;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    std::printf("%s: marked after %ld ms\n", what, static_cast<long>(took));
    return took;
  }

  std::unique_ptr<support::ConsulServer> server_;
  std::unique_ptr<support::ConsulClient> agent_;
  std::unique_ptr<Watching> watching_;
};

TEST_F(RealWatch, MarksWhatIsDoneByHandWithinASecond) {
  EXPECT_LT(marked_after("tags edited", [&] { enter(web({"a", "c"})); }), 1000);
  EXPECT_LT(marked_after("check deregistered", [&] { agent_->put("/v1/agent/check/deregister/web:2"); }), 1000);
  EXPECT_LT(
      marked_after("maintenance set", [&] { agent_->put("/v1/agent/service/maintenance/web?enable=true&reason=x"); }),
      1000);
  EXPECT_LT(marked_after("service deregistered", [&] { agent_->put("/v1/agent/service/deregister/web"); }), 1000);
  EXPECT_LT(
      marked_after("canary deregistered", [&] { agent_->put("/v1/agent/service/deregister/muster:canary:blue"); }),
      1000);
}

TEST_F(RealWatch, MarksAnAgentThatLostItsDataWithinTwoSeconds) {
  for (int i = 0; i < 200; ++i) enter({{"ID", "s" + std::to_string(i)}, {"Name", "s"}, {"Port", 1000 + i}});
  ASSERT_TRUE(watching_->quiet());
  agent_->crash();
  agent_->wipe();
  ASSERT_TRUE(eventually(kPatience, [&] { return watching_->watch.totals().lost == 1; }));
  EXPECT_LT(marked_after("agent wiped",
                         [&] {
                           agent_->start_unready();
                           EXPECT_TRUE(eventually(kPatience,
                                                  [&] { return agent_->call("GET", "/v1/agent/self").status == 200; }));
                         }),
            2000);
  EXPECT_EQ(watching_->last(), Watch::Sighting::Back);
}

// Whoever registers with an agent that the watch sees stand does not ask whether it leaves.
TEST_F(RealWatch, SaysThatANodeStandsUntilItLeavesTheCatalogOrDies) {
  const auto suspects = std::make_shared<Suspects>();
  Watching watching(1000, suspects);
  const auto stands = [&] { return suspects->stands({agent_->url()}); };
  EXPECT_FALSE(stands());
  watching.watch.follow({{agent_->url()}});
  ASSERT_TRUE(eventually(kPatience, stands));
  enter(web({"changed"}));
  EXPECT_TRUE(eventually(kPatience, stands)) << "a list that changed is waited on again";

  std::jthread leave([&] { agent_->stop(); });
  ASSERT_TRUE(eventually(kPatience, [&] { return !stands(); }));
  EXPECT_EQ(agent_->call("GET", "/v1/agent/self").status, 200) << "it was said before the agent had ended";
  leave.join();
  agent_->start();
  enter(json::parse(encode_service(make_canary({agent_->url()}, watching_owner()))));
  ASSERT_TRUE(eventually(kPatience, stands));
  agent_->crash();
  EXPECT_TRUE(eventually(kPatience, [&] { return !stands(); }));
}

TEST_F(RealWatch, LetsAnIdleAgentBe) {
  const auto before = watching_->watch.totals();
  std::this_thread::sleep_for(10s);
  EXPECT_EQ(watching_->watch.totals().marks, before.marks);
  EXPECT_LE(watching_->watch.totals().requests - before.requests, 3u);
}

TEST_F(RealWatch, TakesNoNoticeOfChecksThatChangeTheirStatusOrOfOtherNodes) {
  const std::size_t before = watching_->marks();
  for (int i = 0; i < 4; ++i) {
    agent_->put(i % 2 == 0 ? "/v1/agent/check/pass/web:1" : "/v1/agent/check/fail/web:1");
    server_->put("/v1/agent/service/register", {{"ID", "x"}, {"Name", "x"}, {"Port", i}});
  }
  ASSERT_TRUE(watching_->quiet());
  EXPECT_EQ(watching_->marks(), before);
}

TEST_F(RealWatch, SeesWhatWasDoneWhileTheServerWasAway) {
  server_->crash();
  agent_->put("/v1/agent/service/deregister/web");
  std::this_thread::sleep_for(1s);
  const std::size_t before = watching_->marks();
  server_->start();
  EXPECT_TRUE(eventually(kPatience, [&] { return watching_->marks() > before; }));
}

}  // namespace
}  // namespace muster::consul
