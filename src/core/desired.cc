// make_desired: every instance that the rules let through, as the services it should be.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/canary.h"
#include "core/candidates.h"
#include "core/canonical.h"
#include "core/endpoints.h"
#include "core/given_checks.h"
#include "core/label_checks.h"
#include "core/limits.h"
#include "core/port_labels.h"
#include "core/text.h"
#include "core/word.h"
#include "muster/wanted.h"

namespace muster {
namespace {

// Turns the instances of one slice into candidates.
class Maker {
 public:
  Maker(const Wanted& wanted, const Rules& rules, Desired& out)
      : wanted_(wanted),
        rules_(rules),
        settings_(rules.settings()),
        out_(out),
        reject_([this](Reason reason, std::string detail) {
          out_.rejections.push_back({reason, instance_.id, std::move(detail)});
        }) {}
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;

  void add(const WantedSlice& slice) {
    if (slice.host.id.size() > kMetaValue || !printable(slice.host.id)) {
      out_.rejections.push_back({Reason::NoId, "", "a host whose id is over 512 bytes, or not printable"});
      return;
    }
    candidates_.reserve(slice.slice->instances.size());
    for (std::size_t i = 0; i < slice.slice->instances.size(); ++i) {
      instance_ = slice.slice->instances.at(i);
      ++ordinal_;
      source_ = slice.source;
      host_ = &slice.host;
      candidates_.meet(instance_);
      if (!overruled()) add_instance();
    }
  }

  void finish() { candidates_.finish(out_); }

 private:
  // A nearer source says that it is over, or that it is not there, or cannot say.
  bool overruled() const {
    if (instance_.key.empty() || instance_.distance == 0) return false;
    const Word word = nearer_word(wanted_, host_->id, instance_.key, instance_.distance);
    return word != Word::None && word != Word::Runs;
  }

  void add_instance() {
    if (instance_.id.empty() || instance_.id.size() > kIdBytes || !printable(instance_.id)) {
      reject_(Reason::NoId, "an id of 1 to 500 printable bytes is needed");
      return;
    }
    if (instance_.draining) return;
    switch (instance_.kind) {
      case Kind::Host:
        return add_host();
      case Kind::Service:
        return add_service();
      case Kind::Task:
        return add_task();
    }
  }

  // --- Kind::Host: `tags` are roles ---
  void add_host() {
    Service service;
    service.name = rules_.clean_name(settings_.service_name);
    service.id = settings_.service_id_prefix + ":" + service.name + ":" + instance_.id;
    for (const std::string& tag : settings_.service_tags) {
      for (const std::string& role : instance_.tags) service.tags.push_back(role + "." + tag);
    }
    if (settings_.service_tags.empty()) service.tags = instance_.tags;
    const Endpoints endpoints = make_endpoints();
    finish_given(std::move(service), endpoints.of(instance_.ports.empty() ? nullptr : &instance_.ports.front()));
  }

  // --- Kind::Service: finished by its source ---
  void add_service() {
    const std::string cleaned = rules_.clean_name(instance_.name);
    if (!rules_.allows_name(cleaned) || (!instance_.group.empty() && !rules_.allows_group(instance_.group))) return;
    Service service;
    service.name = instance_.name;
    service.id = settings_.service_id_prefix + ":" + instance_.id;
    service.tags = instance_.tags;
    append_tags(service.tags, rules_.task_tags(cleaned));
    add_finish(service, instance_, reject_);
    const Pair pair = finished_pair(instance_);
    if (pair.ip.empty() && !instance_.addresses.empty()) {
      reject_(Reason::NoAddress, "its address is neither an IP that can be reached nor a host name");
    }
    finish_given(std::move(service), pair);
  }

  void finish_given(Service service, const Pair& pair) {
    service.address = pair.ip;
    service.port = pair.port;
    service.checks = given_checks(std::move(instance_.checks), service.id, settings_, reject_);
    emit(std::move(service));
  }

  // --- Kind::Task ---
  void add_task() {
    if (!rules_.allows_group(instance_.group) || !opted_in(instance_, settings_)) return;
    name_ = rules_.clean_name(task_name());
    if (!rules_.allows_name(name_)) return;
    if (name_.empty()) return reject_(Reason::NoName, "neither the task nor overrideTaskName names it");
    label_tags_ = label_tags(find_label(instance_.labels, "tags"));

    const Endpoints endpoints = make_endpoints();
    const bool given = !settings_.compat && settings_.health_checks && !instance_.checks.empty();
    given_ = given ? reachable_checks(std::move(instance_.checks), endpoints, reject_) : std::vector<Check>();

    bool any = add_discovery_ports(endpoints);
    if (settings_.compat || !any) any = add_resource_ports(endpoints) || any;
    if (!any && !refused_ports()) add_endpoint(endpoints, nullptr, 0);
  }

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
    const Endpoint endpoint{service.address.empty() ? host_->ip : service.address,
                            port == nullptr ? "" : std::to_string(service.port)};
    service.checks = said.checked || given_.empty()
                         ? checks_from_labels(settings_.compat ? instance_.labels : said.check_labels, service.id,
                                              endpoint, settings_, reject_)
                         : given_checks(given_, service.id, settings_, reject_);
    emit(std::move(service));
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
      return prefix + ":" + host_->ip + "-" + service.name + ":" + service.address;
    if (port == nullptr) return prefix + ":" + instance_.id;
    const std::string number = std::to_string(port->number);
    if (settings_.compat) return prefix + ":" + host_->ip + ":" + service.name + ":" + service.address + ":" + number;
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

  // --- shared ---
  Endpoints make_endpoints() const {
    Endpoints endpoints(instance_, settings_);
    if (endpoints.none() && !instance_.addresses.empty()) {
      reject_(Reason::NoAddress, "no address of the kinds in --mesos-ip-order");
    }
    return endpoints;
  }

  void add_meta(Service& service) {
    service.meta = limited_meta(instance_, settings_.meta_label_prefix, reject_);
    service.meta[kMetaOwner] = settings_.owner;
    service.meta[kMetaSource] = source_;
    service.meta[kMetaHost] = host_->id;
    service.meta[kMetaInstance] = instance_.id;
  }

  // What the scheduler knows of the instance's health and the catalog does not yet.
  void add_state(Service& service) {
    if (settings_.compat) return;
    if (!instance_.maintenance.empty()) {
      service.maintenance = maintenance_text(instance_.maintenance);
    } else if (instance_.health == Health::Failing) {
      service.maintenance = maintenance_text("the scheduler's health check fails");
    }
    if (instance_.health != Health::Passing) return;
    for (Check& check : service.checks) {
      if (check.status.empty() && check.ttl.empty()) check.status = "passing";
    }
  }

  void emit(Service service) {
    if (service.name.empty()) return reject_(Reason::NoName, "a service without a name");
    if (service.name.size() > kNameBytes || !printable(service.name)) {
      return reject_(Reason::NoName, "a service name of over 255 bytes, or not printable");
    }
    if (!dns_label(lower(service.name))) {
      reject_(Reason::NameNotDns, service.name + " is registered, but is no DNS label");
    }
    limit_tags(service.tags, reject_);
    add_meta(service);
    add_state(service);
    service.meta[kMetaHash] = definition_hash(service);
    candidates_.add({std::move(service), instance_.id, instance_.key, instance_.distance, ordinal_});
  }

  const Wanted& wanted_;
  const Rules& rules_;
  const RuleSettings& settings_;
  Desired& out_;
  const Reject reject_;
  Candidates candidates_;
  // The instance at hand.
  Instance instance_;
  std::size_t ordinal_ = 0;
  std::string source_;
  const HostRef* host_ = nullptr;
  std::string name_;
  std::vector<std::string> label_tags_;
  std::vector<Check> given_;
};

// A task that took its id would blind us.
void put_canary(Service canary, Desired& out) {
  const auto at = std::lower_bound(out.services.begin(), out.services.end(), canary.id,
                                   [](const Service& service, const std::string& id) { return service.id < id; });
  if (at == out.services.end() || at->id != canary.id) {
    out.services.insert(at, std::move(canary));
    return;
  }
  out.rejections.push_back(
      {Reason::IdCollision, at->meta.at(kMetaInstance), "service id " + canary.id + " is the canary's"});
  *at = std::move(canary);
}

}  // namespace

Desired make_desired(const Wanted& wanted, const Rules& rules) {
  Desired out;
  Maker maker(wanted, rules, out);
  for (const WantedSlice& slice : wanted.slices) maker.add(slice);
  maker.finish();
  if (rules.settings().canary && !wanted.slices.empty()) {
    put_canary(make_canary(wanted.agent, {rules.settings().owner, rules.settings().service_id_prefix}), out);
  }
  return out;
}

}  // namespace muster
