// What a client sees: Consul's DNS answers, asked with dig.
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace muster::support {

struct Srv {
  int port = 0;
  std::string target;
  friend auto operator<=>(const Srv&, const Srv&) = default;
};

// Sorted; empty also when nothing answered. `server` is the agent's address, `port` its DNS port.
std::vector<std::string> dig_a(const std::string& server, int port, const std::string& name);
std::vector<Srv> dig_srv(const std::string& server, int port, const std::string& name);

}  // namespace muster::support
