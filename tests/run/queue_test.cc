#include "run/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace muster::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

const AgentKey kA{"a"}, kB{"b"}, kC{"c"};

std::optional<AgentKey> take_within(AgentQueue& queue, Lane lane, std::chrono::milliseconds limit) {
  std::stop_source stop;
  auto taken = std::async(std::launch::async, [&] { return queue.take(lane, stop.get_token()); });
  if (taken.wait_for(limit) != std::future_status::ready) stop.request_stop();
  return taken.get();
}

std::optional<AgentKey> take_now(AgentQueue& queue, Lane lane = Lane::Main) { return take_within(queue, lane, 50ms); }

TEST(Queue, HoldsEachAgentOnceInTheOrderOfMarking) {
  AgentQueue queue;
  for (const AgentKey& key : {kB, kA, kB, kC, kA}) queue.mark(key);
  EXPECT_EQ(queue.depth().main, 3u);
  EXPECT_EQ(take_now(queue), kB);
  EXPECT_EQ(take_now(queue), kA);
  EXPECT_EQ(take_now(queue), kC);
  EXPECT_EQ(take_now(queue), std::nullopt);
  EXPECT_EQ(queue.depth().busy, 3u);
}

TEST(Queue, GivesAnAgentToOneWorkerAtATimeAndOnceMoreWhenMarkedMeanwhile) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  queue.mark(kA);
  queue.mark(kA);
  EXPECT_EQ(take_now(queue), std::nullopt);
  queue.done(kA, true);
  EXPECT_EQ(take_now(queue), kA);
  queue.done(kA, true);
  EXPECT_EQ(take_now(queue), std::nullopt);
}

TEST(Queue, TriesAFailedAgentAgainInItsOwnLaneAfterADelay) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  const auto failed = Clock::now();
  queue.done(kA, false);
  EXPECT_EQ(take_now(queue), std::nullopt) << "the main lane must not meet it";
  queue.mark(kA);
  EXPECT_EQ(queue.depth().main, 0u) << "a mark must not spare it the delay";
  EXPECT_EQ(take_within(queue, Lane::Retry, 2s), kA);
  const auto waited = Clock::now() - failed;
  EXPECT_GE(waited, AgentQueue::kFirstDelay * 3 / 4);
  EXPECT_LE(waited, AgentQueue::kFirstDelay * 5 / 4 + 300ms);
  queue.done(kA, true);
  queue.mark(kA);
  EXPECT_EQ(take_now(queue), kA) << "well again: the main lane";
}

TEST(Queue, LetsTheDelayGrowWithEachFailure) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  queue.done(kA, false);
  ASSERT_EQ(take_within(queue, Lane::Retry, 2s), kA);
  const auto failed = Clock::now();
  queue.done(kA, false);
  EXPECT_EQ(take_within(queue, Lane::Retry, 4s), kA);
  EXPECT_GE(Clock::now() - failed, AgentQueue::kFirstDelay * 2 * 3 / 4);
}

TEST(Queue, ForgivesTheDelayOfAnAgentThatIsSeenAgain) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  queue.done(kA, false);
  queue.hurry(kA);
  EXPECT_EQ(take_now(queue, Lane::Retry), kA);
}

// A worker of the retry lane that sleeps until the first agent is due must not be the only one who knows of the second.
TEST(Queue, LetsTwoRetryWorkersWorkSideBySide) {
  AgentQueue queue;
  std::stop_source stop;
  std::atomic<int> taken{0};
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 2; ++i) {
      workers.emplace_back([&] {
        if (queue.take(Lane::Retry, stop.get_token())) ++taken;  // and is busy with it from then on
      });
    }
    const auto waiting = Clock::now() + 2s;
    while (queue.idle(Lane::Retry) < 2 && Clock::now() < waiting) std::this_thread::yield();
    for (const AgentKey& key : {kA, kB}) {
      queue.mark(key);
      ASSERT_EQ(take_now(queue), key);
    }
    queue.done(kA, false);
    queue.done(kB, false);
    const auto limit = Clock::now() + 3s;
    while (taken < 2 && Clock::now() < limit) std::this_thread::sleep_for(5ms);
    stop.request_stop();
  }
  EXPECT_EQ(taken, 2);
}

TEST(Queue, WakesEveryWorkerPromptlyOnStop) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  queue.done(kA, false);  // the retry lane waits for a time, not for ever
  std::stop_source stop;
  std::vector<std::future<std::optional<AgentKey>>> workers;
  for (const Lane lane : {Lane::Main, Lane::Retry, Lane::Main}) {
    workers.push_back(
        std::async(std::launch::async, [&queue, lane, token = stop.get_token()] { return queue.take(lane, token); }));
  }
  const auto start = Clock::now();
  stop.request_stop();
  for (auto& worker : workers) EXPECT_EQ(worker.get(), std::nullopt);
  EXPECT_LT(Clock::now() - start, 200ms);
}

TEST(Queue, IsDrainedWhenNothingOfTheMainLaneWaitsOrIsWorkedOn) {
  AgentQueue queue;
  EXPECT_TRUE(queue.drained({}));
  queue.mark(kA);
  queue.mark(kB);
  auto drained = std::async(std::launch::async, [&] { return queue.drained({}); });
  ASSERT_EQ(take_now(queue), kA);
  ASSERT_EQ(take_now(queue), kB);
  queue.done(kA, true);
  EXPECT_EQ(drained.wait_for(20ms), std::future_status::timeout);
  queue.done(kB, false);  // a failing agent is not waited for
  ASSERT_EQ(drained.wait_for(2s), std::future_status::ready);
  EXPECT_TRUE(drained.get());
}

TEST(Queue, StopsWaitingForTheDrainWhenTold) {
  AgentQueue queue;
  queue.mark(kA);
  std::stop_source stop;
  auto drained = std::async(std::launch::async, [&] { return queue.drained(stop.get_token()); });
  stop.request_stop();
  EXPECT_FALSE(drained.get());
}

TEST(Queue, ForgetsAnAgentThatWaits) {
  AgentQueue queue;
  queue.mark(kA);
  ASSERT_EQ(take_now(queue), kA);
  queue.done(kA, false);
  queue.forget(kA);
  EXPECT_EQ(queue.depth().retry, 0u);
  queue.mark(kA);
  EXPECT_EQ(take_now(queue), kA) << "as if never seen";
}

}  // namespace
}  // namespace muster::run
