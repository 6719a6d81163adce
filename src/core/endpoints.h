// Which of an instance's addresses a service gets, and which of its port's numbers goes with it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "muster/instance.h"
#include "muster/rules.h"

namespace muster {

// An address and the number that reaches the port there.
struct Pair {
  std::string ip;  // or name, of a finished service; empty: none is usable
  std::uint16_t port = 0;
  friend bool operator==(const Pair&, const Pair&) = default;
};

// Ranked once an instance: networks of --mesos-network first, then --mesos-ip-order, then addresses behind a bridge
// that only their own host can reach. With compat the first of --mesos-ip-order and the port's number, as mesos-consul
// does. The instance and the settings must outlive it.
class Endpoints {
 public:
  Endpoints(const Instance& instance, const RuleSettings& settings);

  bool none() const { return ranked_.empty(); }
  Pair of(const Port* port) const;  // null: without a port
  // Port `number` of the container, as others reach it; nothing where they cannot.
  std::optional<Pair> inside(std::uint16_t number) const;

 private:
  void rank_compat(const RuleSettings& settings);
  void rank(const RuleSettings& settings);
  void add(const Address& address);
  std::uint16_t number_on_host(const Port& port) const;

  const Instance& instance_;
  const bool compat_;
  std::vector<const Address*> ranked_;
  std::size_t reachable_ = 0;  // so many of them from other hosts too; 0: all are behind the host
  bool mapped_ = false;        // some port has a mapping
  bool own_network_ = false;   // some address is not the host's
};

// Of a service that its source has finished (Kind::Service): its first address that can be used, an IP or a host name,
// and the number that goes with it. Flags that choose among a task's addresses have no say.
Pair finished_pair(const Instance& instance);

}  // namespace muster
