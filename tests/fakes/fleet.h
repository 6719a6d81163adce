// A simulated Mesos master and its hosts, 127.0.1.1 and up, each with a simulated Consul agent, all agents on one port.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fakes/fake_consul.h"
#include "fakes/fake_mesos.h"

namespace muster::fakes {

// The address of a host, by its number.
inline std::string fleet_host(std::size_t number) {
  constexpr std::size_t kRow = 250;
  return "127.0." + std::to_string(1 + number / kRow) + "." + std::to_string(1 + number % kRow);
}

inline std::vector<std::string> fleet_addresses(std::size_t hosts, int port) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < hosts; ++i) out.push_back(fleet_host(i) + ":" + std::to_string(port));
  return out;
}

// Agent i of `consul` serves host i; the master itself runs on host 0. What muster registers without any task: a canary
// and the host's own service on each agent, and the master's on the first.
struct Fleet {
  Fleet(std::size_t hosts, int consul_port)
      : port(consul_port), consul(fleet_addresses(hosts, port)), mesos(fleet_host(0) + ":0") {
    for (std::size_t i = 0; i < hosts; ++i) mesos.add_agent(fleet_host(i), "node-" + std::to_string(i));
  }

  // Flags by which muster finds them.
  std::vector<std::string> flags(std::vector<std::string> more) const {
    more.insert(more.begin(), {"--mesos-master=" + mesos.url(), "--consul-port=" + std::to_string(port)});
    return more;
  }

  const int port;
  FakeConsul consul;
  FakeMesos mesos;
};

}  // namespace muster::fakes
