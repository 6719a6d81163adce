// Hosts as schedulers know them, and the Consul agents that serve them.
#pragma once

#include <compare>
#include <string>

namespace muster {

// What one scheduler knows of a host. Any field may be empty; at least one of ip, consul_node and url is set.
// Mesos gives an IP (from the agent's pid), Nomad a Consul node name, systemd the URL of the local agent.
struct HostRef {
  std::string id;           // stable name of the host in its source; written to Meta as muster_host
  std::string ip;           // IPv4 or IPv6 literal, without brackets
  std::string consul_node;  // Consul node name, when the scheduler publishes it
  std::string url;          // base URL of the agent, when the source knows it
  friend auto operator<=>(const HostRef&, const HostRef&) = default;
};

// The Consul agent that serves one or more hosts: the unit of work. `url` is a base URL without a trailing slash:
// http://10.0.0.21:8500, https://[fd00::1]:8501 or unix:///run/consul.sock.
struct AgentKey {
  std::string url;
  friend auto operator<=>(const AgentKey&, const AgentKey&) = default;
};

}  // namespace muster
