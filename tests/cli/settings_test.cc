#include "cli/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <sstream>

#include "support/folder.h"

namespace muster::cli {
namespace {

using Strings = std::vector<std::string>;
using support::Folder;

// A muster that started with one config file and was told to read it again when it held another text.
struct Reloaded {
  std::unique_ptr<Settings> start;
  Result<std::unique_ptr<Settings>> now = fail(Fault::Leave, "not read");

  Reloaded(const std::string& before, const std::string& after, Strings arguments = {}) {
    const Folder folder;
    arguments.push_back("--config=" + folder.write("muster.conf", before));
    auto made = load_settings(arguments);
    EXPECT_TRUE(made) << made.error().message;
    if (!made) return;
    start = std::move(*made);
    EXPECT_EQ(start->parsed.err, "");
    folder.write("muster.conf", after);
    now = reload_settings(*start, arguments);
  }

  // The flags that the warnings name.
  Strings restarts() const {
    Strings names;
    for (const std::string& warning : (*now)->options.warnings) names.push_back(warning.substr(0, warning.find(' ')));
    return names;
  }
};

const std::string kBase = "zk = zk://a:2181/mesos\n";

TEST(Reload, TakesNewRulesWithoutAWarning) {
  const Reloaded r(kBase, kBase + "blacklist = ^db\nservice-name = hosts\n");
  ASSERT_TRUE(r.now) << r.now.error().message;
  EXPECT_FALSE((*r.now)->rules->allows_name("db"));
  EXPECT_EQ((*r.now)->rules->settings().service_name, "hosts");
  EXPECT_EQ(r.restarts(), Strings{});
}

// A reviewer's story: SIGHUP with another owner, prefix or compat took effect live, and every service that muster had
// registered under the old one became a conflict.
TEST(Reload, KeepsTheIdentityOfTheStartAndNamesWhatNeedsARestart) {
  const Reloaded r(kBase + "owner = here\n",
                   kBase + "owner = there\nservice-id-prefix = mine\ncompat = mesos-consul\nblacklist = ^db\n");
  ASSERT_TRUE(r.now) << r.now.error().message;
  const RuleSettings& rules = (*r.now)->rules->settings();
  EXPECT_EQ(rules.owner, "here");
  EXPECT_EQ(rules.service_id_prefix, "muster");
  EXPECT_FALSE(rules.compat);
  EXPECT_TRUE(rules.canary);
  EXPECT_FALSE((*r.now)->rules->allows_name("db"));
  EXPECT_EQ(r.restarts(), (Strings{"--compat", "--owner", "--service-id-prefix"}));
}

TEST(Reload, KeepsAnOwnerThatFollowedFromTheSource) {
  const Reloaded r(kBase, "zk = zk://b:2181/mesos\n");
  ASSERT_TRUE(r.now) << r.now.error().message;
  EXPECT_EQ((*r.now)->rules->settings().owner, r.start->rules->settings().owner);
  EXPECT_EQ(r.restarts(), (Strings{"--owner", "--zk"}));
}

TEST(Reload, NamesEverySettingThatOnlyARestartTakesOverAndNoValue) {
  const Reloaded r(kBase + "consul-auth = u:OLD\nlisten = :1\n",
                   kBase + "consul-auth = u:NEW\nconsul-port = 8501\nconsul-token = t\n");
  ASSERT_TRUE(r.now) << r.now.error().message;
  EXPECT_EQ(r.restarts(), (Strings{"--consul-auth", "--consul-port", "--listen"}));
  for (const std::string& warning : (*r.now)->options.warnings) {
    EXPECT_EQ(warning.find("NEW"), std::string::npos) << warning;
    EXPECT_NE(warning.find("restart"), std::string::npos) << warning;
  }
  EXPECT_EQ((*r.now)->options.consul.token, "t");
}

TEST(Reload, IsRefusedWholeWhenARuleOrALineIsWrong) {
  for (const char* wrong : {"blacklist = \"(\"\n", "blaklist = x\n"}) {
    const Reloaded r(kBase, kBase + wrong);
    ASSERT_FALSE(r.now) << wrong;
    EXPECT_NE(r.now.error().message.find("blac"), std::string::npos) << r.now.error().message;
  }
}

// A reviewer's story: the blacklist of an example could never match, and neither did the warning about such patterns
// see it.
TEST(Examples, OfTheHelpWarnOfNothing) {
  std::istringstream lines(make_program().examples);
  std::size_t commands = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("    muster ")) continue;
    ++commands;
    std::istringstream words(line);
    Strings arguments;
    for (std::string word; words >> word;) {
      std::erase(word, '\'');
      arguments.push_back(word);
    }
    arguments.erase(arguments.begin());
    const auto settings = load_settings(arguments);
    ASSERT_TRUE(settings) << line << settings.error().message;
    EXPECT_EQ((*settings)->parsed.err, "") << line;
    EXPECT_EQ((*settings)->rules->warnings(), Strings{}) << line;
    EXPECT_EQ((*settings)->options.warnings, Strings{}) << line;
  }
  EXPECT_EQ(commands, 4u);
}

// A reviewer's story: MUSTER_BLAKLIST was ignored in silence, and everything was registered.
TEST(Variables, ThatAreNoSettingAreWarnedOfWithTheNearestAndWithoutTheirValue) {
  ASSERT_EQ(setenv("MUSTER_BLAKLIST", "hunter2", 1), 0);
  ASSERT_EQ(setenv("MUSTER_TEST_SOMETHING", "1", 1), 0);
  const auto settings = load_settings({"--zk=zk://a/mesos"});
  unsetenv("MUSTER_BLAKLIST");
  unsetenv("MUSTER_TEST_SOMETHING");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ((*settings)->options.warnings,
            Strings{"MUSTER_BLAKLIST in the environment is no setting and has no effect; did you mean "
                    "MUSTER_BLACKLIST?"});
}

// A reviewer's story: of MUSTER_ZK only "does not begin with zk://" was said, and not what stood there.
TEST(SecretUrls, AreNamedWithoutTheirSecretWhenTheyAreWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"zk:/h1:2181/mesos", "--zk=zk:/h1:2181/mesos: "},
      {"zk://u:hunter2@h1:99999/mesos", "--zk=zk://***@h1:99999/mesos: "},
      {"zk://u:hun/hunter2@h1/mesos", "--zk=zk://***@h1/mesos: "},
      {"u:hunter2@h1/mesos", "--zk=***@h1/mesos: "},
      {"zk:/u:hunter2@h1/mesos", "--zk=***@h1/mesos: "},
      {"u:hunter2@zk://h1/mesos", "--zk=***: "},
      {"zk://u:hunter2", "--zk=zk://u:***: "},
      {"http://[::1]:2181/mesos", "--zk=http://[::1]:2181/mesos: "},
  };
  for (const auto& [value, shown] : cases) {
    const auto settings = load_settings({"--zk=" + std::string(value)});
    const std::string error = settings ? (*settings)->parsed.err : settings.error().message;
    EXPECT_TRUE(error.starts_with("muster: " + std::string(shown))) << value << " -> " << error;
    EXPECT_EQ(error.find("hunter2"), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace muster::cli
