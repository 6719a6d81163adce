#include "mesos/task.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mesos/master.h"

namespace muster::mesos {
namespace {

constexpr std::size_t kMaxLabel = 64u << 10;  // bytes of key and value
constexpr unsigned kMaxPort = 65535;
constexpr std::size_t kMaxPath = 2048;  // bytes, of a health check
constexpr char kScope[] = "network-scope";
constexpr char kDockerDefault[] = "bridge";  // Docker's own name for its default network

struct Range {
  unsigned long begin = 0;
  unsigned long end = 0;
};

bool take_number(std::string_view& text, unsigned long& value) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// One "begin-end" (or a bare number) off the front of "31000-31001, 31005-31005".
bool take_range(std::string_view& text, Range& range) {
  text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  if (!take_number(text, range.begin)) return false;
  range.end = range.begin;
  if (!text.starts_with('-')) return true;
  text.remove_prefix(1);
  return take_number(text, range.end) && range.begin <= range.end;
}

void add_ip(std::vector<Address>& addresses, AddressKind kind, std::string_view ip) {
  if (is_ip(ip)) addresses.push_back({kind, std::string(ip)});
}

// 1..65535; 0 for anything else.
std::uint16_t port_of(const std::optional<double>& number) {
  if (!number || !(*number >= 1 && *number <= kMaxPort) || *number != std::floor(*number)) return 0;
  return static_cast<std::uint16_t>(*number);
}

bool same_protocol(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

// What `port` maps to; for a port that is named by its number in the container, that number (Port::inside).
std::uint16_t mapped(const Port& port, const std::vector<MappingDraft>& mappings, bool named_inside) {
  const auto find = [&](auto side) -> const MappingDraft* {
    for (const MappingDraft& each : mappings) {
      if (port_of(each.*side) == port.number && same_protocol(each.protocol, port.protocol)) return &each;
    }
    return nullptr;
  };
  const MappingDraft* outer = named_inside ? nullptr : find(&MappingDraft::host);
  if (outer != nullptr) return port_of(outer->container);
  return port.origin == PortOrigin::Discovery && find(&MappingDraft::container) != nullptr ? port.number : 0;
}

// Consul wants "10s"; Mesos gives seconds as a number, and 0 for a timeout that never comes.
std::string duration(double seconds) {
  if (!(seconds > 0 && seconds <= 1e6)) return "";
  const auto milliseconds = std::max(1LL, std::llround(seconds * 1000));
  if (milliseconds % 1000 == 0) return std::to_string(milliseconds / 1000) + "s";
  return std::to_string(milliseconds) + "ms";
}

// Marathon's way to say which network a port's number is of.
bool take_scope(Port& port) {
  bool inside = false;
  std::erase_if(port.labels, [&](const Label& label) {
    if (label.key != kScope) return false;
    inside = label.value == "container";
    return true;
  });
  return inside;
}

bool wanted_of_port(std::string_view key) {
  if (key == "name" || key == "consul" || key == kScope) return true;
  constexpr std::string_view kCheck = "check_";
  return key.size() > kCheck.size() && std::equal(kCheck.begin(), kCheck.end(), key.begin(), [](char a, char b) {
           return a == b || (b >= 'A' && b <= 'Z' && a == b - 'A' + 'a');
         });
}

}  // namespace

void add_port_label(Port& port, Label label) {
  if (label.key == "tags") {
    if (port.tags.empty()) port.tags = split_tags(label.value);
  } else if (wanted_of_port(label.key) && label.key.size() + label.value.size() <= kMaxLabel) {
    port.labels.push_back(std::move(label));
  }
}

std::vector<Check> make_checks(const HealthDraft& health) {
  const bool http = health.type == "HTTP" || (health.type.empty() && health.http_port);
  const bool tcp = health.type == "TCP" || (health.type.empty() && !http && health.tcp_port);
  const std::uint16_t port = http ? port_of(health.http_port) : tcp ? port_of(health.tcp_port) : std::uint16_t{0};
  if (port == 0 || health.path.size() > kMaxPath) return {};
  Check check;
  const std::string target = "{host}:{port:" + std::to_string(port) + "}";
  if (http) {
    // A brace in a path is data, and none of ours.
    std::string path = health.path.empty() || health.path.front() == '/' ? health.path : "/" + health.path;
    for (std::size_t at = 0; (at = path.find('{', at)) != std::string::npos;) path.replace(at, 1, "%7B");
    check.http = (health.scheme == "https" ? "https://" : "http://") + target + path;
    check.tls_skip_verify = health.scheme == "https";  // Mesos does not verify either (curl -k in its checker)
  } else {
    check.tcp = target;
  }
  check.interval = duration(health.interval);
  if (check.interval.empty()) check.interval = duration(HealthDraft().interval);
  check.timeout = duration(health.timeout);
  if (health.failures >= 2 && health.failures <= 1000) {
    check.failures_before_critical = static_cast<std::uint16_t>(health.failures);
  }
  return {check};
}

void place(Instance& instance, const std::string& agent_ip) {
  for (Address& address : instance.addresses) {
    // Without a network of the container's own Mesos fills in the agent's address (Slave::statusUpdate).
    if (address.ip != agent_ip) continue;
    address.inside = false;
    address.network.clear();
  }
  if (!agent_ip.empty()) instance.addresses.push_back({AddressKind::Host, agent_ip});
}

Phase phase_of(std::string_view state) {
  if (state == "TASK_RUNNING") return Phase::Running;
  if (state == "TASK_KILLING") return Phase::Draining;
  if (state == "TASK_STAGING" || state == "TASK_STARTING") return Phase::Pending;
  for (const std::string_view each :
       {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE"}) {
    if (state == each) return Phase::Ended;
  }
  return Phase::Lost;
}

std::vector<std::string> split_tags(std::string_view text) {
  std::vector<std::string> tags;
  for (std::size_t comma = 0; !text.empty() && comma != std::string_view::npos;) {
    comma = text.find(',');
    tags.emplace_back(text.substr(0, comma));
    if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
    if (comma != std::string_view::npos && text.empty()) tags.emplace_back();
  }
  return tags;
}

void TaskDraft::reset() {
  for (std::string* text : {&framework, &agent, &state, &resource_ports, &docker_network, &instance.id, &instance.name,
                            &instance.group, &instance.visibility}) {
    text->clear();
  }
  instance.labels.clear();
  instance.addresses.clear();
  instance.ports.clear();
  instance.checks.clear();
  health.reset();
  mappings_.clear();
  networks_.clear();
  instance.health = Health::Unknown;
  instance.draining = false;
  has_running_ = false;
  health_time_ = 0;
  rejections_.clear();
}

void TaskDraft::reject(Reason reason, std::string detail) { rejections_.push_back({reason, {}, std::move(detail)}); }

void TaskDraft::add_label(Label label, bool sound) {
  if (!sound || label.key.empty()) return reject(Reason::BadLabel, "a label is not a pair of strings");
  if (label.key.size() + label.value.size() > kMaxLabel) {
    return reject(Reason::BadLabel, "label " + label.key.substr(0, 64) + " is over 64 KiB");
  }
  instance.labels.push_back(std::move(label));
}

void TaskDraft::add_discovery_port(Port port, const std::optional<double>& number) {
  port.origin = PortOrigin::Discovery;
  port.number = 0;
  if (number && *number >= 0 && *number <= kMaxPort && *number == std::floor(*number)) {
    port.number = static_cast<std::uint16_t>(*number);
  } else if (number) {
    reject(Reason::PortOutOfRange, "discovery port " + port.name + " is not in 1..65535");
  }
  instance.ports.push_back(std::move(port));
}

void TaskDraft::add_status(StatusDraft status) {
  if (status.healthy && (instance.health == Health::Unknown || status.timestamp >= health_time_)) {
    instance.health = *status.healthy ? Health::Passing : Health::Failing;
    health_time_ = status.timestamp;
  }
  if (status.state != "TASK_RUNNING" || (has_running_ && status.timestamp <= running_.timestamp)) return;
  has_running_ = true;
  running_ = std::move(status);
}

void TaskDraft::add_mapping(MappingDraft mapping) {
  if (mappings_.size() < kMostMappings) mappings_.push_back(std::move(mapping));
}

void TaskDraft::add_network(std::string name) {
  if (networks_.size() < kMostMappings) networks_.push_back(std::move(name));
}

void TaskDraft::add_resource_ports(std::size_t most) {
  std::string_view text = resource_ports;
  if (text.empty()) return;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const std::size_t rejected = rejections_.size();
  std::size_t added = 0;
  bool sound = true;
  while (sound && text.find_first_not_of(", ") != std::string_view::npos) {
    Range range;
    sound = take_range(text, range);
    if (!sound) break;
    for (unsigned long port = range.begin; port <= range.end && port <= kMaxPort; ++port) {
      if (port == 0) continue;
      if (++added > most) return reject(Reason::PortOutOfRange, "more than " + std::to_string(most) + " ports");
      instance.ports.push_back({static_cast<std::uint16_t>(port), PortOrigin::Resource, {}, {}, {}});
    }
    if (range.begin == 0 || range.end > kMaxPort) {
      reject(Reason::PortOutOfRange, "resource ports " + resource_ports.substr(0, 100) + " reach out of 1..65535");
    }
  }
  if (!sound) reject(Reason::PortOutOfRange, "resource ports " + resource_ports.substr(0, 100) + " cannot be read");
  // Without one that can be kept the task would look like one that has none.
  if (added == 0 && rejections_.size() > rejected) instance.ports.push_back({0, PortOrigin::Resource, {}, {}, {}});
}

// All are taken for the container's own here, unless it has none; place() knows the host's.
void TaskDraft::add_addresses() {
  for (Address& address : running_.networks) instance.addresses.push_back(std::move(address));
  add_ip(instance.addresses, AddressKind::Mesos, running_.mesos_ip);
  add_ip(instance.addresses, AddressKind::Docker, running_.docker_ip);
  for (Address& address : instance.addresses) {
    address.inside = docker_network != "HOST";
    if (!address.inside) {
      address.network.clear();
    } else if (docker_network == "BRIDGE") {
      address.network = kDockerDefault;
    } else if (address.network.empty() && networks_.size() == 1) {
      address.network = networks_.front();
    }
  }
}

void TaskDraft::map_ports() {
  std::vector<MappingDraft> mappings;
  if (has_running_) mappings = std::move(running_.mappings);
  mappings.insert(mappings.end(), mappings_.begin(), mappings_.end());
  if (docker_network == "HOST") mappings.clear();
  for (Port& port : instance.ports) {
    const bool named_inside = take_scope(port);
    if (port.number != 0) port.inside = mapped(port, mappings, named_inside);
  }
}

void TaskDraft::finish(std::size_t most_ports) {
  if (has_running_) add_addresses();
  add_resource_ports(most_ports);
  map_ports();
  if (health) instance.checks = make_checks(*health);
  instance.draining = phase_of(state) == Phase::Draining;
  for (Rejection& rejection : rejections_) {
    rejection.instance = instance.id;
    rejection.detail = "task " + instance.id + ": " + rejection.detail;
  }
}

void TaskDraft::take_rejections(std::vector<Rejection>& into) {
  std::move(rejections_.begin(), rejections_.end(), std::back_inserter(into));
  rejections_.clear();
}

}  // namespace muster::mesos
