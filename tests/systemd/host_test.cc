// The ground that the other tests stand on: machines of their own, and nothing of them left on ours.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "support/systemd.h"
#include "support/wait.h"

namespace muster::systemd {
namespace {

using support::eventually;
using support::SystemdHost;

TEST(SystemdHost, TwoAtOnceHaveMachineIdsAndUnitsOfTheirOwnAndLeaveNoGroupBehind) {
  if (const std::string why = support::no_systemd(); !why.empty()) {
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  std::string group;
  {
    const SystemdHost a("0000000000000000000000000000000a");
    const SystemdHost b("0000000000000000000000000000000b");
    EXPECT_EQ(support::run(a.inside({"cat", "/etc/machine-id"})).out, a.machine_id() + "\n");
    EXPECT_EQ(support::run(b.inside({"cat", "/etc/machine-id"})).out, b.machine_id() + "\n");
    a.write_unit("one.service", "[Service]\nExecStart=/bin/sleep 1000\n");
    a.ctl({"start", "one.service"});
    EXPECT_EQ(a.state("one.service"), "active");
    EXPECT_EQ(b.state("one.service"), "inactive");
    group = a.group();
    EXPECT_TRUE(std::filesystem::exists(group));
  }
  EXPECT_TRUE(eventually(support::kPatience, [&] { return !std::filesystem::exists(group); }));
}

}  // namespace
}  // namespace muster::systemd
