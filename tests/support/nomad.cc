#include "support/nomad.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

constexpr char kConfig[] = R"(
bind_addr = "127.0.0.1"
data_dir = "%s/data"
disable_update_check = true
ports {
  http = %d
  rpc = %d
  serf = %d
}
advertise {
  http = "127.0.0.1"
  rpc = "127.0.0.1"
  serf = "127.0.0.1"
}
server {
  enabled = true
  bootstrap_expect = 1
}
client {
  enabled = true
  network_interface = "lo"
  options = {
    "driver.allowlist" = "raw_exec"
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
consul {
  address = "127.0.0.1:1"
}
acl {
  enabled = %s
}
)";

std::string program() {
  static const std::string found = find_program("nomad");
  return found;
}

}  // namespace

std::string no_nomad() {
  // A part that is nice to have: the build of a Nomad takes what no test run should.
  const Finished there = support::run({{"sh", "-c", "command -v ${MUSTER_TEST_NOMAD:-nomad}"}});
  return there.code == 0 ? "" : "no nomad on PATH nor in MUSTER_TEST_NOMAD: a real one is not tested against";
}

Nomad::Nomad(bool acl) : port_(free_port()) {
  char config[2000];
  std::snprintf(config, sizeof config, kConfig, folder_.path().c_str(), port_, free_port(), free_port(),
                acl ? "true" : "false");
  folder_.write("nomad.hcl", config);
  start();
  if (!acl) return;
  const auto bootstrapped = [&] {
    const auto made = nlohmann::json::parse(call("POST", "/v1/acl/bootstrap").body, nullptr, false);
    if (made.is_object()) token_ = made.value("SecretID", "");
    return !token_.empty();
  };
  if (!eventually(seconds(30), bootstrapped) || !eventually(seconds(60), [this] { return ready(); })) {
    std::fprintf(stderr, "no ACLs: %s\n", log().c_str());
    abort();
  }
}

Nomad::~Nomad() {
  const nlohmann::json jobs = get("/v1/jobs?namespace=*");
  for (const auto& job : jobs.is_array() ? jobs : nlohmann::json::array()) {
    call("DELETE", "/v1/job/" + job.value("ID", "") + "?purge=true&namespace=" + job.value("Namespace", ""));
  }
  // Its tasks outlive a Nomad that is killed.
  eventually(seconds(30), [&] {
    const nlohmann::json left = get("/v1/allocations?namespace=*");
    if (!left.is_array()) return false;
    for (const auto& each : left) {
      if (each.value("ClientStatus", "") == "running") return false;
    }
    return true;
  });
}

void Nomad::start() {
  process_ = std::make_unique<Process>(ProcessOptions{
      {program(), "agent", "-config", folder_ / "nomad.hcl"}, {{"TMPDIR", folder_.path()}}, folder_.path()});
  // With ACLs on, nobody may look before they are bootstrapped.
  if (eventually(seconds(60), [&] { return ready() || call("GET", "/v1/nodes").status == 403; })) return;
  std::fprintf(stderr, "nomad does not come up: %s\n", log().c_str());
  abort();
}

bool Nomad::ready() const {
  const nlohmann::json nodes = get("/v1/nodes");
  return nodes.is_array() && nodes.size() == 1 && nodes[0].value("Status", "") == "ready";
}

void Nomad::stop() {
  process_->signal(SIGKILL);
  process_->wait(seconds(10));
}

std::string Nomad::log() const { return process_->out() + process_->err(); }

std::string Nomad::node() const { return get("/v1/nodes").at(0).value("ID", ""); }

HttpAnswer Nomad::call(const std::string& method, const std::string& path, const nlohmann::json& body) const {
  HttpCall out{.method = method, .port = port_, .path = path};
  if (!body.is_null()) out.body = body.dump();
  if (!token_.empty()) out.headers.push_back("X-Nomad-Token: " + token_);
  return http(out);
}

nlohmann::json Nomad::get(const std::string& path) const {
  const HttpAnswer answer = call("GET", path);
  if (answer.status != 200) return nullptr;
  nlohmann::json out = nlohmann::json::parse(answer.body, nullptr, false);
  return out.is_discarded() ? nlohmann::json() : out;
}

Finished Nomad::run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), program());
  return support::run({std::move(arguments), {{"NOMAD_ADDR", url()}, {"NOMAD_TOKEN", token_}}, folder_.path()},
                      seconds(60));
}

void Nomad::run_job(const std::string& hcl) const {
  const Finished done = run({"job", "run", "-detach", folder_.write("job.hcl", hcl)});
  if (done.code == 0) return;
  std::fprintf(stderr, "nomad refuses the job: %s%s\n", done.out.c_str(), done.err.c_str());
  abort();
}

std::vector<std::string> Nomad::running(const std::string& job) const {
  std::vector<std::string> out;
  const nlohmann::json list = get("/v1/job/" + job + "/allocations");
  for (const auto& each : list.is_array() ? list : nlohmann::json::array()) {
    const bool runs = each.value("ClientStatus", "") == "running" && each.value("DesiredStatus", "") == "run";
    if (runs) out.push_back(each.value("ID", ""));
  }
  return out;
}

}  // namespace muster::support
