#include "run/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace muster::run {
namespace {

// A shell ignores SIGINT for what it starts in the background, and Nomad ends its tasks by SIGINT: one that was started
// so ran on until it was killed.
TEST(Signals, OneThatWasIgnoredWhenWeWereStartedArrivesAllTheSame) {
  std::signal(SIGINT, SIG_IGN);
  Signals signals;
  kill(getpid(), SIGINT);
  EXPECT_EQ(signals.wait({}), SIGINT);
}

}  // namespace
}  // namespace muster::run
