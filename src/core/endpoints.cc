#include "core/endpoints.h"

#include <algorithm>

#include "core/text.h"

namespace muster {
namespace {

// Docker's default network, and the name that Marathon and DC/OS give to Mesos' own: each host has one, with the same
// addresses, and no other host has a route to them.
bool behind_host(const Address& address) {
  return address.inside && (address.network == "bridge" || address.network == "mesos-bridge");
}

// Good for one interface only, and the literal does not say which.
bool link_local(const std::string& ip) { return lower(ip.substr(0, 5)) == "fe80:"; }

}  // namespace

Endpoints::Endpoints(const Instance& instance, const RuleSettings& settings)
    : instance_(instance), compat_(settings.compat) {
  const auto inside = [](const auto& each) { return each.inside != 0; };
  mapped_ = std::any_of(instance.ports.begin(), instance.ports.end(), inside);
  own_network_ = std::any_of(instance.addresses.begin(), instance.addresses.end(), inside);
  compat_ ? rank_compat(settings) : rank(settings);
}

void Endpoints::rank_compat(const RuleSettings& settings) {
  for (const AddressKind kind : settings.ip_order) {
    for (const Address& each : instance_.addresses) {
      if (each.kind == kind && usable_ip(each.ip)) ranked_.push_back(&each);
    }
  }
}

void Endpoints::rank(const RuleSettings& settings) {
  const auto each_by_kind = [&](auto take) {
    for (const AddressKind kind : settings.ip_order) {
      for (const Address& each : instance_.addresses) {
        if (each.kind == kind && usable_ip(each.ip) && !link_local(each.ip) && take(each)) add(each);
      }
    }
  };
  for (const std::string& name : settings.networks) {
    each_by_kind([&](const Address& each) { return each.inside && each.network == name; });
  }
  // Who puts `docker` into the order asks for the container's address; `netinfo` is everybody's default.
  each_by_kind([](const Address& each) { return !behind_host(each) || each.kind == AddressKind::Docker; });
  reachable_ = ranked_.size();
  each_by_kind([](const Address&) { return true; });
}

void Endpoints::add(const Address& address) {
  if (std::find(ranked_.begin(), ranked_.end(), &address) == ranked_.end()) ranked_.push_back(&address);
}

// A port that is named by its number in the container: what the allotted port is that maps to it.
std::uint16_t Endpoints::number_on_host(const Port& port) const {
  if (port.inside == 0 || port.inside != port.number) return port.number;
  for (const Port& each : instance_.ports) {
    const bool same = each.protocol.empty() || port.protocol.empty() || each.protocol == port.protocol;
    if (same && each.inside == port.inside && each.number != each.inside) return each.number;
  }
  return port.number;
}

Pair Endpoints::of(const Port* port) const {
  if (none()) return {"", port == nullptr ? std::uint16_t{0} : port->number};
  if (port == nullptr) return {ranked_.front()->ip, 0};
  if (compat_) return {ranked_.front()->ip, port->number};
  for (const Address* each : ranked_) {
    if (!each->inside) return {each->ip, number_on_host(*port)};
    if (port->inside != 0) return {each->ip, port->inside};
    if (!mapped_) return {each->ip, port->number};
  }
  // A port of the host, of a container whose other ports are mapped.
  for (const Address& each : instance_.addresses) {
    if (each.kind == AddressKind::Host && usable_ip(each.ip)) return {each.ip, port->number};
  }
  return {ranked_.front()->ip, port->number};
}

std::optional<Pair> Endpoints::inside(std::uint16_t number) const {
  const auto mapped = std::find_if(instance_.ports.begin(), instance_.ports.end(),
                                   [&](const Port& each) { return each.inside == number && each.protocol != "udp"; });
  const std::size_t end = reachable_ == 0 ? ranked_.size() : reachable_;
  for (std::size_t i = 0; i < end; ++i) {
    if (ranked_[i]->inside) return Pair{ranked_[i]->ip, number};
    if (mapped != instance_.ports.end()) return Pair{ranked_[i]->ip, number_on_host(*mapped)};
    if (!mapped_ && !own_network_) return Pair{ranked_[i]->ip, number};
  }
  return std::nullopt;
}

Pair finished_pair(const Instance& instance) {
  const Port port = instance.ports.empty() ? Port() : instance.ports.front();
  for (const Address& each : instance.addresses) {
    const bool good = (usable_ip(each.ip) && !link_local(each.ip)) || host_name(each.ip);
    if (good) return {each.ip, each.inside && port.inside != 0 ? port.inside : port.number};
  }
  return {"", port.number};
}

}  // namespace muster
