#include "support/consul.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

using nlohmann::json;

json acl_config() {
  // `master` is what Consul before 1.11 calls initial_management.
  return {{"enabled", true},
          {"default_policy", "deny"},
          {"tokens", {{"master", kBootstrapToken}, {"agent", kBootstrapToken}}}};
}

json common_config(const ConsulOptions& options, const std::string& data, int dns_port, int serf_port) {
  json config{{"node_name", options.node},
              {"data_dir", data},
              {"bind_addr", options.address},
              {"client_addr", options.address},
              {"disable_update_check", true},
              {"log_level", "info"},
              {"performance", {{"raft_multiplier", 1}}},
              {"retry_interval", "250ms"},
              {"ports",
               {{"http", options.http_port},
                {"dns", dns_port},
                {"serf_lan", serf_port},
                {"serf_wan", -1},
                {"https", -1},
                {"grpc", -1}}}};
  if (options.acl) config["acl"] = acl_config();
  return config;
}

std::string random_uuid() {
  std::string text;
  std::getline(std::ifstream("/proc/sys/kernel/random/uuid"), text);
  return text;
}

ConsulOptions completed(ConsulOptions options) {
  if (options.http_port == 0) options.http_port = free_port();
  if (options.node.empty()) {
    options.node = "node-" + options.address;
    for (char& c : options.node) c = c == '.' ? '-' : c;
  }
  return options;
}

ConsulOptions following(const ConsulServer& server, ConsulOptions options) {
  options.acl = server.acl();
  return options;
}

}  // namespace

ConsulAgent::ConsulAgent(ConsulOptions options, nlohmann::json role)
    : options_(completed(std::move(options))),
      role_(std::move(role)),
      node_id_(random_uuid()),
      dns_port_(free_port()),
      serf_port_(free_port()) {
  write_config();
  start();
}

void ConsulAgent::write_config() {
  json config = common_config(options_, folder_ / "data", dns_port_, serf_port_);
  config["node_id"] = node_id_;
  config.merge_patch(role_);
  config.merge_patch(options_.extra);
  folder_.write("config.json", config.dump(2));
}

std::string ConsulAgent::url() const { return "http://" + address() + ':' + std::to_string(http_port()); }

HttpAnswer ConsulAgent::call(const std::string& method, const std::string& path, const std::string& body,
                             const std::string& token) const {
  HttpCall call{method, address(), http_port(), path, body, {}, seconds(10)};
  const std::string used = token.empty() && options_.acl ? kBootstrapToken : token;
  if (!used.empty()) call.headers.push_back("X-Consul-Token: " + used);
  return http(call);
}

json ConsulAgent::get(const std::string& path) const {
  const HttpAnswer answer = call("GET", path);
  if (answer.status != 200) return nullptr;
  json parsed = json::parse(answer.body, nullptr, false);
  return parsed.is_discarded() ? json() : parsed;
}

int ConsulAgent::put(const std::string& path, const json& body) const {
  return call("PUT", path, body.is_null() ? "" : body.dump()).status;
}

void ConsulAgent::stop() {
  process_->signal(SIGTERM);
  if (!process_->wait(kPatience)) process_->kill();
}

void ConsulAgent::crash() { process_->kill(); }

void ConsulAgent::start() {
  start_unready();
  if (eventually(kPatience, [&] { return !process_->running() || ready(); }) && process_->running()) return;
  fprintf(stderr, "Consul %s is not ready:\n%s\n", node().c_str(), log().c_str());
  abort();
}

void ConsulAgent::start_unready() {
  process_ = std::make_unique<Process>(
      ProcessOptions{{find_program("consul"), "agent", "-config-file", folder_ / "config.json"}, {}, folder_.path()});
}

void ConsulAgent::wipe(bool new_node_id) {
  std::filesystem::remove_all(folder_ / "data");
  if (!new_node_id) return;
  node_id_ = random_uuid();
  write_config();
}

void ConsulAgent::freeze() { process_->signal(SIGSTOP); }
void ConsulAgent::thaw() { process_->signal(SIGCONT); }

bool ConsulAgent::ready() const {
  const json leader = get("/v1/status/leader");
  if (!leader.is_string() || leader.get<std::string>().empty()) return false;
  // The catalog must show the agent that runs now, not its forerunner of the same name; and so must its health.
  const json self = get("/v1/agent/self");
  const json known = get("/v1/catalog/node/" + node());
  if (!self.is_object() || !known.is_object()) return false;
  const json checks = get("/v1/health/node/" + node());
  const auto alive = [](const json& check) { return check["CheckID"] == "serfHealth" && check["Status"] == "passing"; };
  if (!checks.is_array() || std::none_of(checks.begin(), checks.end(), alive)) return false;
  return known["Node"].value("ID", "?") == self["Config"].value("NodeID", "");
}

std::string ConsulAgent::log() const { return process_->out() + process_->err(); }

ConsulServer::ConsulServer(const ConsulOptions& options)
    : ConsulAgent(options, {{"server", true}, {"bootstrap_expect", 1}, {"ports", {{"server", free_port()}}}}) {}

std::string ConsulServer::join_address() const { return address() + ':' + std::to_string(serf_port_); }

std::string ConsulServer::create_token(const std::string& name, const std::string& rules) const {
  const json policy{{"Name", name}, {"Rules", rules}};
  const json token{{"Description", name}, {"Policies", {{{"Name", name}}}}};
  const HttpAnswer made = call("PUT", "/v1/acl/policy", policy.dump());
  const HttpAnswer given = made.status == 200 ? call("PUT", "/v1/acl/token", token.dump()) : made;
  const json parsed = json::parse(given.body, nullptr, false);
  if (given.status == 200 && parsed.is_object()) return parsed.value("SecretID", "");
  fprintf(stderr, "Consul refused the policy %s: %d %s\n", name.c_str(), given.status, given.body.c_str());
  abort();
}

ConsulClient::ConsulClient(const ConsulServer& server, ConsulOptions options)
    : ConsulAgent(following(server, std::move(options)), {{"retry_join", {server.join_address()}}}) {}

std::string no_consul() {
  return find_program("consul").empty() ? "no consul on this machine: scripts/setup fetches it" : "";
}

}  // namespace muster::support
