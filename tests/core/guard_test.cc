// What a removal says of its reason.
#include "muster/guard.h"

#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::Lines;
using notation::modern;
using notation::show;

// A task that was being killed went with "runs, but the rules do not want it", which sent people to their rules.
TEST(Prove, SaysOfWhatDrainsThatItIsBeingStopped) {
  const auto removal = [](const char* task) {
    const Desired before = notation::desired({"t web 80"}, modern());
    const Wanted now = notation::wanted(notation::slice(Lines{task}, false));
    const Owner owner = notation::owner(modern());
    const Desired wanted = make_desired(now, *notation::rules(modern()));
    return show(prove(make_plan(wanted, notation::agent_with(before.services), owner), now, owner).actions);
  };
  EXPECT_EQ(removal("t web 80 !draining"), Lines{"deregister muster:t:80 (is being stopped)"});
  EXPECT_EQ(removal("t web 80 {consul=false}"), Lines{"deregister muster:t:80 (runs, but the rules do not want it)"});
}

}  // namespace
}  // namespace muster
