#include "support/fleet.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

using nlohmann::json;

constexpr char kService[] = R"([Unit]
Requires=fleet.socket
After=fleet.socket
[Service]
Environment=FLEET_ETCD_SERVERS=http://127.0.0.1:%d FLEET_PUBLIC_IP=%s FLEET_AGENT_TTL=6s FLEET_METADATA=number=%zu
ExecStart=/run/fleetd
KillMode=process
)";

std::string url_of(int port) { return "http://127.0.0.1:" + std::to_string(port); }

std::string machine_id(std::size_t number) { return std::string(32, static_cast<char>('1' + number)); }

[[noreturn]] void give_up(const std::string& why) {
  fprintf(stderr, "a real fleet: %s\n", why.c_str());
  abort();
}

// As fleetctl reads a unit file, which needs no more here.
json options_of(const std::string& unit_file) {
  json out = json::array();
  std::istringstream lines(unit_file);
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) section = line.substr(1, line.size() - 2);
    const std::size_t equals = line.find('=');
    if (line.starts_with('[') || equals == line.npos) continue;
    out.push_back({{"section", section}, {"name", line.substr(0, equals)}, {"value", line.substr(equals + 1)}});
  }
  return out;
}

}  // namespace

Fleet::Fleet(const std::vector<std::string>& addresses) : etcd_port_(free_port()), peer_port_(free_port()) {
  start_etcd();
  for (const std::string& address : addresses) add(address, machines_.size());
  if (!eventually(kPatience, [&] { return listed(addresses.size()); })) {
    give_up("its machines do not show up\n" + host(0).ctl({"status", "-n", "30", "fleet.service"}, true));
  }
}

Fleet::~Fleet() = default;

void Fleet::add(const std::string& address, std::size_t number) {
  Machine machine{address, free_port(), std::make_unique<SystemdHost>(machine_id(number))};
  const SystemdHost& host = *machine.host;
  host.bring(find_program("fleetd"), "fleetd");
  char service[1000];
  std::snprintf(service, sizeof service, kService, etcd_port_, address.c_str(), number);
  host.write_unit("fleet.service", service);
  host.write_unit("fleet.socket", "[Socket]\nListenStream=/run/fleet.sock\nListenStream=" + address + ":" +
                                      std::to_string(machine.port) + "\n");
  host.ctl({"daemon-reload"});
  machines_.push_back(std::move(machine));
  start_fleetd(number);
}

bool Fleet::listed(std::size_t machines) const {
  const json answer = get("/machines");
  return answer.is_object() && answer.contains("machines") && answer.at("machines").size() == machines;
}

std::string Fleet::url(std::size_t machine) const {
  return "http://" + machines_.at(machine).address + ":" + std::to_string(machines_.at(machine).port);
}

HttpAnswer Fleet::call(std::size_t machine, const std::string& path, const std::string& method,
                       const std::string& body) const {
  const Machine& asked = machines_.at(machine);
  return http({method, asked.address, asked.port, "/fleet/v1" + path, body, {"Content-Type: application/json"}});
}

json Fleet::get(const std::string& path) const {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    const HttpAnswer answer = call(i, path);
    if (answer.status == 0) continue;
    json parsed = json::parse(answer.body, nullptr, false);
    return answer.status == 200 && !parsed.is_discarded() ? parsed : json();
  }
  return nullptr;
}

void Fleet::put(const std::string& name, const json& body) const {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    const HttpAnswer answer = call(i, "/units/" + name, "PUT", body.dump());
    if (answer.status == 0) continue;
    if (answer.status != 201 && answer.status != 204) give_up(name + ": " + answer.body);
    return;
  }
  give_up("no fleetd answers");
}

void Fleet::submit(const std::string& name, const std::string& unit_file, const std::string& state) const {
  put(name, {{"desiredState", state}, {"options", options_of(unit_file)}});
}

void Fleet::set(const std::string& name, const std::string& state) const { put(name, {{"desiredState", state}}); }

void Fleet::destroy(const std::string& name) const {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    const HttpAnswer answer = call(i, "/units/" + name, "DELETE");
    if (answer.status == 204) return;
    if (answer.status != 0) give_up(name + ": " + answer.body);
  }
}

void Fleet::kill_fleetd(std::size_t machine) const {
  host(machine).ctl({"kill", "-s", "KILL", "fleet.service"});
  host(machine).ctl({"stop", "fleet.socket"});  // which would start it again
}

void Fleet::stop_fleetd(std::size_t machine) const { host(machine).ctl({"stop", "fleet.socket", "fleet.service"}); }

void Fleet::start_fleetd(std::size_t machine) const {
  host(machine).ctl({"reset-failed", "fleet.service", "fleet.socket"}, true);
  host(machine).ctl({"start", "fleet.socket", "fleet.service"});
}

void Fleet::stop_etcd() { etcd_.reset(); }

void Fleet::start_etcd(bool with_its_data) {
  if (!with_its_data) std::filesystem::remove_all(folder_ / "etcd");
  const std::string client = url_of(etcd_port_), peer = url_of(peer_port_);
  etcd_ = std::make_unique<Process>(
      ProcessOptions{{find_program("etcd"), "--enable-v2=true", "--data-dir", folder_ / "etcd", "--listen-client-urls",
                      client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                      "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}});
  const HttpCall health{.port = etcd_port_, .path = "/v2/keys/"};
  if (!eventually(kPatience, [&] { return http(health).status == 200; })) give_up("etcd: " + etcd_->err());
}

std::string no_fleet() {
  if (const std::string why = no_systemd(); !why.empty()) return why;
  // Parts that are nice to have: nobody packages fleet any more.
  for (const std::string part : {"FLEETD:-fleetd", "ETCD:-etcd"}) {
    if (run({{"sh", "-c", "command -v ${MUSTER_TEST_" + part + "}"}}).code == 0) continue;
    return "no " + part.substr(part.find('-') + 1) + " on PATH nor in MUSTER_TEST_" + part.substr(0, part.find(':')) +
           ": a real fleet is not tested against";
  }
  return "";
}

}  // namespace muster::support
