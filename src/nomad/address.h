// Where a service or check of an allocation is reached, by its address mode. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"
#include "nomad/allocation.h"

namespace muster::nomad {

struct AddressQuery {
  std::string mode;     // empty: auto
  std::string address;  // the block's own; empty: none
  std::string label;    // of a port, or a number, or empty
};

struct Endpoint {
  std::string host;  // literal or name, without brackets; empty: the Consul agent's own address
  int port = 0;      // 0: none
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// As Nomad's client does it (client/serviceregistration, GetAddress): `task` empty for services of the group. Error
// (Fault::Item): why there is none. What only the client knows is among these: `driver` needs the driver's network, and
// auto is taken for host where the driver might have one.
// Services of tasks get no network status from Nomad, so alloc modes work for the group's alone.
Result<Endpoint> resolve_address(const Allocation& allocation, std::string_view task, const AddressQuery& query);

// "10.0.0.1:80", "[fd00::1]:80", ":80".
std::string join_host_port(std::string_view host, std::string_view port);

// A port number: Go's strconv.Atoi.
std::optional<int> go_number(std::string_view text);

}  // namespace muster::nomad
