#include "consul/settings.h"

#include <gtest/gtest.h>

#include "support/folder.h"

namespace muster::consul {
namespace {

using support::Folder;

TEST(AgentAt, IsTheHostsOwnUnlessOneIsFixed) {
  ConsulSettings s;
  EXPECT_EQ(agent_at(s, "10.0.0.1").url, "http://10.0.0.1:8500");
  EXPECT_EQ(agent_at(s, "fd00::1").url, "http://[fd00::1]:8500");
  s.ssl = true;
  s.port = 8501;
  EXPECT_EQ(agent_at(s, "10.0.0.1").url, "https://10.0.0.1:8501");
  s.agent = "unix:///run/consul.sock";
  EXPECT_EQ(agent_at(s, "10.0.0.1").url, "unix:///run/consul.sock");
}

TEST(Credentials, ReadTheTokenFileAgainWhenTold) {
  const Folder folder;
  ConsulSettings s;
  s.token = "from the flag";
  s.token_file = folder.write("token", " first\n");
  const auto credentials = Credentials::load(s);
  ASSERT_TRUE(credentials) << credentials.error().message;
  EXPECT_EQ((*credentials)->token(), "first");
  folder.write("token", "second");
  EXPECT_EQ((*credentials)->token(), "first");
  ASSERT_TRUE((*credentials)->reload(s));
  EXPECT_EQ((*credentials)->token(), "second");
}

// A reviewer's story: SIGHUP said "tokens read again" and kept the old one, when the config file held a new token or
// named another file.
TEST(Credentials, FollowSettingsThatHoldANewTokenOrNameAnotherFile) {
  const Folder folder;
  ConsulSettings s;
  s.token = "old";
  const auto credentials = Credentials::load(s);
  ASSERT_TRUE(credentials);
  s.token = "new";
  ASSERT_TRUE((*credentials)->reload(s));
  EXPECT_EQ((*credentials)->token(), "new");
  s.token_file = folder.write("a", "of-a");
  ASSERT_TRUE((*credentials)->reload(s));
  EXPECT_EQ((*credentials)->token(), "of-a");
  s.token_file = folder.write("b", "of-b");
  const auto other = (*credentials)->reload(s);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ((*credentials)->token(), "of-b");
}

TEST(Credentials, KeepTheOldTokenWhenTheFileIsSpoilt) {
  const Folder folder;
  ConsulSettings s;
  s.token_file = folder.write("token", "good");
  const auto credentials = Credentials::load(s);
  ASSERT_TRUE(credentials);
  for (const char* spoilt : {"", " \n", "two words", "two\nlines"}) {
    folder.write("token", spoilt);
    const auto reloaded = (*credentials)->reload(s);
    ASSERT_FALSE(reloaded) << spoilt;
    EXPECT_NE(reloaded.error().message.find(s.token_file), std::string::npos);
    EXPECT_EQ(reloaded.error().message.find("two"), std::string::npos) << "a secret in a message";
    EXPECT_EQ((*credentials)->token(), "good");
  }
}

TEST(Credentials, NameTheFlagOfAFileThatCannotBeRead) {
  const Folder folder;
  const std::string missing = folder / "missing";
  ConsulSettings token;
  token.token_file = missing;
  ConsulSettings cert;
  cert.tls.cert_file = missing;
  ConsulSettings ca;
  ca.tls.ca_file = folder.path();  // a folder
  const std::pair<ConsulSettings, std::string> cases[] = {
      {token, "--consul-token-file="}, {cert, "--consul-ssl-cert="}, {ca, "--consul-ssl-cacert="}};
  for (const auto& [settings, flag] : cases) {
    const auto credentials = Credentials::load(settings);
    ASSERT_FALSE(credentials) << flag;
    EXPECT_EQ(credentials.error().fault, Fault::Leave);
    EXPECT_TRUE(credentials.error().message.starts_with(flag)) << credentials.error().message;
  }
}

TEST(Credentials, AreEmptyWithoutAToken) {
  const ConsulSettings s;
  const auto credentials = Credentials::load(s);
  ASSERT_TRUE(credentials);
  EXPECT_EQ((*credentials)->token(), "");
  EXPECT_TRUE((*credentials)->reload(s));
}

}  // namespace
}  // namespace muster::consul
