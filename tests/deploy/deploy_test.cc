// What deploy/ ships must fit the binary that is shipped with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/consul.h"
#include "support/folder.h"
#include "support/muster.h"
#include "support/process.h"
#include "support/wait.h"

namespace muster::support {
namespace {

using nlohmann::json;
using Names = std::set<std::string>;

std::string deploy(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(MUSTER_SOURCE_DIR "/deploy/" + file).rdbuf();
  EXPECT_FALSE(text.str().empty()) << "deploy/" << file;
  return text.str();
}

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern, std::regex::multiline);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

Names flags_in(const std::string& text) {
  const std::vector<std::string> found = all_matches(text, R"((?:^|[\s"`])--([a-z][a-z-]+))");
  return {found.begin(), found.end()};
}

const Names& known_flags() {
  static const std::vector<std::string> listed = all_matches(run_muster({"--help"}).out, "^  --([a-z-]+)");
  static const Names known(listed.begin(), listed.end());
  return known;
}

void expect_known(const Names& flags, const std::string& where) {
  ASSERT_GT(known_flags().size(), 30U) << "muster --help lists hardly any flag";
  EXPECT_FALSE(flags.empty()) << where;
  for (const std::string& flag : flags) EXPECT_TRUE(known_flags().contains(flag)) << where << ": --" << flag;
}

std::vector<std::string> lines_of(const std::string& text, const std::string& key) {
  return all_matches(text, "^" + key + "=(.*)$");
}

// Whether muster starts with these arguments, once they name peers and files that a test may use.
void expect_usable(std::vector<std::string> arguments) {
  const Folder folder;
  const std::string token = folder.write("token", "5b1d1e8c-4c0e-4f6b-9d57-2f6c3b0a7e11\n");
  std::erase_if(arguments, [](const std::string& argument) { return argument.starts_with("--listen="); });
  for (std::string& argument : arguments) {
    if (argument.starts_with("--zk=")) argument = "--mesos-master=http://127.0.0.1:1";
    if (argument.starts_with("--consul-token-file=")) argument = "--consul-token-file=" + token;
  }
  arguments.push_back("--dry-run");
  Muster muster(arguments);
  EXPECT_TRUE(eventually(kPatience, [&] { return !muster.process().running() || muster.health() == 200; }));
  EXPECT_TRUE(muster.process().running()) << muster.log();
}

TEST(Marathon, RunsMusterWithFlagsThatItKnowsAndAsksItsHealthWhereItListens) {
  const json app = json::parse(deploy("marathon/muster.json"));
  const auto args = app["args"].get<std::vector<std::string>>();
  std::string joined;
  for (const std::string& arg : args) joined += ' ' + arg;
  expect_known(flags_in(joined), "muster.json");
  expect_usable(args);
  EXPECT_EQ(app["networks"][0]["mode"], "host");
  const int port = app["portDefinitions"][0]["port"];
  EXPECT_NE(joined.find("--listen=0.0.0.0:" + std::to_string(port)), std::string::npos) << joined;
  EXPECT_EQ(app["healthChecks"][0]["path"], "/health");
  EXPECT_EQ(app["healthChecks"][0]["portIndex"], 0);
}

TEST(Marathon, GivesSecretsByFileOnly) {
  const std::string text = deploy("marathon/muster.json");
  EXPECT_NE(text.find("--consul-token-file="), std::string::npos);
  EXPECT_EQ(text.find("--consul-token="), std::string::npos);
  EXPECT_EQ(text.find('@'), std::string::npos) << "credentials in a URL";
  const json app = json::parse(text);
  for (const json& volume : app["container"]["volumes"]) EXPECT_EQ(volume["mode"], "RO");
}

TEST(Marathon, ItsReadmeNamesFlagsThatExist) { expect_known(flags_in(deploy("marathon/README.md")), "README.md"); }

TEST(Docker, CopiesPathsThatExistAndThatTheContextHolds) {
  const std::string context = deploy("docker/Dockerfile.dockerignore");
  std::vector<std::string> sources;
  for (const std::string& line : all_matches(deploy("docker/Dockerfile"), R"(^COPY (?!--from)(.*)$)")) {
    std::istringstream words(line);
    const std::vector<std::string> paths{std::istream_iterator<std::string>(words), {}};
    sources.insert(sources.end(), paths.begin(), paths.end() - 1);
  }
  EXPECT_FALSE(sources.empty());
  for (const std::string& source : sources) {
    EXPECT_TRUE(std::filesystem::exists(MUSTER_SOURCE_DIR "/" + source)) << source;
    EXPECT_NE(context.find("!" + source + '\n'), std::string::npos) << source << " is not let into the context";
  }
}

TEST(Docker, IsTheImageThatMarathonNamesAndNeedsNoRoot) {
  const std::string text = deploy("docker/Dockerfile");
  const json app = json::parse(deploy("marathon/muster.json"));
  const std::string image = app["container"]["docker"]["image"];
  EXPECT_NE(text.find("-t " + image + " ."), std::string::npos) << image;
  const std::string version = run_muster({"--version"}).out;
  EXPECT_NE(version.find(image.substr(image.find(':') + 1)), std::string::npos) << image << " is not " << version;
  const std::vector<std::string> users = all_matches(text, "^USER (.*)$");
  ASSERT_EQ(users.size(), 1U);
  EXPECT_FALSE(users[0].starts_with("0") || users[0].starts_with("root")) << users[0];
}

TEST(Docker, InstallsTheLibrariesThatMusterIsLinkedWith) {
  if (run({{"dpkg", "--version"}}).code != 0) GTEST_SKIP() << "no dpkg on this machine";
  const std::string dockerfile = deploy("docker/Dockerfile");
  const Finished linked = run({{"sh", "-c", "objdump -p $0 | grep NEEDED; ldd $0", MUSTER_BINARY}});
  ASSERT_EQ(linked.code, 0) << linked.err;
  const std::vector<std::string> needed = all_matches(linked.out, R"(NEEDED\s+(\S+))");
  EXPECT_GT(needed.size(), 6U) << linked.out;
  for (const std::string& library : needed) {
    const std::vector<std::string> path = all_matches(linked.out, library + R"( => (\S+))");
    if (path.empty()) continue;  // the loader itself
    // Where /lib is /usr/lib, the package database knows a file by one of its two names.
    const Finished owner = run({{"sh", "-c", "dpkg -S $0 || dpkg -S /usr$0 || dpkg -S ${0#/usr}", path[0]}});
    const std::string package = owner.out.substr(0, owner.out.find(':'));
    const bool base = Names{"libc6", "libstdc++6", "libgcc-s1", "libasan8", "libubsan1", "libtsan2"}.contains(package);
    EXPECT_TRUE(base || dockerfile.find("      " + package + ' ') != std::string::npos) << library << ": " << package;
  }
}

TEST(Systemd, StartsMusterWithFlagsAndSettingsThatItKnows) {
  const std::vector<std::string> start = lines_of(deploy("systemd/muster.service"), "ExecStart");
  ASSERT_EQ(start.size(), 1U);
  expect_known(flags_in(start[0]), "muster.service");
  const std::string config = deploy("systemd/muster.conf");
  const std::vector<std::string> settings = all_matches(config, R"(^(?:# )?([a-z][a-z-]+) = )");
  expect_known({settings.begin(), settings.end()}, "muster.conf");
  const Folder folder;  // the example's ZooKeeper is nowhere to be asked for
  const std::string reachable = std::regex_replace(config, std::regex("zk = .*"), "mesos-master = http://127.0.0.1:1");
  expect_usable({"--config=" + folder.write("muster.conf", reachable)});
}

TEST(Systemd, NamesVariablesThatAreFlags) {
  const std::string text = deploy("systemd/muster.service") + deploy("systemd/muster.conf");
  for (std::string name : all_matches(text, R"(\bMUSTER_([A-Z_]+)\b)")) {
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c == '_' ? '-' : char(tolower(c)); });
    EXPECT_TRUE(known_flags().contains(name)) << name;
  }
}

TEST(Systemd, ReloadsAndStaysUpAndGivesUpWhatItDoesNotNeed) {
  const std::string unit = deploy("systemd/muster.service");
  EXPECT_EQ(lines_of(unit, "ExecReload"), std::vector<std::string>{"/bin/kill -HUP $MAINPID"});
  EXPECT_EQ(lines_of(unit, "Restart"), std::vector<std::string>{"always"});
  EXPECT_EQ(lines_of(unit, "RestartPreventExitStatus"), std::vector<std::string>{"2"});
  EXPECT_EQ(lines_of(unit, "CapabilityBoundingSet"), std::vector<std::string>{""});
  for (const char* yes : {"DynamicUser", "NoNewPrivileges", "MemoryDenyWriteExecute", "ProtectHome", "PrivateTmp"}) {
    EXPECT_EQ(lines_of(unit, yes), std::vector<std::string>{"yes"}) << yes;
  }
}

// The unit as it will be installed, but for the path of the binary.
TEST(Systemd, SystemdItselfFindsNoFaultWithTheUnit) {
  if (run({{"systemd-analyze", "--version"}}).code != 0) GTEST_SKIP() << "no systemd-analyze on this machine";
  const Folder folder;
  std::string unit = deploy("systemd/muster.service");
  const std::string path = "/usr/local/bin/muster";
  for (std::size_t at = unit.find("=" + path); at != std::string::npos; at = unit.find("=" + path)) {
    unit.replace(at + 1, path.size(), MUSTER_BINARY);
  }
  const Finished checked = run({{"systemd-analyze", "verify", folder.write("muster.service", unit)}});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(checked.err, "");
}

class Policy : public testing::Test {
 protected:
  int put(const std::string& path, const json& body = nullptr) {
    return client_.call("PUT", path, body.is_null() ? "" : body.dump(), token_).status;
  }
  std::string read(const std::string& path) { return client_.call("GET", path, "", token_).body; }

  ConsulServer server_{{.acl = true}};
  ConsulClient client_{server_, {.address = "127.0.0.2"}};
  std::string token_ = server_.create_token("muster", deploy("consul/muster-policy.hcl"));
};

TEST_F(Policy, AllowsAllThatMusterDoesWithAnAgentAndNothingElse) {
  const json service{{"ID", "m:1"}, {"Name", "web"}, {"Checks", {{{"CheckID", "m:1:0"}, {"TTL", "10s"}}}}};
  const std::string reg = "/v1/agent/service/register?replace-existing-checks=true";
  ASSERT_TRUE(eventually(kPatience, [&] { return put(reg, service) == 200; }));
  EXPECT_TRUE(json::parse(read("/v1/agent/services")).contains("m:1"));
  EXPECT_TRUE(json::parse(read("/v1/agent/checks")).contains("m:1:0"));
  EXPECT_TRUE(json::parse(read("/v1/agent/self")).contains("Config"));
  const std::string node = client_.node();
  EXPECT_TRUE(eventually(kPatience, [&] { return json::parse(read("/v1/catalog/service/web")).size() == 1; }))
      << "without a right on nodes the catalog is silently empty";
  EXPECT_TRUE(json::parse(read("/v1/catalog/node/" + node)).is_object());
  EXPECT_FALSE(json::parse(read("/v1/catalog/node-services/" + node)).at("Services").empty());
  EXPECT_GE(json::parse(read("/v1/health/node/" + node)).size(), 2U);
  EXPECT_EQ(put("/v1/agent/service/maintenance/m:1?enable=true&reason=x"), 200);
  EXPECT_TRUE(json::parse(read("/v1/agent/checks")).contains("_service_maintenance:m:1"));
  EXPECT_EQ(put("/v1/agent/service/maintenance/m:1?enable=false"), 200);
  EXPECT_EQ(put("/v1/agent/check/deregister/m:1:0"), 200);
  EXPECT_EQ(put("/v1/agent/service/deregister/m:1"), 200);
  EXPECT_TRUE(eventually(kPatience, [&] { return server_.get("/v1/catalog/service/web").empty(); }));

  EXPECT_EQ(put("/v1/kv/x", "y"), 403);
  EXPECT_EQ(put("/v1/agent/maintenance?enable=true"), 403);
  EXPECT_EQ(put("/v1/agent/leave"), 403);
  EXPECT_EQ(put("/v1/catalog/deregister", {{"Node", client_.node()}}), 403);
  EXPECT_EQ(client_.call("GET", "/v1/acl/tokens", "", token_).status, 403);
}

TEST_F(Policy, AllowsTheLockWithTheLinesThatAreThereForIt) {
  const std::string rules = std::regex_replace(deploy("consul/muster-policy.hcl"), std::regex("#lock: "), "");
  EXPECT_EQ(put("/v1/session/create", {{"TTL", "15s"}}), 403) << "not without them";
  token_ = server_.create_token("muster-lock", rules);
  std::string session;
  ASSERT_TRUE(eventually(kPatience, [&] {
    const HttpAnswer made = client_.call("PUT", "/v1/session/create", R"({"TTL":"15s"})", token_);
    if (made.status == 200) session = json::parse(made.body).value("ID", "");
    return !session.empty();
  }));
  EXPECT_EQ(client_.call("PUT", "/v1/kv/muster/o/leader?acquire=" + session, "{}", token_).body, "true");
  EXPECT_EQ(put("/v1/session/renew/" + session), 200);
  EXPECT_EQ(put("/v1/kv/muster/o/leader?release=" + session), 200);
  EXPECT_EQ(put("/v1/session/destroy/" + session), 200);
  EXPECT_EQ(put("/v1/kv/other", "y"), 403);
}

}  // namespace
}  // namespace muster::support
