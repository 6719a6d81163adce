// What a scheduler says is running: one task, allocation or unit, before any rule has named it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "muster/service.h"

namespace muster {

struct Label {
  std::string key;
  std::string value;
  friend bool operator==(const Label&, const Label&) = default;
};

// Where an address came from; --mesos-ip-order ranks these.
enum class AddressKind : std::uint8_t { NetInfo, Mesos, Docker, Host };

struct Address {
  AddressKind kind = AddressKind::Host;
  std::string ip;         // literal, without brackets; of Kind::Service also a host name
  bool inside = false;    // of a network of the container's own: `Port::inside` goes with it, not `Port::number`
  std::string network{};  // its name, where the scheduler tells
  friend bool operator==(const Address&, const Address&) = default;
};

enum class PortOrigin : std::uint8_t {
  Discovery,  // named by the scheduler's service discovery (Mesos DiscoveryInfo)
  Resource,   // merely allotted (Mesos resources.ports)
};

struct Port {
  std::uint16_t number = 0;  // on the host
  PortOrigin origin = PortOrigin::Resource;
  std::string name;
  std::string protocol;  // "tcp", "udp" or empty
  std::vector<std::string> tags;
  std::vector<Label> labels{};  // of this port alone: name, check and opt-out; `tags` has left them
  std::uint16_t inside = 0;     // what it maps to in the container's network; 0: nothing is told of a mapping
  friend bool operator==(const Port&, const Port&) = default;
};

// How much of the naming the rules still have to do.
enum class Kind : std::uint8_t {
  Task,     // name, ports and checks are worked out from labels: one service a port
  Host,     // a machine of the scheduler itself (Mesos agent or master): named by --service-name, tags are its roles
  Service,  // a finished service (Nomad, units): at most one port, checks as given; only allow/deny rules apply
};

enum class Health : std::uint8_t { Unknown, Passing, Failing };

// Owner: whoever built it; a plain value. Strings are as the scheduler sent them, in UTF-8 or not.
struct Instance {
  std::string id;   // unique within (source, host); the task id for Mesos
  std::string key;  // names the thing itself where two sources may see it ("machine-id/unit"); usually empty
  Kind kind = Kind::Task;
  std::string name;
  std::string group;  // framework, job or slice; tested by --fw-whitelist and --fw-blacklist; empty: not known
  std::vector<Label> labels;
  std::vector<std::string> tags;
  std::vector<Address> addresses;  // in the source's order; the rules choose
  std::vector<Port> ports;         // in the source's order; positions name `-portN`
  std::vector<Label> meta;
  std::vector<Check> checks;  // known to the scheduler itself; ids are given by the rules
  Health health = Health::Unknown;
  bool draining = false;    // about to be stopped: deregistered now
  std::string maintenance;  // the reason, while it stays registered but must be out of rotation
  std::string visibility;   // of its discovery info: "FRAMEWORK", "CLUSTER", "EXTERNAL"; empty: not told
  // Kind::Service
  std::uint16_t weight_passing = 1;
  std::uint16_t weight_warning = 1;
  bool enable_tag_override = false;
  TaggedAddresses tagged_addresses;
  // Of several sources that see one `key`, the lowest wins: 0 is seen on the host itself, 1 through a cluster's API.
  std::uint8_t distance = 0;
  friend bool operator==(const Instance&, const Instance&) = default;
};

}  // namespace muster
