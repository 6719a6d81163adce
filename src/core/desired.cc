// make_desired: every instance that the rules let through, as the services it should be.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/canary.h"
#include "core/canonical.h"
#include "core/label_checks.h"
#include "core/text.h"
#include "muster/wanted.h"

namespace muster {
namespace {

// Limits of a Consul 1.8 agent on Meta, and ours on what it would accept but nobody could use.
constexpr std::size_t kMetaPairs = 64, kMetaKey = 128, kMetaValue = 512;
constexpr std::size_t kOwnMeta = 5;
constexpr std::size_t kTagBytes = 255, kTags = 128, kNameBytes = 255, kIdBytes = 500;

const std::string* find_label(const std::vector<Label>& labels, std::string_view key) {
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const Label& label) { return label.key == key; });
  return found == labels.end() ? nullptr : &found->value;
}

bool meta_key(std::string_view key) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !key.empty() && key.size() <= kMetaKey && !key.starts_with("consul-") && !key.starts_with("muster_") &&
         std::all_of(key.begin(), key.end(), allowed);
}

// As Go's strconv.Atoi(strings.TrimSpace(text)) reads it.
std::optional<std::int64_t> go_integer(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (text.starts_with('+')) text.remove_prefix(text.starts_with("+-") ? 0 : 1);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Turns the instances of one slice into candidates.
class Maker {
 public:
  // `owner` and the instance order settle who wins when two services want one id.
  struct Candidate {
    Service service;
    std::string instance;
    std::size_t ordinal = 0;  // of the instance; one instance may offer an id twice
    std::size_t order = 0;
  };

  Maker(const Rules& rules, Desired& out) : rules_(rules), settings_(rules.settings()), out_(out) {}

  void add(const WantedSlice& slice) {
    if (slice.host.id.size() > kMetaValue || !printable(slice.host.id)) {
      out_.rejections.push_back({Reason::NoId, "", "a host whose id is over 512 bytes, or not printable"});
      return;
    }
    candidates_.reserve(candidates_.size() + slice.slice->instances.size());
    for (std::size_t i = 0; i < slice.slice->instances.size(); ++i) {
      instance_ = slice.slice->instances.at(i);
      ++ordinal_;
      source_ = slice.source;
      host_ = &slice.host;
      add_instance();
    }
  }

  // Sorted by id; of several with one id, the first by instance id, then by source and host, then the first emitted.
  void finish() {
    const auto mark = [](const Candidate& of, const char* key) -> const std::string& {
      return of.service.meta.at(key);
    };
    std::sort(candidates_.begin(), candidates_.end(), [&](const Candidate& a, const Candidate& b) {
      return std::tie(a.service.id, a.instance, mark(a, kMetaSource), mark(a, kMetaHost), a.order) <
             std::tie(b.service.id, b.instance, mark(b, kMetaSource), mark(b, kMetaHost), b.order);
    });
    out_.services.reserve(candidates_.size() + 1);  // and the canary
    const Candidate* winner = nullptr;
    for (Candidate& candidate : candidates_) {
      if (winner == nullptr || out_.services.back().id != candidate.service.id) {
        winner = &candidate;
        out_.services.push_back(std::move(candidate.service));
      } else if (winner->ordinal != candidate.ordinal || out_.services.back().name != candidate.service.name) {
        out_.rejections.push_back({Reason::IdCollision, candidate.instance,
                                   "service id " + candidate.service.id + " belongs to " + winner->instance});
      }
    }
  }

 private:
  void reject(Reason reason, std::string detail) {
    out_.rejections.push_back({reason, instance_.id, std::move(detail)});
  }

  void add_instance() {
    if (instance_.id.empty() || instance_.id.size() > kIdBytes || !printable(instance_.id)) {
      reject(Reason::NoId, "an id of 1 to 500 printable bytes is needed");
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
    finish_given(std::move(service));
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
    finish_given(std::move(service));
  }

  void finish_given(Service service) {
    if (!instance_.ports.empty()) service.port = instance_.ports.front().number;
    service.address = address();
    service.checks = instance_.checks;
    name_checks(service);
    std::sort(service.checks.begin(), service.checks.end(), [](const Check& a, const Check& b) { return a.id < b.id; });
    emit(std::move(service));
  }

  // By kind: an agent that gets a check of another kind under a known id goes on running the old one as well.
  void name_checks(Service& service) {
    std::map<std::string, std::size_t> used;
    for (Check& check : service.checks) {
      const std::string head = settings_.compat ? "service" : std::string(kind_of(check));
      const std::size_t number = ++used[head];
      check.id = check_id(number == 1 ? head : head + "-" + std::to_string(number), service.id);
    }
  }

  // --- Kind::Task ---
  void add_task() {
    if (!rules_.allows_group(instance_.group)) return;
    name_ = rules_.clean_name(task_name());
    if (!rules_.allows_name(name_)) return;
    if (name_.empty()) return reject(Reason::NoName, "neither the task nor overrideTaskName names it");
    tags_ = label_tags(find_label(instance_.labels, "tags"));
    append_tags(tags_, rules_.task_tags(name_));

    address_ = address();

    bool any = add_discovery_ports();
    if (settings_.compat || !any) any = add_resource_ports() || any;
    if (!any) add_endpoint(name_, nullptr, {});
  }

  std::string task_name() {
    const std::string* label = find_label(instance_.labels, "overrideTaskName");
    if (label == nullptr || label->empty()) return instance_.name;
    if (label->size() <= kNameBytes) return *label;
    reject(Reason::BadLabel, "overrideTaskName is over 255 bytes; ignored");
    return instance_.name;
  }

  // Position i counts unnamed ports too; mesos-consul registers only the named ones.
  bool add_discovery_ports() {
    bool any = false;
    std::size_t position = 0;
    for (const Port& port : instance_.ports) {
      if (port.origin != PortOrigin::Discovery) continue;
      const std::size_t index = position++;
      if (settings_.compat && port.name.empty()) continue;
      if (port.number == 0) {
        reject(Reason::PortWithoutNumber, "discovery port " + std::to_string(index) + " has no number");
        continue;
      }
      std::vector<std::string> extra;
      if (!port.name.empty()) extra.push_back(port.name);
      extra.insert(extra.end(), port.tags.begin(), port.tags.end());
      add_endpoint(port_name(index), &port, extra);
      any = true;
    }
    return any;
  }

  bool add_resource_ports() {
    const auto chosen = chosen_indexes();
    bool any = false;
    std::size_t position = 0;
    for (const Port& port : instance_.ports) {
      if (port.origin != PortOrigin::Resource) continue;
      const std::size_t index = position++;
      if (chosen && !chosen->contains(index)) continue;
      add_endpoint(port_name(index), &port, {});
      any = true;
    }
    return any;
  }

  // --service-port-label names a label that lists 0-based indexes; nothing usable in it means all.
  std::optional<std::set<std::size_t>> chosen_indexes() const {
    if (settings_.service_port_label.empty()) return std::nullopt;
    const std::string* value = find_label(instance_.labels, settings_.service_port_label);
    if (value == nullptr) return std::nullopt;
    std::set<std::size_t> out;
    for (const std::string& part : split(*value, ',')) {
      if (const auto index = go_integer(part))
        out.insert(static_cast<std::size_t>(*index));  // -1: one that no port has
    }
    if (out.empty()) return std::nullopt;
    return out;
  }

  std::string port_name(std::size_t index) const {
    return index == 0 ? name_ : name_ + "-port" + std::to_string(index + 1);
  }

  void add_endpoint(const std::string& name, const Port* port, const std::vector<std::string>& extra_tags) {
    Service service;
    service.name = name;
    service.address = address_;
    service.port = port == nullptr ? std::uint16_t{0} : port->number;
    service.id = endpoint_id(service, port);
    service.tags = tags_;
    if (settings_.compat) {
      service.tags.insert(service.tags.end(), extra_tags.begin(), extra_tags.end());
    } else {
      append_tags(service.tags, extra_tags);
    }
    const Endpoint endpoint{service.address.empty() ? host_->ip : service.address,
                            port == nullptr ? "" : std::to_string(port->number)};
    service.checks =
        checks_from_labels(instance_.labels, service.id, endpoint, settings_,
                           [this](Reason reason, std::string detail) { reject(reason, std::move(detail)); });
    emit(std::move(service));
  }

  std::string endpoint_id(const Service& service, const Port* port) const {
    const std::string& prefix = settings_.service_id_prefix;
    const std::string number = std::to_string(service.port);
    if (settings_.compat && port == nullptr)
      return prefix + ":" + host_->ip + "-" + service.name + ":" + service.address;
    if (settings_.compat) return prefix + ":" + host_->ip + ":" + service.name + ":" + service.address + ":" + number;
    if (port == nullptr) return prefix + ":" + instance_.id;
    return prefix + ":" + instance_.id + ":" + number + (port->protocol == "udp" ? ":udp" : "");
  }

  // --- shared ---
  std::string address() {
    for (const AddressKind kind : settings_.ip_order) {
      for (const Address& candidate : instance_.addresses) {
        if (candidate.kind == kind && usable_ip(candidate.ip)) return candidate.ip;
      }
    }
    if (!instance_.addresses.empty()) reject(Reason::NoAddress, "no address of the kinds in --mesos-ip-order");
    return "";
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

  static void append_tags(std::vector<std::string>& tags, const std::vector<std::string>& more) {
    for (const std::string& tag : more) {
      if (tags.size() > kTags) return;  // limit_tags cuts here, and a label of a million commas costs no more
      if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
    }
  }

  void limit_tags(std::vector<std::string>& tags) {
    const auto bad = [](const std::string& tag) { return tag.size() > kTagBytes || !printable(tag); };
    if (std::erase_if(tags, bad) > 0) reject(Reason::BadTag, "tags that are not printable or over 255 bytes dropped");
    if (tags.size() > kTags) {
      tags.resize(kTags);
      reject(Reason::TooManyTags, "only the first 128 tags kept");
    }
  }

  void add_meta(Service& service) {
    std::size_t dropped = 0;
    for (const Label& pair : instance_.meta) {
      const bool fits = service.meta.size() + kOwnMeta < kMetaPairs && meta_key(pair.key) &&
                        pair.value.size() <= kMetaValue && printable(pair.value);
      if (fits) {
        service.meta[pair.key] = pair.value;
      } else {
        ++dropped;
      }
    }
    if (dropped > 0) reject(Reason::MetaLimit, std::to_string(dropped) + " Meta pairs over Consul's limits dropped");
    service.meta[kMetaOwner] = settings_.owner;
    service.meta[kMetaSource] = source_;
    service.meta[kMetaHost] = host_->id;
    service.meta[kMetaInstance] = instance_.id;
  }

  void emit(Service service) {
    if (service.name.empty()) return reject(Reason::NoName, "a service without a name");
    if (service.name.size() > kNameBytes || !printable(service.name)) {
      return reject(Reason::NoName, "a service name of over 255 bytes, or not printable");
    }
    if (!dns_label(lower(service.name))) {
      reject(Reason::NameNotDns, service.name + " is registered, but is no DNS label");
    }
    limit_tags(service.tags);
    add_meta(service);
    if (!settings_.compat && instance_.health == Health::Failing) {
      service.maintenance = "muster: the scheduler's health check fails";
    }
    service.meta[kMetaHash] = definition_hash(service);
    candidates_.push_back({std::move(service), instance_.id, ordinal_, candidates_.size()});
  }

  const Rules& rules_;
  const RuleSettings& settings_;
  Desired& out_;
  std::vector<Candidate> candidates_;
  // The instance at hand.
  Instance instance_;
  std::size_t ordinal_ = 0;
  std::string source_;
  const HostRef* host_ = nullptr;
  std::string name_;
  std::string address_;
  std::vector<std::string> tags_;
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
  Maker maker(rules, out);
  for (const WantedSlice& slice : wanted.slices) maker.add(slice);
  maker.finish();
  if (rules.settings().canary && !wanted.slices.empty()) {
    put_canary(make_canary(wanted.agent, {rules.settings().owner, rules.settings().service_id_prefix}), out);
  }
  return out;
}

}  // namespace muster
