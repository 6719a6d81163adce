// A task whose ports 70000-70001 were refused was registered without a port, as if it had none.
#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::desired;
using notation::Lines;
using notation::modern;
using notation::show;

TEST(RefusedPorts, LeaveATaskOutThatHasNoOther) {
  struct Case {
    const char* task;
    Lines services;
  };
  const Case cases[] = {
      {"t web 0", {}},
      {"t web http:0", {}},
      {"t web http:0,0", {}},
      {"t web 0,31001", {"muster:t:31001 = web-port2 10.0.0.21:31001"}},
      {"t web http:0,31000", {"muster:t:31000 = web 10.0.0.21:31000"}},
      {"t web", {"muster:t = web 10.0.0.21:0"}},
  };
  for (const Case& each : cases) EXPECT_EQ(show(desired({each.task}, modern()).services), each.services) << each.task;
}

}  // namespace
}  // namespace muster
