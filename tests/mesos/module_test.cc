#include "mesos/module.h"

#include <gtest/gtest.h>

#include <set>

#include "support/folder.h"

namespace muster::mesos {
namespace {

class ModuleTest : public ::testing::Test {
 protected:
  Result<void> set(const std::string& name, const std::string& value) {
    for (const Flag& flag : group_.flags) {
      if (flag.name == name) return flag.set(value);
    }
    ADD_FAILURE() << "no flag " << name;
    return {};
  }
  std::unique_ptr<Module> module_ = make_module();
  FlagGroup group_ = module_->flags();
};

TEST_F(ModuleTest, IsConfiguredByEitherWayToFindMasters) {
  EXPECT_EQ(module_->name(), "mesos");
  EXPECT_FALSE(module_->configured());
  EXPECT_FALSE(module_->make());
  ASSERT_TRUE(set("zk", "zk://h1:2181/mesos"));
  EXPECT_TRUE(module_->configured());
  EXPECT_TRUE(module_->make());
  ASSERT_TRUE(set("mesos-master", "http://m1:5050,m2"));
  const auto both = module_->make();
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().fault, Fault::Leave);
}

TEST_F(ModuleTest, NamesTheClusterByItsServersAndPathAndNeverByItsPassword) {
  ASSERT_TRUE(set("zk", "zk://user:hunter2@h2:2181,h1:2181,h2:2181/mesos/prod/"));
  EXPECT_EQ(*module_->default_owner(), "h1:2181,h2:2181/mesos/prod");
}

TEST_F(ModuleTest, NamesTheClusterByItsMastersInAnyOrder) {
  ASSERT_TRUE(set("mesos-master", "http://m2:5050,m1,https://[fd00::1]:5050"));
  EXPECT_EQ(*module_->default_owner(), "-fd00::1-:5050,m1:5050,m2:5050");
}

TEST_F(ModuleTest, ReadsTheUrlFromAFile) {
  support::Folder folder;
  const std::string path = folder.write("zk", "zk://user:hunter2@h1:2181/mesos\n");
  ASSERT_TRUE(set("zk", "file://" + path));
  EXPECT_EQ(*module_->default_owner(), "h1:2181/mesos");
  const auto missing = set("zk", "file://" + path + ".not");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(path), std::string::npos);
}

TEST_F(ModuleTest, RefusesWrongValuesForGood) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"zk", "h1:2181"},
                                                        {"zk", "zk://user:hunter2@h1:99999/mesos"},
                                                        {"mesos-master", "m1,,m2"},
                                                        {"mesos-master", ""},
                                                        {"refresh", "10"},
                                                        {"refresh", "0"},
                                                        {"mesos-timeout", "-1s"},
                                                        {"heartbeats-before-remove", "x"},
                                                        {"heartbeats-before-remove", "-1"},
                                                        {"mesos-failover-grace", "soon"}}) {
    const auto result = set(name, value);
    ASSERT_FALSE(result) << name << "=" << value;
    EXPECT_EQ(result.error().fault, Fault::Leave) << name;
    EXPECT_EQ(result.error().message.find("hunter2"), std::string::npos) << result.error().message;
  }
}

TEST_F(ModuleTest, HidesOnlyWhatMayHoldASecretItself) {
  const std::set<std::string> secrets{"zk", "mesos-secret", "mesos-token"};
  for (const Flag& flag : group_.flags) EXPECT_EQ(flag.secret, secrets.contains(flag.name)) << flag.name;
}

TEST_F(ModuleTest, RefusesFilesThatHoldNoCredentialsBeforeItStarts) {
  const support::Folder folder;
  ASSERT_TRUE(set("zk", "zk://h1:2181/mesos"));
  ASSERT_TRUE(set("zk-auth-file", folder.write("zk-auth", "hunter2\n")));
  const auto without_user = module_->make();
  ASSERT_FALSE(without_user);
  EXPECT_NE(without_user.error().message.find("--zk-auth-file="), std::string::npos) << without_user.error().message;
  EXPECT_EQ(without_user.error().message.find("hunter2"), std::string::npos) << without_user.error().message;
  folder.write("zk-auth", "user:pass/word\n");
  EXPECT_TRUE(module_->make());
  ASSERT_TRUE(set("mesos-token-file", folder / "missing"));
  const auto no_token = module_->make();
  ASSERT_FALSE(no_token);
  EXPECT_EQ(no_token.error().fault, Fault::Leave);
  EXPECT_NE(no_token.error().message.find("--mesos-token-file="), std::string::npos) << no_token.error().message;
}

}  // namespace
}  // namespace muster::mesos
