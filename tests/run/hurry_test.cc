// An agent that is seen to be back does not wait out the delay of its last failure.
#include <gtest/gtest.h>

#include "run/queue.h"

namespace muster::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

const AgentKey kAgent{"http://10.0.0.1:8500"};

void fail_often(AgentQueue& queue, int times) {
  queue.mark(kAgent);
  for (int i = 0; i < times; ++i) {
    if (i > 0) queue.hurry(kAgent);
    ASSERT_TRUE(queue.take(i == 0 ? Lane::Main : Lane::Retry, {}));
    queue.done(kAgent, false);
  }
}

TEST(Hurry, MakesAWaitingAgentDueNow) {
  AgentQueue queue;
  fail_often(queue, 6);
  const auto start = Clock::now();
  queue.hurry(kAgent);
  EXPECT_EQ(queue.depth().retry, 1u);
  EXPECT_EQ(queue.take(Lane::Retry, {}), kAgent);
  EXPECT_LT(Clock::now() - start, 5s);
  queue.done(kAgent, true);
  EXPECT_EQ(queue.depth().retry, 0u);
}

TEST(Hurry, WhileBusyMakesTheNextFailureCountAsTheFirst) {
  AgentQueue queue;
  fail_often(queue, 6);
  queue.hurry(kAgent);
  ASSERT_TRUE(queue.take(Lane::Retry, {}));
  queue.hurry(kAgent);
  queue.done(kAgent, false);
  const auto start = Clock::now();
  EXPECT_EQ(queue.take(Lane::Retry, {}), kAgent);
  EXPECT_LT(Clock::now() - start, 2 * AgentQueue::kFirstDelay);
}

TEST(Hurry, OfAHealthyAgentIsAMark) {
  AgentQueue queue;
  queue.hurry(kAgent);
  queue.hurry(kAgent);
  EXPECT_EQ(queue.depth().main, 1u);
  EXPECT_EQ(queue.take(Lane::Main, {}), kAgent);
  queue.done(kAgent, true);
  EXPECT_EQ(queue.depth().main, 0u);
}

}  // namespace
}  // namespace muster::run
