// The domain in a line of text, so that tables of cases stay readable.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/canonical.h"
#include "core/report.h"
#include "core/text.h"
#include "muster/guard.h"
#include "muster/wanted.h"

namespace muster::notation {

inline std::uint16_t port_number(const std::string& text) {
  unsigned value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || value > 65535) ADD_FAILURE() << "port " << text;
  return static_cast<std::uint16_t>(value);
}

// "31000" is a resource port; "http:31000", ":31000" and "dns:53/udp+edge+blue" are discovery ports. ">80" behind any
// of these: what it maps to in the container.
inline Port port(std::string text) {
  Port out;
  if (const std::size_t arrow = text.find('>'); arrow != std::string::npos) {
    out.inside = port_number(text.substr(arrow + 1));
    text.resize(arrow);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    out.number = port_number(text);
    return out;
  }
  std::vector<std::string> parts = split(text.substr(colon + 1), '+');
  const std::vector<std::string> number = split(parts.front(), '/');
  out.origin = PortOrigin::Discovery;
  out.name = text.substr(0, colon);
  out.number = port_number(number.front());
  if (number.size() > 1) out.protocol = number[1];
  out.tags.assign(parts.begin() + 1, parts.end());
  return out;
}

// "netinfo:10.0.0.21", or "netinfo:9.0.1.2/dcos" and "netinfo:9.0.1.2/" of a network of the container's own.
inline Address address(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::size_t slash = text.find('/');
  const std::string kind = text.substr(0, colon);
  const std::string ip = text.substr(colon + 1, slash == std::string::npos ? slash : slash - colon - 1);
  const bool inside = slash != std::string::npos;
  const std::string network = inside ? text.substr(slash + 1) : "";
  if (kind == "netinfo") return {AddressKind::NetInfo, ip, inside, network};
  if (kind == "mesos") return {AddressKind::Mesos, ip, inside, network};
  if (kind == "docker") return {AddressKind::Docker, ip, inside, network};
  if (kind != "host") ADD_FAILURE() << "address kind " << kind;
  return {AddressKind::Host, ip};
}

inline std::vector<Label> labels(const std::string& text) {
  std::vector<Label> out;
  for (std::string_view each : split(text, ';')) {
    each.remove_prefix(std::min(each.find_first_not_of(' '), each.size()));
    const std::size_t equals = each.find('=');
    if (equals == std::string_view::npos) continue;
    out.push_back({std::string(each.substr(0, equals)), std::string(each.substr(equals + 1))});
  }
  return out;
}

inline void mark(Instance& out, const std::string& word) {
  if (word == "!draining") {
    out.draining = true;
  } else if (word == "!failing") {
    out.health = Health::Failing;
  } else if (word == "!passing") {
    out.health = Health::Passing;
  } else if (word == "!host") {
    out.kind = Kind::Host;
  } else if (word == "!service") {
    out.kind = Kind::Service;
  } else {
    ADD_FAILURE() << "mark " << word;
  }
}

// "web.1 web 31000,31001 [role] (framework) @netinfo:172.17.0.2 !draining {tags=v1,http; check_http=http://{host}/}"
// The id and the name come first ('-' is an empty name), labels last. Without any @address the instance has the host's,
// 10.0.0.21; "@" alone is no address.
inline Instance instance(const std::string& text) {
  Instance out;
  const std::size_t brace = text.find('{');
  if (brace != std::string::npos) out.labels = labels(text.substr(brace + 1, text.rfind('}') - brace - 1));
  std::istringstream words(text.substr(0, brace));
  words >> out.id >> out.name;
  if (out.name == "-") out.name.clear();
  bool addressed = false;
  for (std::string word; words >> word;) {
    if (word.front() == '@') {
      addressed = true;
      if (word.size() > 1) out.addresses.push_back(address(word.substr(1)));
    } else if (word.front() == '[') {
      out.tags = split(word.substr(1, word.size() - 2), ',');
    } else if (word.front() == '(') {
      out.group = word.substr(1, word.size() - 2);
    } else if (word.front() == '!') {
      mark(out, word);
    } else {
      for (const std::string& each : split(word, ',')) out.ports.push_back(port(each));
    }
  }
  if (!addressed) out.addresses.push_back({AddressKind::Host, "10.0.0.21"});
  return out;
}

inline SlicePtr slice(const std::vector<Instance>& instances, bool complete = true,
                      std::vector<std::string> ended = {}) {
  auto out = std::make_shared<Slice>();
  for (const Instance& each : instances) out->instances.add(each);
  out->instances.seal();
  out->complete = complete;
  out->ended = std::move(ended);
  std::sort(out->ended.begin(), out->ended.end());
  return out;
}

inline SlicePtr slice(const std::vector<std::string>& texts, bool complete = true,
                      std::vector<std::string> ended = {}) {
  std::vector<Instance> instances;
  for (const std::string& text : texts) instances.push_back(instance(text));
  return slice(instances, complete, std::move(ended));
}

inline const HostRef kHost{"S1", "10.0.0.21", "", ""};

// One Mesos host, complete and settled unless said otherwise.
inline Wanted wanted(const SlicePtr& only) {
  return {AgentKey{"http://10.0.0.21:8500"}, {{"mesos", kHost, only}}, {"mesos"}, {}};
}
inline Wanted wanted(const std::vector<std::string>& texts) { return wanted(slice(texts)); }

inline RuleSettings compat() {
  RuleSettings out;
  out.owner = "prod";
  out.compat = true;
  return out;
}

inline RuleSettings modern() {
  RuleSettings out;
  out.owner = "prod";
  return out;
}

inline std::shared_ptr<const Rules> rules(RuleSettings settings) {
  auto out = Rules::compile(std::move(settings));
  if (!out) {
    ADD_FAILURE() << out.error().message;
    return *Rules::compile(modern());
  }
  return *out;
}

inline Owner owner(const RuleSettings& settings) {
  const auto compiled = rules(settings);
  return {compiled->settings().owner, compiled->settings().service_id_prefix};
}

inline Desired desired(const std::vector<std::string>& texts, const RuleSettings& settings) {
  return make_desired(wanted(texts), *rules(settings));
}

inline std::string joined(const std::vector<std::string>& items, const char* between = " ") {
  std::string out;
  for (const std::string& item : items) out += (&item == items.data() ? "" : between) + item;
  return out;
}

inline std::string show(const Check& check) {
  std::string out = check.id;
  if (!check.http.empty()) out += " http " + check.http;
  if (!check.tcp.empty()) out += " tcp " + check.tcp;
  if (!check.grpc.empty()) out += " grpc " + check.grpc;
  if (!check.ttl.empty()) out += " ttl " + check.ttl;
  if (!check.args.empty()) out += " args " + joined(check.args);
  if (!check.interval.empty()) out += " every " + check.interval;
  if (!check.status.empty()) out += " " + check.status;
  return out;
}

// "id = name address:port [tags] {check; check} maintenance(reason)", empty parts left out.
inline std::string show(const Service& service) {
  std::string out = service.id + " = " + service.name + " " + service.address + ":" + std::to_string(service.port);
  if (!service.tags.empty()) out += " [" + joined(service.tags, ",") + "]";
  std::vector<std::string> checks;
  for (const Check& each : service.checks) checks.push_back(show(each));
  if (!checks.empty()) out += " {" + joined(checks, "; ") + "}";
  if (service.maintenance) out += " maintenance(" + *service.maintenance + ")";
  return out;
}

inline std::vector<std::string> show(const std::vector<Service>& services) {
  std::vector<std::string> out;
  for (const Service& each : services) out.push_back(show(each));
  return out;
}

// "reason instance"
inline std::vector<std::string> show(const std::vector<Rejection>& rejections) {
  std::vector<std::string> out;
  for (const Rejection& each : rejections) out.push_back(std::string(to_string(each.reason)) + " " + each.instance);
  return out;
}

// "verb id [check] (why)"
inline std::string show(const Action& action) {
  std::string out = std::string(to_string(action.verb)) + " " + action.service.id;
  if (!action.check_id.empty()) out += " " + action.check_id;
  return out + " (" + action.why + ")";
}

inline std::vector<std::string> show(const std::vector<Action>& actions) {
  std::vector<std::string> out;
  for (const Action& each : actions) out.push_back(show(each));
  return out;
}

// "verb id: reason"
inline std::vector<std::string> show(const std::vector<Held>& held) {
  std::vector<std::string> out;
  for (const Held& each : held) {
    out.push_back(std::string(to_string(each.action.verb)) + " " + each.action.service.id + ": " + each.reason);
  }
  return out;
}

// What an agent gives back after a PUT of `service`.
inline ActualService held(const Service& service) {
  ActualService out{service.id,
                    service.name,
                    service.tags,
                    service.address,
                    service.port,
                    service.meta,
                    service.weight_passing,
                    service.weight_warning,
                    service.enable_tag_override,
                    {},
                    service.maintenance};
  for (const Check& check : service.checks) {
    const Check said = as_reported(check);
    out.checks.push_back({check.id, std::string(kind_of(check)), check.name, said.status, said.output});
  }
  std::sort(out.checks.begin(), out.checks.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  out.tagged_addresses = service.tagged_addresses;
  for (auto& [name, tagged] : *out.tagged_addresses) {
    if (tagged.port == 0) tagged.port = service.port;
  }
  return out;
}

inline Actual agent_with(const std::vector<Service>& services) {
  Actual out;
  for (const Service& each : services) out.services.push_back(held(each));
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace muster::notation
