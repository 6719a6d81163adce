// What deploy/nomad ships must fit the binary, and run on a real Nomad where there is one.
#include "support/nomad.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/consul.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

using nlohmann::json;
using std::chrono::seconds;

std::string shipped(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(MUSTER_SOURCE_DIR "/deploy/nomad/" + file).rdbuf();
  EXPECT_FALSE(text.str().empty()) << file;
  return text.str();
}

std::set<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern, std::regex::multiline);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) found.insert((*it)[1]);
  return found;
}

// Every "--flag=value" of the job's arguments, with what Nomad would put in.
std::vector<std::string> arguments(const std::string& job) {
  std::vector<std::string> out;
  for (std::string each : matches(job, "^ +\"(--[^\"]+)\",?$")) {
    each = std::regex_replace(each, std::regex(R"(\$\{NOMAD_PORT_web\})"), "0");
    out.push_back(std::regex_replace(each, std::regex(R"(\$\{node\.unique\.id\})"), "some-node"));
  }
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

TEST(NomadJobs, NameFlagsThatExistAndValuesThatAreTaken) {
  const std::set<std::string> known = matches(run_muster({"--help"}).out, "^  --([a-z-]+)");
  ASSERT_GT(known.size(), 30U);
  for (const char* file : {"muster.nomad.hcl", "muster-central.nomad.hcl"}) {
    const std::vector<std::string> given = arguments(shipped(file));
    EXPECT_GE(given.size(), 4U) << file;
    for (const std::string& each : given) {
      const std::string name = each.substr(2, each.find('=') - 2);
      EXPECT_TRUE(known.contains(name)) << file << ": " << each;
    }
    std::vector<std::string> usable = given;
    std::erase_if(usable, [](const std::string& each) { return each.starts_with("--listen="); });
    usable.push_back("--dry-run");
    Muster muster(usable);
    EXPECT_TRUE(eventually(kPatience, [&] { return !muster.process().running() || muster.health() == 200; }));
    EXPECT_TRUE(muster.process().running()) << file << ": " << muster.log();
  }
}

TEST(NomadJobs, HoldNoSecretAndNoServiceOfConsulsOwn) {
  for (const char* file : {"muster.nomad.hcl", "muster-central.nomad.hcl"}) {
    const std::string job = shipped(file);
    EXPECT_EQ(job.find("-token="), std::string::npos) << file;
    EXPECT_FALSE(std::regex_search(job, std::regex("^ *service", std::regex::multiline))) << file;
  }
}

constexpr char kWeb[] = R"(
job "web" {
  group "api" {
    network {
      port "http" {}
    }
    service {
      name     = "web"
      provider = "nomad"
      port     = "http"
    }
    task "srv" {
      driver = "raw_exec"
      config {
        command = "sleep"
        args    = ["600"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
)";

struct Shipped {
  const char* file;
  const char* job;
  const char* owner;
};

class ShippedJob : public testing::TestWithParam<Shipped> {};
INSTANTIATE_TEST_SUITE_P(NomadJobs, ShippedJob,
                         testing::Values(Shipped{"muster.nomad.hcl", "muster", "nomad:global"},
                                         Shipped{"muster-central.nomad.hcl", "muster-central", "nomad:global/main"}),
                         [](const auto& each) { return each.index == 0 ? "System" : "Central"; });

// With ACLs on, nothing but the shipped policy and the task's own identity, over the task's own API socket.
TEST_P(ShippedJob, RunsOnARealNomad) {
  for (const std::string& why : {no_consul(), no_nomad()}) {
    if (why.empty()) continue;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
  ConsulServer consul;
  Nomad nomad({.acl = true});
  const std::string name = GetParam().job;
  ASSERT_EQ(nomad
                .call("PUT", "/v1/acl/policy/" + name,
                      {{"Name", name},
                       {"Rules", shipped("muster-policy.hcl")},
                       {"JobACL", {{"Namespace", "default"}, {"JobID", name}}}})
                .status,
            200);
  const std::string port = std::to_string(free_port());
  std::string job = replaced(shipped(GetParam().file), "/usr/local/bin/muster", MUSTER_BINARY);
  job = replaced(job, "http://127.0.0.1:8500", consul.url());
  if (name == "muster") {
    job = replaced(job, "static = 24476", "static = " + port);
    job = replaced(job, "--listen=127.0.0.1:24476", "--listen=127.0.0.1:" + port);
  } else {
    job = replaced(job, "count = 2", "count = 1");  // there is one node
    job = replaced(job, "--listen=127.0.0.1:${NOMAD_PORT_web}\"",
                   "--listen=127.0.0.1:" + port + "\", \"--consul-port=" + std::to_string(consul.http_port()) + "\"");
  }
  nomad.run_job(job);
  nomad.run_job(kWeb);
  const auto entries = [&] { return consul.get("/v1/catalog/service/web"); };
  const bool there = eventually(seconds(60), [&] { return entries().is_array() && entries().size() == 1; });
  std::string why;
  for (const std::string& id : nomad.running(name)) why += nomad.run({"alloc", "logs", "-stderr", id}).out;
  ASSERT_TRUE(there) << why << nomad.run({"job", "status", name}).out;
  EXPECT_EQ(entries()[0].at("ServiceMeta").value("muster_owner", ""), GetParam().owner);
  EXPECT_EQ(http({.port = std::stoi(port), .path = "/ready"}).status, 200) << why;
  nomad.call("DELETE", "/v1/job/web");
  EXPECT_TRUE(eventually(seconds(60), [&] { return entries().is_array() && entries().empty(); }));
  // Not end_tasks(): a folder that is collected at once stays, where its task held an event stream over the API socket
  // (2.0.5: secrets, device or resource busy).
  nomad.call("DELETE", "/v1/job/" + name);
  const auto task = [&] { return nomad.get("/v1/job/" + name + "/allocations").dump(); };
  EXPECT_TRUE(eventually(seconds(30), [&] { return task().find("\"exit_code\":\"0\"") != std::string::npos; }))
      << "a muster that is told to stop does: " << task();
}

}  // namespace
}  // namespace muster::support
