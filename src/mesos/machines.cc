#include "mesos/machines.h"

namespace muster::mesos {
namespace {

constexpr char kInterval[] = "10s";

Instance make_machine(const std::string& ip, std::uint16_t port, std::vector<std::string> roles, std::string health) {
  Instance instance;
  instance.kind = Kind::Host;
  instance.tags = std::move(roles);
  instance.addresses = {{AddressKind::Host, ip}};
  instance.ports = {{port, PortOrigin::Resource, {}, {}, {}}};
  Check check;
  check.http = std::move(health);
  check.interval = kInterval;
  instance.checks = {check};
  return instance;
}

}  // namespace

Instance make_agent(const AgentInfo& agent, const Pid& pid) {
  const std::string name = pid.name.empty() ? "slave(1)" : pid.name;
  Instance instance =
      make_machine(pid.ip, pid.port, {"agent", "follower"}, http_base(pid.ip, pid.port) + "/" + name + "/health");
  instance.id = agent.id + ":" + agent.hostname;
  return instance;
}

Instance make_master(const Master& master, bool leads) {
  std::vector<std::string> roles =
      leads ? std::vector<std::string>{"leader", "master"} : std::vector<std::string>{"master"};
  Instance instance = make_machine(master.ip, master.port, std::move(roles), master.base + "/master/health");
  instance.id = master.ip + ":" + std::to_string(master.port);
  return instance;
}

}  // namespace muster::mesos
