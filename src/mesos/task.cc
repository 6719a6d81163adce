#include "mesos/task.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mesos/master.h"

namespace muster::mesos {
namespace {

constexpr std::size_t kMaxLabel = 64u << 10;  // bytes of key and value
constexpr unsigned kMaxPort = 65535;

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

}  // namespace

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
  for (std::string* text :
       {&framework, &agent, &state, &resource_ports, &instance.id, &instance.name, &instance.group}) {
    text->clear();
  }
  instance.labels.clear();
  instance.addresses.clear();
  instance.ports.clear();
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

void TaskDraft::add_resource_ports(std::size_t most) {
  std::string_view text = resource_ports;
  if (text.empty()) return;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
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
}

void TaskDraft::finish(std::size_t most_ports) {
  if (has_running_) {
    for (Address& address : running_.networks) instance.addresses.push_back(std::move(address));
    add_ip(instance.addresses, AddressKind::Mesos, running_.mesos_ip);
    add_ip(instance.addresses, AddressKind::Docker, running_.docker_ip);
  }
  add_resource_ports(most_ports);
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
