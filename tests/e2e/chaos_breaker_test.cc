// Too many absences at once, with the real binary: what lets them through, and what does not.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "e2e/cluster.h"
#include "fakes/fleet.h"

namespace muster::e2e {
namespace {

using namespace std::chrono_literals;
using support::eventually;
using support::kPatience;
using support::Muster;
using Clock = std::chrono::steady_clock;

constexpr int kHosts = 5;
constexpr int kTasks = 40;

struct BreakerEndToEnd : testing::Test {
  BreakerEndToEnd() : fleet(kHosts, support::free_port()) { start_all(0); }

  void start_all(int first) {
    fleet.mesos.edit([&](fakes::MesosCluster& cluster) {
      for (int i = first; i < first + kTasks; ++i) {
        const auto host = fakes::fleet_host(static_cast<std::size_t>(i % kHosts));
        cluster.tasks.push_back(task("web." + std::to_string(i), "web", host, 20000 + i));
      }
    });
  }
  // As when the master hides them: no event, and a complete answer without them.
  void hide_all() {
    fleet.mesos.edit([](fakes::MesosCluster& cluster) { cluster.tasks.clear(); });
  }
  std::size_t registered() const {
    std::size_t out = 0;
    for (std::size_t host = 0; host < kHosts; ++host) {
      for (const std::string& id : fleet.consul.ids(host)) out += id.starts_with("muster:web.") ? 1 : 0;
    }
    return out;
  }
  bool all_there() const { return registered() == kTasks; }
  double held(const Muster& muster) const {
    return muster.metric("muster_plan_held", {"reason=\"breaker\""}).value_or(0);
  }
  bool read_again(std::uint64_t times) const {
    const auto enough = fleet.mesos.reads() + times;
    return eventually(kPatience, [&] { return fleet.mesos.reads() >= enough; });
  }
  std::vector<std::string> flags() const {
    return fleet.flags({"--refresh=200ms", "--mesos-api=poll", "--audit-interval=1s", "--watch-agents=0"});
  }

  fakes::Fleet fleet;
};

TEST_F(BreakerEndToEnd, TheSameAbsenceReadAgainAndAgainForAMinuteIsBelieved) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return all_there(); })) << muster.log();
  hide_all();
  ASSERT_TRUE(eventually(kPatience, [&] { return held(muster) == kTasks; })) << muster.log();
  const auto start = Clock::now();
  while (Clock::now() - start < 55s) {
    ASSERT_TRUE(all_there()) << muster.log();
    std::this_thread::sleep_for(500ms);
  }
  EXPECT_GT(fleet.mesos.reads(), 50u) << "read often enough; it is the time that is missing";
  EXPECT_TRUE(eventually(kPatience, [&] { return registered() == 0; })) << muster.log();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%d absences held, and believed after %.1f s\n", kTasks, took);
  EXPECT_EQ(held(muster), 0);
}

TEST_F(BreakerEndToEnd, ASignalConfirmsWhatIsHeldNowAndNothingLater) {
  Muster muster(flags());
  ASSERT_TRUE(eventually(kPatience, [&] { return all_there(); })) << muster.log();
  muster.process().signal(SIGUSR1);  // nothing is held yet
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.log().find("confirm") != std::string::npos; }));
  hide_all();
  ASSERT_TRUE(eventually(kPatience, [&] { return held(muster) == kTasks; })) << muster.log();
  ASSERT_TRUE(read_again(5));
  EXPECT_TRUE(all_there()) << "a signal that came before them confirms nothing";
  muster.process().signal(SIGUSR1);
  ASSERT_TRUE(eventually(kPatience, [&] { return registered() == 0; })) << muster.log();

  start_all(kTasks);
  ASSERT_TRUE(eventually(kPatience, [&] { return all_there(); })) << muster.log();
  hide_all();
  ASSERT_TRUE(eventually(kPatience, [&] { return held(muster) == kTasks; })) << muster.log();
  ASSERT_TRUE(read_again(5));
  EXPECT_TRUE(all_there()) << "what came later was not what was confirmed";
}

}  // namespace
}  // namespace muster::e2e
