#include "nomad/address.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace muster::nomad {
namespace {

tl::unexpected<Error> no_address(std::string why) { return fail(Fault::Item, std::move(why)); }

const AllottedPort* find_port(const std::vector<AllottedPort>& ports, std::string_view label) {
  const auto found =
      std::find_if(ports.begin(), ports.end(), [&](const AllottedPort& port) { return port.label == label; });
  return found == ports.end() ? nullptr : &*found;
}

std::span<const Network> networks_of(const Allocation& allocation, std::string_view task) {
  if (task.empty()) return allocation.networks;
  const auto found = allocation.task_networks.find(task);
  return found == allocation.task_networks.end() ? std::span<const Network>{} : found->second;
}

Result<int> positive(std::string_view label) {
  const auto number = go_number(label);
  if (!number) return tl::unexpected(Error{Fault::Item, "port label " + std::string(label) + " is not allotted"});
  if (*number <= 0) return tl::unexpected(Error{Fault::Item, "port " + std::string(label) + " is not above 0"});
  return *number;
}

Result<Endpoint> with_own_address(const Allocation& allocation, const AddressQuery& query) {
  if (query.label.empty()) return Endpoint{query.address, 0};
  if (const AllottedPort* port = find_port(allocation.ports, query.label)) return Endpoint{query.address, port->value};
  if (const auto number = go_number(query.label)) return Endpoint{query.address, *number};
  return no_address("port label " + query.label + " is not allotted");
}

Result<Endpoint> of_host(const Allocation& allocation, std::string_view task, const AddressQuery& query) {
  const std::span<const Network> networks = networks_of(allocation, task);
  if (query.label.empty()) return networks.size() == 1 ? Endpoint{networks.front().ip, 0} : Endpoint{};
  if (const AllottedPort* port = find_port(allocation.ports, query.label)) return Endpoint{port->host_ip, port->value};
  for (const Network& network : networks) {
    const AllottedPort* port = find_port(network.ports, query.label);
    if (port != nullptr && port->value > 0) return Endpoint{network.ip, port->value};
    if (port != nullptr) break;
  }
  const Result<int> number = positive(query.label);
  if (!number) return tl::unexpected(number.error());
  return Endpoint{"", *number};
}

Result<Endpoint> of_allocation(const Allocation& allocation, std::string_view task, const AddressQuery& query) {
  if (!task.empty()) return no_address("address_mode " + query.mode + " works for services of the group alone");
  if (!allocation.network_status) return no_address("the allocation reports no network status yet");
  const NetworkStatus& status = *allocation.network_status;
  const std::string& ip = query.mode == "alloc_ipv6" ? status.address_ipv6 : status.address;
  if (ip.empty()) return no_address("the allocation has no address for address_mode " + query.mode);
  if (query.label.empty()) return Endpoint{ip, 0};
  if (const AllottedPort* port = find_port(allocation.ports, query.label)) {
    return Endpoint{ip, port->to > 0 ? port->to : port->value};
  }
  const Result<int> number = positive(query.label);
  if (!number) return tl::unexpected(number.error());
  return Endpoint{ip, *number};
}

}  // namespace

Result<Endpoint> resolve_address(const Allocation& allocation, std::string_view task, const AddressQuery& query) {
  const bool automatic = query.mode.empty() || query.mode == "auto";
  if (automatic && !query.address.empty()) return with_own_address(allocation, query);
  if (!automatic && !query.address.empty()) {
    return no_address("an address of its own does not go with address_mode " + query.mode);
  }
  if (automatic || query.mode == "host") return of_host(allocation, task, query);
  if (query.mode == "alloc" || query.mode == "alloc_ipv6") return of_allocation(allocation, task, query);
  if (query.mode == "driver")
    return no_address("address_mode driver: only its Nomad client knows the driver's network");
  return no_address("address_mode " + query.mode + " is none that Nomad has");
}

std::string join_host_port(std::string_view host, std::string_view port) {
  const bool brackets = host.find(':') != std::string_view::npos;
  std::string out = brackets ? "[" : "";
  out.append(host).append(brackets ? "]:" : ":").append(port);
  return out;
}

std::optional<int> go_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  int value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace muster::nomad
