// Flags, Nomad's own environment, and what they make of each other.
#include "nomad/settings.h"

#include <gtest/gtest.h>

#include <map>

#include "nomad/module.h"
#include "support/folder.h"

namespace muster::nomad {
namespace {

using Environment = std::map<std::string, std::string>;

GetEnv from(const Environment& environment) {
  return [&environment](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
}

Result<void> set(FlagGroup& group, const std::string& name, const std::string& value) {
  for (const Flag& flag : group.flags) {
    if (flag.name == name) return flag.set(value);
  }
  ADD_FAILURE() << "no flag " << name;
  return {};
}

TEST(NomadSettings, NomadsOwnVariablesAreTheDefaults) {
  const support::Folder folder;
  const std::string ca = folder.write("ca.pem", "x");
  const Environment environment{
      {"NOMAD_ADDR", "https://n1:4646/"}, {"NOMAD_TOKEN", "secret"}, {"NOMAD_REGION", "eu"},
      {"NOMAD_NAMESPACE", "prod"},        {"NOMAD_CACERT", ca},      {"NOMAD_TLS_SERVER_NAME", "client.eu.nomad"},
      {"NOMAD_SKIP_VERIFY", "1"}};
  const auto settings = complete({}, from(environment));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->addresses, std::vector<std::string>{"https://n1:4646"});
  EXPECT_EQ(settings->token, "secret");
  EXPECT_EQ(settings->region, "eu");
  EXPECT_EQ(settings->ns, "prod");
  EXPECT_EQ(settings->tls.ca_file, ca);
  EXPECT_EQ(settings->tls.server_name, "client.eu.nomad");
  EXPECT_FALSE(settings->tls.verify);
  EXPECT_EQ(settings->scope, Scope::Cluster);
}

TEST(NomadSettings, FlagsWin) {
  NomadSettings given;
  FlagGroup flags = nomad_flags(given);
  ASSERT_TRUE(set(flags, "nomad-address", "http://a:4646,http://b:4646"));
  ASSERT_TRUE(set(flags, "nomad-token", "mine"));
  ASSERT_TRUE(set(flags, "nomad-namespace", "*"));
  const Environment environment{
      {"NOMAD_ADDR", "http://c:4646"}, {"NOMAD_TOKEN", "theirs"}, {"NOMAD_NAMESPACE", "prod"}};
  const auto settings = complete(given, from(environment));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->addresses, (std::vector<std::string>{"http://a:4646", "http://b:4646"}));
  EXPECT_EQ(settings->token, "mine");
  EXPECT_EQ(settings->ns, "*");
}

// NOMAD_NAMESPACE is set for each task, and would have shown a system job its own namespace alone.
TEST(NomadSettings, InATaskTheSocketAndTheIdentityAreFoundAndTheNamespaceIsNotTaken) {
  const support::Folder folder;
  folder.write("api.sock", "");
  folder.write("nomad_token", "ey.identity");
  const Environment environment{{"NOMAD_ALLOC_ID", "5229c7f8"},
                                {"NOMAD_SECRETS_DIR", folder.path()},
                                {"NOMAD_NAMESPACE", "infra"},
                                {"NOMAD_REGION", "eu"}};
  NomadSettings given;
  given.scope = Scope::Node;
  const auto settings = complete(given, from(environment));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->addresses, std::vector<std::string>{"unix://" + folder.path() + "/api.sock"});
  EXPECT_EQ(settings->token_file, folder.path() + "/nomad_token");
  EXPECT_EQ(settings->ns, "*");
  EXPECT_EQ(owner_of(*settings), "nomad:eu");
}

TEST(NomadSettings, WhatIsWrongIsNamedWithWhatWouldBeRight) {
  NomadSettings given;
  FlagGroup flags = nomad_flags(given);
  for (const auto& [flag, value, right] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"nomad-scope", "all", "node or cluster"},
           {"nomad-address", "ftp://x", "http://HOST:PORT"},
           {"nomad-address", "http://x/path", "http://HOST:PORT"},
           {"nomad-lost", "drop", "keep, maintenance or remove"},
           {"nomad-sweep", "1ms", "at least 100ms"},
           {"nomad-token", "", "empty"}}) {
    const auto done = set(flags, flag, value);
    ASSERT_FALSE(done) << flag << "=" << value;
    EXPECT_NE(done.error().message.find(right), std::string::npos) << done.error().message;
  }
  const Environment bad{{"NOMAD_SKIP_VERIFY", "maybe"}};
  EXPECT_NE(complete({}, from(bad)).error().message.find("NOMAD_SKIP_VERIFY=maybe"), std::string::npos);
  NomadSettings both;
  both.scope = Scope::Cluster;
  both.node_id = "x";
  EXPECT_NE(complete(both, from({})).error().message.find("--nomad-node-id=x"), std::string::npos);
  NomadSettings missing;
  missing.tls.ca_file = "/nowhere/ca.pem";
  EXPECT_NE(complete(missing, from({})).error().message.find("--nomad-ca-file=/nowhere/ca.pem"), std::string::npos);
}

TEST(NomadSettings, TheOwnerIsRegionAndCluster) {
  NomadSettings settings;
  settings.addresses = {"http://nomad.example:4646"};
  settings.scope = Scope::Cluster;
  settings.given = {"nomad-address"};
  settings = complete(settings, from({})).value();
  EXPECT_EQ(owner_of(settings), "nomad:global/nomad.example:4646");
  settings.region = "eu";
  settings.cluster = "blue";
  EXPECT_EQ(owner_of(settings), "nomad:eu/blue");
  settings.cluster.clear();
  settings.scope = Scope::Node;  // whose address is that of its own machine
  EXPECT_EQ(owner_of(settings), "nomad:eu");
}

// Two clusters, each asked at 127.0.0.1 on its own machine, had one owner, and each removed the other's services.
TEST(NomadModule, AnAddressThatEveryClusterHasNamesNoOwner) {
  const Environment none;
  for (const char* address :
       {"http://127.0.0.1:4646", "https://localhost:4646", "http://[::1]:4646", "unix:///secrets/api.sock"}) {
    const auto module = make_module(from(none));
    FlagGroup flags = module->flags();
    ASSERT_TRUE(set(flags, "nomad-scope", "cluster"));
    ASSERT_TRUE(set(flags, "nomad-address", address));
    const Result<std::string> owner = module->default_owner();
    ASSERT_FALSE(owner) << address;
    EXPECT_EQ(owner.error().fault, Fault::Leave);
    EXPECT_NE(owner.error().message.find("--nomad-cluster=NAME"), std::string::npos);
    EXPECT_NE(owner.error().message.find(address), std::string::npos);
    ASSERT_TRUE(set(flags, "nomad-cluster", "main"));
    EXPECT_EQ(module->default_owner(), "nomad:global/main");
  }
}

TEST(NomadModule, TheEnvironmentAloneAsksForNothing) {
  const Environment environment{{"NOMAD_ADDR", "http://n1:4646"}};
  const auto module = make_module(from(environment));
  FlagGroup flags = module->flags();
  EXPECT_FALSE(module->configured());
  ASSERT_TRUE(set(flags, "nomad-scope", "node"));
  EXPECT_TRUE(module->configured());
  EXPECT_TRUE(module->make());
  EXPECT_EQ(module->default_owner(), "nomad:global");
}

}  // namespace
}  // namespace muster::nomad
