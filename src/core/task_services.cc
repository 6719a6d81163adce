#include "core/task_services.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/given_checks.h"
#include "core/label_checks.h"
#include "core/limits.h"
#include "core/port_labels.h"
#include "core/text.h"

namespace muster {
namespace {

class TaskServices {
 public:
  TaskServices(Instance& instance, const HostRef& host, const Rules& rules, const Reject& reject, const Emit& emit)
      : instance_(instance), host_(host), rules_(rules), settings_(rules.settings()), reject_(reject), emit_(emit) {}

  void make() {
    if (!rules_.allows_group(instance_.group) || !opted_in(instance_, settings_)) return;
    name_ = rules_.clean_name(task_name());
    if (!rules_.allows_name(name_)) return;
    if (name_.empty()) return reject_(Reason::NoName, "neither the task nor overrideTaskName names it");
    label_tags_ = label_tags(find_label(instance_.labels, "tags"));

    const Endpoints endpoints = make_endpoints(instance_, settings_, reject_);
    const bool given = !settings_.compat && settings_.health_checks && !instance_.checks.empty();
    given_ = given ? reachable_checks(std::move(instance_.checks), endpoints, reject_) : std::vector<Check>();

    bool any = add_discovery_ports(endpoints);
    if (settings_.compat || !any) any = add_resource_ports(endpoints) || any;
    if (!any && !refused_ports()) add_endpoint(endpoints, nullptr, 0);
  }

 private:
  // It has ports, and none of them can be kept: without one it would be found where it is not. That was reported for
  // each. mesos-consul minds no unnamed discovery port.
  bool refused_ports() const {
    return std::any_of(instance_.ports.begin(), instance_.ports.end(), [&](const Port& port) {
      return port.number == 0 && (!settings_.compat || port.origin == PortOrigin::Resource);
    });
  }

  std::string task_name() {
    const std::string* label = find_label(instance_.labels, "overrideTaskName");
    if (label == nullptr || label->empty()) return instance_.name;
    if (label->size() <= kNameBytes) return *label;
    reject_(Reason::BadLabel, "overrideTaskName is over 255 bytes; ignored");
    return instance_.name;
  }

  // Position i counts unnamed ports too; mesos-consul registers only the named ones.
  bool add_discovery_ports(const Endpoints& endpoints) {
    bool any = false;
    std::size_t position = 0;
    for (const Port& port : instance_.ports) {
      if (port.origin != PortOrigin::Discovery) continue;
      const std::size_t index = position++;
      if (settings_.compat && port.name.empty()) continue;
      if (port.number == 0) {
        reject_(Reason::PortWithoutNumber, "discovery port " + std::to_string(index) + " has no number");
        continue;
      }
      add_endpoint(endpoints, &port, index);
      any = true;
    }
    return any;
  }

  bool add_resource_ports(const Endpoints& endpoints) {
    const auto chosen = chosen_indexes(instance_, settings_.service_port_label);
    bool any = false;
    std::size_t position = 0;
    for (const Port& port : instance_.ports) {
      if (port.origin != PortOrigin::Resource) continue;
      const std::size_t index = position++;
      if (port.number == 0 || (chosen && !chosen->contains(index))) continue;
      add_endpoint(endpoints, &port, index);
      any = true;
    }
    return any;
  }

  // Null: the task has no port.
  void add_endpoint(const Endpoints& endpoints, const Port* port, std::size_t index) {
    const PortSaid said = settings_.compat ? PortSaid() : said_of(instance_, port, index);
    if (!said.wanted) return;
    const auto own_name = port_name(said);
    if (own_name && !rules_.allows_name(*own_name)) return;
    Service service;
    service.name = own_name ? *own_name : index == 0 ? name_ : name_ + "-port" + std::to_string(index + 1);
    const Pair pair = endpoints.of(port);
    service.address = pair.ip;
    service.port = pair.port;
    service.id = endpoint_id(service, port);
    service.tags = endpoint_tags(own_name.value_or(name_), port, said);
    const Endpoint endpoint{service.address.empty() ? host_.ip : service.address,
                            port == nullptr ? "" : std::to_string(service.port)};
    service.checks = said.checked || given_.empty()
                         ? checks_from_labels(settings_.compat ? instance_.labels : said.check_labels, service.id,
                                              endpoint, settings_, reject_)
                         : given_checks(given_, service.id, settings_, reject_);
    emit_(std::move(service));
  }

  std::optional<std::string> port_name(const PortSaid& said) {
    if (said.name.empty()) return std::nullopt;
    if (said.name.size() <= kNameBytes) return rules_.clean_name(said.name);
    reject_(Reason::BadLabel, "the name of a port is over 255 bytes; ignored");
    return std::nullopt;
  }

  std::string endpoint_id(const Service& service, const Port* port) const {
    const std::string& prefix = settings_.service_id_prefix;
    if (settings_.compat && port == nullptr)
      return prefix + ":" + host_.ip + "-" + service.name + ":" + service.address;
    if (port == nullptr) return prefix + ":" + instance_.id;
    const std::string number = std::to_string(port->number);
    if (settings_.compat) return prefix + ":" + host_.ip + ":" + service.name + ":" + service.address + ":" + number;
    return prefix + ":" + instance_.id + ":" + number + (port->protocol == "udp" ? ":udp" : "");
  }

  std::vector<std::string> endpoint_tags(const std::string& name, const Port* port, const PortSaid& said) const {
    std::vector<std::string> tags = label_tags_;
    append_tags(tags, rules_.task_tags(name));
    std::vector<std::string> extra;
    if (port != nullptr && port->origin == PortOrigin::Discovery) {
      if (!port->name.empty()) extra.push_back(port->name);
      extra.insert(extra.end(), port->tags.begin(), port->tags.end());
    }
    if (settings_.compat) {
      tags.insert(tags.end(), extra.begin(), extra.end());
      return tags;
    }
    extra.insert(extra.end(), said.tags.begin(), said.tags.end());
    std::erase(extra, "");
    append_tags(tags, extra);
    return tags;
  }

  std::vector<std::string> label_tags(const std::string* value) const {
    if (value == nullptr || value->empty()) return {};
    std::vector<std::string> items = split(*value, ',');
    if (settings_.compat) return items;
    std::erase(items, "");
    std::vector<std::string> out;
    append_tags(out, items);
    return out;
  }

  Instance& instance_;
  const HostRef& host_;
  const Rules& rules_;
  const RuleSettings& settings_;
  const Reject& reject_;
  const Emit& emit_;
  std::string name_;
  std::vector<std::string> label_tags_;
  std::vector<Check> given_;
};

}  // namespace

Endpoints make_endpoints(const Instance& instance, const RuleSettings& settings, const Reject& reject) {
  Endpoints endpoints(instance, settings);
  if (endpoints.none() && !instance.addresses.empty()) {
    reject(Reason::NoAddress, "no address of the kinds in --mesos-ip-order");
  }
  return endpoints;
}

void make_task_services(Instance& instance, const HostRef& host, const Rules& rules, const Reject& reject,
                        const Emit& emit) {
  TaskServices(instance, host, rules, reject, emit).make();
}

}  // namespace muster
