#include "support/nomad.h"

#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

constexpr char kAgent[] = R"(
region = "%s"
bind_addr = "127.0.0.1"
data_dir = "%s"
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
consul {
  address = "127.0.0.1:1"
}
acl {
  enabled = %s
}
)";

constexpr char kServer[] = R"(
server {
  enabled = true
  bootstrap_expect = 1
  %s
}
)";

constexpr char kSoonLost[] = R"(
  min_heartbeat_ttl = "2s"
  heartbeat_grace = "1s"
)";

constexpr char kClient[] = R"(
client {
  enabled = true
  servers = ["127.0.0.1:%d"]
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
)";

constexpr char kTls[] = R"(
tls {
  http = true
  rpc = true
  ca_file = "%s"
  cert_file = "%s"
  key_file = "%s"
  verify_server_hostname = true
  verify_https_client = true
}
)";

std::string program() {
  static const std::string found = find_program("nomad");
  return found;
}

template <typename... Arguments>
std::string filled(const char* text, Arguments... arguments) {
  char out[2000];
  std::snprintf(out, sizeof out, text, arguments...);
  return out;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Those that were started with `text` in their environment, as Nomad's plugins and tasks are with its folder.
std::vector<pid_t> started_with(const std::string& text) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& each : std::filesystem::directory_iterator("/proc", ignored)) {
    const pid_t pid = std::atoi(each.path().filename().c_str());
    if (pid > 0 && contents(each.path() / "environ").find(text) != std::string::npos) out.push_back(pid);
  }
  return out;
}

std::vector<std::string> mounts_below(const std::string& folder) {
  std::vector<std::string> out;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place;
    words >> device >> place;
    if (place.starts_with(folder + '/')) out.push_back(place);
  }
  return out;
}

}  // namespace

std::string no_nomad() {
  // A part that is nice to have: the build of a Nomad takes what no test run should.
  const Finished there = support::run({{"sh", "-c", "command -v ${MUSTER_TEST_NOMAD:-nomad}"}});
  return there.code == 0 ? "" : "no nomad on PATH nor in MUSTER_TEST_NOMAD: a real one is not tested against";
}

Nomad::Nomad(const NomadOptions& options)
    : options_(options),
      port_(free_port()),
      rpc_(free_port()),
      serf_(free_port()),
      client_port_(options.apart ? free_port() : port_) {
  if (options.tls) make_certificates();
  folder_.write("server.hcl", config(true, !options.apart));
  folder_.write("client.hcl", config(false, true));
  start();
  if (options.acl) bootstrap();
}

Nomad::~Nomad() {
  if (!end_tasks())
    std::fprintf(stderr, "tasks of nomad do not end by themselves: %s\n",
                 get("/v1/allocations?namespace=*").dump().c_str());
  stop();
  clear_away();
}

std::string Nomad::url_of(int port) const {
  return (options_.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port);
}

std::string Nomad::config(bool server, bool client) const {
  const std::string data = folder_ / (server ? "data" : "client-data");
  std::string out = filled(kAgent, options_.region.c_str(), data.c_str(), server ? port_ : client_port_,
                           server ? rpc_ : free_port(), server ? serf_ : free_port(), options_.acl ? "true" : "false");
  if (server) out += filled(kServer, options_.apart ? kSoonLost : "");
  if (client) out += filled(kClient, rpc_);
  if (options_.tls)
    out += filled(kTls, file("ca.pem").c_str(), file("agent.pem").c_str(), file("agent-key.pem").c_str());
  return out;
}

// Nomad's own commands, as its manual has them: a certificate of the region's servers, which a client may show as well.
void Nomad::make_certificates() const {
  const std::string made =
      program() + " tls ca create && " + program() + " tls cert create -server -region global && " + program() +
      " tls cert create -cli && mv nomad-agent-ca.pem ca.pem && mv global-server-nomad.pem agent.pem && "
      "mv global-server-nomad-key.pem agent-key.pem && mv global-cli-nomad.pem cert.pem && "
      "mv global-cli-nomad-key.pem key.pem";
  const Finished done = support::run({{"sh", "-c", made}, {}, folder_.path()});
  if (done.code == 0) return;
  std::fprintf(stderr, "nomad makes no certificates: %s%s\n", done.out.c_str(), done.err.c_str());
  abort();
}

void Nomad::bootstrap() {
  const auto bootstrapped = [&] {
    const auto made = nlohmann::json::parse(call("POST", "/v1/acl/bootstrap").body, nullptr, false);
    if (made.is_object()) token_ = made.value("SecretID", "");
    return !token_.empty();
  };
  if (eventually(seconds(30), bootstrapped) && eventually(seconds(60), [this] { return ready(); })) return;
  std::fprintf(stderr, "no ACLs: %s\n", log().c_str());
  abort();
}

bool Nomad::ended() const {
  const nlohmann::json left = get("/v1/allocations?namespace=*");
  return left.is_array() && std::none_of(left.begin(), left.end(), [](const auto& each) {
           const std::string status = each.value("ClientStatus", "");
           return status != "complete" && status != "failed" && status != "lost";
         });
}

bool Nomad::end_tasks() const {
  const nlohmann::json jobs = get("/v1/jobs?namespace=*");
  for (const auto& job : jobs.is_array() ? jobs : nlohmann::json::array()) {
    call("DELETE", "/v1/job/" + job.value("ID", "") + "?purge=true&namespace=" + job.value("Namespace", ""));
  }
  // One that has not been placed yet would be by the time we look away.
  const auto gone = [&] {
    if (!ended()) return false;
    call("PUT", "/v1/system/gc");
    return mounts_below(folder_.path()).empty() && left().empty();
  };
  return eventually(seconds(20), gone);
}

std::vector<pid_t> Nomad::left() const {
  std::vector<pid_t> out = started_with(folder_.path());
  std::erase_if(out,
                [&](pid_t pid) { return (server_ && pid == server_->pid()) || (client_ && pid == client_->pid()); });
  return out;
}

void Nomad::clear_away() const {
  const auto gone = [&] {
    const std::vector<pid_t> still = left();
    for (const pid_t pid : still) ::kill(pid, SIGKILL);
    return still.empty();
  };
  if (!eventually(seconds(10), gone)) std::fprintf(stderr, "processes of nomad cannot be killed\n");
  for (const std::string& place : mounts_below(folder_.path())) umount2(place.c_str(), MNT_DETACH);
}

std::unique_ptr<Process> Nomad::agent(const std::string& name) const {
  // What is ignored here would be in every task, and SIGINT is how tasks are told to end.
  return std::make_unique<Process>(
      ProcessOptions{{"env", "--default-signal=INT,QUIT", program(), "agent", "-config", file(name + ".hcl")},
                     {{"TMPDIR", folder_.path()}},
                     folder_.path()});
}

void Nomad::start() {
  server_ = agent("server");
  if (options_.apart) client_ = agent("client");
  wait_until_up();
}

void Nomad::start_client() {
  client_ = agent("client");
  wait_until_up();
}

void Nomad::start_server() {
  server_ = agent("server");
  wait_until_up();
}

void Nomad::wait_until_up() const {
  // With ACLs on, nobody may look before they are bootstrapped.
  if (eventually(seconds(60), [&] { return ready() || call("GET", "/v1/nodes").status == 403; })) return;
  std::fprintf(stderr, "nomad does not come up: %s\n", log().c_str());
  abort();
}

bool Nomad::ready() const {
  const nlohmann::json nodes = get("/v1/nodes");
  return nodes.is_array() && nodes.size() == 1 && nodes[0].value("Status", "") == "ready";
}

void Nomad::kill(std::unique_ptr<Process>& process) {
  if (!process) return;
  process->signal(SIGKILL);
  process->wait(seconds(10));
}

void Nomad::join(const Nomad& other) const {
  call("PUT", "/v1/agent/join?address=127.0.0.1:" + std::to_string(other.serf_));
}

void Nomad::stop() {
  kill(client_);
  kill(server_);
}

std::string Nomad::log() const {
  return server_->out() + server_->err() + (client_ ? client_->out() + client_->err() : "");
}

std::string Nomad::node() const { return get("/v1/nodes").at(0).value("ID", ""); }

HttpAnswer Nomad::call(const std::string& method, const std::string& path, const nlohmann::json& body) const {
  HttpCall out{.method = method, .port = port_, .path = path};
  if (!body.is_null()) out.body = body.dump();
  if (!token_.empty()) out.headers.push_back("X-Nomad-Token: " + token_);
  return options_.tls ? call_secured(out) : http(out);
}

HttpAnswer Nomad::call_secured(const HttpCall& plain) const {
  std::vector<std::string> argv{
      "curl",          "-sS", "--cacert",   file("ca.pem"), "--cert",         file("cert.pem"),  "--key",
      file("key.pem"), "-X",  plain.method, "-w",           "\n%{http_code}", url() + plain.path};
  for (const std::string& header : plain.headers) argv.insert(argv.end(), {"-H", header});
  if (!plain.body.empty()) argv.insert(argv.end(), {"-d", plain.body});
  const Finished done = support::run({argv});
  const std::size_t end = done.out.rfind('\n');
  if (done.code != 0 || end == std::string::npos) return {0, done.err, {}};
  return {std::atoi(done.out.c_str() + end + 1), done.out.substr(0, end), {}};
}

nlohmann::json Nomad::get(const std::string& path) const {
  const HttpAnswer answer = call("GET", path);
  if (answer.status != 200) return nullptr;
  nlohmann::json out = nlohmann::json::parse(answer.body, nullptr, false);
  return out.is_discarded() ? nlohmann::json() : out;
}

Finished Nomad::run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), program());
  return support::run({std::move(arguments),
                       {{"NOMAD_ADDR", url()},
                        {"NOMAD_TOKEN", token_},
                        {"NOMAD_CACERT", options_.tls ? file("ca.pem") : ""},
                        {"NOMAD_CLIENT_CERT", options_.tls ? file("cert.pem") : ""},
                        {"NOMAD_CLIENT_KEY", options_.tls ? file("key.pem") : ""}},
                       folder_.path()},
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
