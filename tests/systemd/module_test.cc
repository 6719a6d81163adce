#include "systemd/module.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

namespace muster::systemd {
namespace {

// Sets flags as the command line does; the error of the first that is refused.
Result<void> set(Module& module, const std::vector<std::pair<std::string, std::string>>& values) {
  std::map<std::string, Flag> flags;
  for (Flag& flag : module.flags().flags) flags.emplace(flag.name, flag);
  for (const auto& [name, value] : values) {
    if (auto done = flags.at(name).set(value); !done) return done;
  }
  return {};
}

class SystemdModuleTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/etc/machine-id")) {
      printf("skipped: this machine has no /etc/machine-id\n");
      GTEST_SKIP();
    }
  }
  std::unique_ptr<Module> module = make_module();
};

TEST_F(SystemdModuleTest, IsConfiguredByEachOfTheFlagsThatAskForUnits) {
  EXPECT_FALSE(module->configured());
  for (const auto& [flag, value] : std::map<std::string, std::string>{
           {"systemd", "true"}, {"systemd-user", "true"}, {"systemd-units", "web*.service"}}) {
    const auto each = make_module();
    ASSERT_TRUE(set(*each, {{flag, value}}));
    EXPECT_TRUE(each->configured()) << flag;
  }
  ASSERT_TRUE(set(*module, {{"unit-check-ttl", "1h"}, {"systemd-bus", "unix:path=/x"}}));
  EXPECT_FALSE(module->configured()) << "how, but not whether";
}

// It was tried for ever, in vain.
TEST_F(SystemdModuleTest, ABusThatCannotBeReachedByAnyTransportIsRefused) {
  for (const char* bad : {"garbage:x", "unix", "", "unix:/run/bus", ";"}) {
    const auto done = set(*module, {{"systemd-bus", bad}});
    ASSERT_FALSE(done) << bad;
    EXPECT_EQ(done.error().fault, Fault::Leave);
    EXPECT_NE(done.error().message.find("unix:path="), std::string::npos) << done.error().message;
  }
  for (const char* good :
       {"unix:path=/x", "unix:abstract=x", "tcp:host=127.0.0.1,port=1", "autolaunch:;unix:path=/x"}) {
    EXPECT_TRUE(set(*module, {{"systemd-bus", good}})) << good;
  }
}

// The flag was checked, and the variable was not.
TEST_F(SystemdModuleTest, ABusThatAVariableNamesIsHeldToTheSame) {
  for (const auto& [flag, name] : std::map<std::string, std::string>{{"systemd", "DBUS_SYSTEM_BUS_ADDRESS"},
                                                                     {"systemd-user", "DBUS_SESSION_BUS_ADDRESS"}}) {
    const auto each = make_module();
    ASSERT_TRUE(set(*each, {{flag, "true"}}));
    const char* before = getenv(name.c_str());
    const std::string kept = before == nullptr ? "" : before;
    setenv(name.c_str(), "garbage:x", 1);
    const auto bad = each->make();
    setenv(name.c_str(), "unix:path=/x", 1);
    EXPECT_TRUE(each->make()) << name;
    unsetenv(name.c_str());
    if (before != nullptr) setenv(name.c_str(), kept.c_str(), 1);
    ASSERT_FALSE(bad) << name;
    EXPECT_EQ(bad.error().fault, Fault::Leave);
    for (const std::string& part : {name, std::string("garbage:x"), std::string("unix:path=")}) {
      EXPECT_NE(bad.error().message.find(part), std::string::npos) << bad.error().message;
    }
  }
}

TEST_F(SystemdModuleTest, TheOwnerIsThisHostAndAUsersIsAnother) {
  ASSERT_TRUE(set(*module, {{"systemd", "true"}}));
  const auto owner = module->default_owner();
  ASSERT_TRUE(owner) << owner.error().message;
  EXPECT_TRUE(owner->starts_with("systemd:"));
  EXPECT_EQ(owner->size(), 8u + 32u);
  const auto user = make_module();
  ASSERT_TRUE(set(*user, {{"systemd-user", "true"}}));
  EXPECT_EQ(user->default_owner().value(), *owner + "-" + std::to_string(getuid()));
}

TEST_F(SystemdModuleTest, OneMusterFollowsTheHostOrAUserNotBoth) {
  ASSERT_TRUE(set(*module, {{"systemd", "true"}, {"systemd-user", "true"}}));
  for (const auto& error : {module->default_owner().error(), module->make().error()}) {
    EXPECT_EQ(error.fault, Fault::Leave);
    EXPECT_NE(error.message.find("--systemd or --systemd-user"), std::string::npos) << error.message;
  }
}

// `web@8082` matched nothing, and all that was registered was said to have ended.
TEST_F(SystemdModuleTest, UnitsAreNamedAsSystemctlTakesThem) {
  for (const char* good : {"web", "web@8082", "web@8082.service", "web.socket", "web*", "*", "web@*.service", "web.*",
                           "web.s*", "web@808[0-9].service", "a.b.service"}) {
    EXPECT_TRUE(set(*module, {{"systemd-units", good}})) << good;
  }
  for (const char* bad : {"", "web.servic", "web.timer", "web.1", "web*.timer", "*web", "web@808[0-9]",
                          "/etc/web.service", "web 8082", "web,db"}) {
    const auto done = set(*module, {{"systemd-units", bad}});
    ASSERT_FALSE(done) << bad;
    EXPECT_EQ(done.error().fault, Fault::Leave);
    EXPECT_NE(done.error().message.find("give the name of a .service or .socket"), std::string::npos) << bad;
  }
  const auto done = set(*module, {{"systemd-units", "web@"}});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("'web@*.service'"), std::string::npos) << done.error().message;
}

TEST_F(SystemdModuleTest, WrongValuesAreRefusedWithWhatWouldBeRight) {
  const auto refused = [&](const std::string& flag, const std::string& value) {
    const auto done = set(*module, {{flag, value}});
    return done ? "taken" : done.error().message;
  };
  EXPECT_EQ(refused("unit-check-ttl", "0"), "must be at least 1s");
  EXPECT_NE(refused("unit-check-ttl", "soon"), "taken");
  EXPECT_NE(refused("systemd-bus", "/run/dbus/socket").find("unix:path="), std::string::npos);
  EXPECT_NE(refused("systemd-units", "").find("pattern"), std::string::npos);
}

}  // namespace
}  // namespace muster::systemd
