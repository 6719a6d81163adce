#include "fleet/module.h"

#include <gtest/gtest.h>

#include "fakes/fake_fleet.h"

namespace muster::fleet {
namespace {

Result<void> set(Module& module, const std::string& name, const std::string& value) {
  for (const Flag& flag : module.flags().flags) {
    if (flag.name == name) return flag.set(value);
  }
  return fail(Fault::Leave, "no such flag");
}

TEST(FleetModule, IsConfiguredByAnEndpoint) {
  const auto module = make_module();
  EXPECT_FALSE(module->configured());
  EXPECT_FALSE(module->make());
  ASSERT_TRUE(set(*module, "fleet-endpoint", "unix:///run/fleet.sock,http://10.0.0.5:49153"));
  EXPECT_TRUE(module->configured());
  EXPECT_EQ(module->default_owner(), "fleet:10.0.0.5:49153");
  EXPECT_TRUE(module->make());
}

TEST(FleetModule, RefusesWhatCannotBe) {
  const auto module = make_module();
  for (const auto& [name, value] :
       {std::pair("fleet-endpoint", "10.0.0.5"), std::pair("fleet-scope", "world"), std::pair("fleet-refresh", "1ms"),
        std::pair("fleet-timeout", "soon"), std::pair("fleet-lost", "forget"), std::pair("fleet-check-ttl", "0s")}) {
    const auto answer = set(*module, name, value);
    ASSERT_FALSE(answer) << name;
    EXPECT_EQ(answer.error().fault, Fault::Leave);
  }
}

TEST(FleetModule, ASourceAnswersAndKeepsSilentOfAnOutage) {
  fakes::FakeFleet fleet;
  fleet.add_machine("m1", "10.0.0.1");
  fleet.start("web.service", "m1", {{"Port", "80"}});
  const auto module = make_module();
  ASSERT_TRUE(set(*module, "fleet-endpoint", fleet.url()));
  ASSERT_TRUE(set(*module, "fleet-refresh", "100ms"));
  auto source = module->make();
  ASSERT_TRUE(source);
  const auto update = (*source)->next({});
  ASSERT_TRUE(update) << update.error().message;
  EXPECT_EQ(update->slices.at(0).slice->instances.size(), 1U);
  fleet.etcd_down(true);
  const auto outage = (*source)->next({});
  ASSERT_FALSE(outage);
  EXPECT_EQ(outage.error().fault, Fault::Keep);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE((*source)->next(stopped.get_token()));
}

}  // namespace
}  // namespace muster::fleet
