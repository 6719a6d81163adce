#include "units/instances.h"

#include <gtest/gtest.h>

namespace muster::units {
namespace {

using Strings = std::vector<std::string>;

const Machine kMachine{"0123456789abcdef0123456789abcdef"};

UnitConfig config(const std::string& text) { return make_config({"web.service", decode_text(text, "f")}, kMachine); }

UnitState running() {
  UnitState out;
  out.active = "active";
  out.sub = "running";
  out.invocation = "cafe";
  return out;
}

const InstancePolicy kPolicy{"systemd", "1h", "", 1};

TEST(UnitInstances, AreKeyedByMachineAndUnit) {
  const UnitConfig unit = config("[X-Consul]\nPort=1\n[X-Consul:admin]\nPort=2\n[X-Consul:bad]\nPort=x\n");
  const auto instances = make_instances(unit, running(), kMachine, kPolicy, false);
  ASSERT_EQ(instances.size(), 2U);
  EXPECT_EQ(instances[0].id, kMachine.id + "/web.service");
  EXPECT_EQ(instances[0].key, instances[0].id);
  EXPECT_EQ(instances[1].id, kMachine.id + "/web.service/admin");
  EXPECT_EQ(instances[1].distance, 1);
  EXPECT_EQ(broken_ids(unit, kMachine), (Strings{kMachine.id + "/web.service/bad"}));
  EXPECT_EQ(instance_ids(unit, kMachine).size(), 3U);
}

// A restart gives a new invocation id: in Meta it would be an update that resets every check.
TEST(UnitInstances, ARestartChangesNothingButTheUnitCheck) {
  const UnitConfig unit = config("[X-Consul]\nPort=1\nCheck=tcp\n");
  UnitState later = running();
  later.invocation = "beef";
  later.restarts = 1;
  auto before = make_instances(unit, running(), kMachine, kPolicy, false).at(0);
  auto after = make_instances(unit, later, kMachine, kPolicy, false).at(0);
  EXPECT_NE(before.checks[0].output, after.checks[0].output);
  before.checks[0].output = after.checks[0].output = "";
  EXPECT_EQ(before, after);
}

TEST(UnitInstances, TheUnitCheckIsReportedAndComesFirst) {
  const auto instance =
      make_instances(config("[X-Consul]\nPort=1\nCheck=http\n"), running(), kMachine, kPolicy, false).at(0);
  ASSERT_EQ(instance.checks.size(), 2U);
  EXPECT_TRUE(instance.checks[0].reported);
  EXPECT_EQ(instance.checks[0].ttl, "1h");
  EXPECT_EQ(instance.checks[0].status, "passing");
  EXPECT_EQ(instance.checks[1].http, "http://127.0.0.1:1/");
  EXPECT_TRUE(
      make_instances(config("[X-Consul]\nCheck=none\n"), running(), kMachine, kPolicy, false).at(0).checks.empty());
}

TEST(UnitInstances, ChecksAreAimedAtTheHostThatThePolicyNames) {
  InstancePolicy policy = kPolicy;
  policy.host = "fd00::1";
  const auto instance =
      make_instances(config("[X-Consul]\nPort=1\nCheck=tcp\nCheck=http:/{host}\n"), running(), kMachine, policy, false)
          .at(0);
  EXPECT_EQ(instance.checks[1].tcp, "[fd00::1]:1");
  EXPECT_EQ(instance.checks[2].http, "http://[fd00::1]:1/{host}");
}

TEST(UnitInstances, ADrainingUnitIsInMaintenance) {
  // The rules put "muster: " before it; Consul showed it twice.
  EXPECT_EQ(make_instances(config("[X-Consul]\n"), running(), kMachine, kPolicy, true).at(0).maintenance,
            "the unit is being stopped");
  EXPECT_TRUE(make_instances(config("[X-Consul]\n"), running(), kMachine, kPolicy, false).at(0).maintenance.empty());
}

TEST(UnitInstances, MetaSaysWhereItIsFrom) {
  const auto instance = make_instances(config("[X-Consul]\nMeta=a=b\n"), running(), kMachine, kPolicy, false).at(0);
  EXPECT_EQ(instance.meta,
            (std::vector<Label>{
                {"external-source", "systemd"}, {"unit", "web.service"}, {"machine-id", kMachine.id}, {"a", "b"}}));
}

TEST(Instances, DoubtCoversWhatIsBelowAnEntryThatEndsWithASlash) {
  const std::vector<std::string> doubtful{"m/a.service", "m/b.service/"};
  EXPECT_TRUE(in_doubt(doubtful, "m/a.service"));
  EXPECT_FALSE(in_doubt(doubtful, "m/a.service/admin"));
  EXPECT_TRUE(in_doubt(doubtful, "m/b.service/admin"));
  EXPECT_FALSE(in_doubt(doubtful, "m/b.service"));
  EXPECT_EQ(doubtful_ids("m", "b.service"), (std::vector<std::string>{"m/b.service", "m/b.service/"}));
}

}  // namespace
}  // namespace muster::units
