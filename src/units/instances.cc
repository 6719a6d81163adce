#include "units/instances.h"

#include <algorithm>
#include <utility>

#include "units/check.h"

namespace muster::units {
namespace {

constexpr char kUnitCheckName[] = "unit state";

// The first host mark in `target`, when it stands for the host: at the front or behind "://".
void aim(std::string& target, const std::string& host) {
  const std::size_t scheme = target.find("://");
  const std::size_t at = scheme == std::string::npos ? 0 : scheme + 3;
  if (target.compare(at, sizeof(kHostMark) - 1, kHostMark) == 0) target.replace(at, sizeof(kHostMark) - 1, host);
}

Check make_unit_check(const ServiceConfig& service, const UnitState& state, const InstancePolicy& policy) {
  Check check;
  check.name = kUnitCheckName;
  check.ttl = service.unit_check_ttl.empty() ? policy.unit_check_ttl : service.unit_check_ttl;
  check.reported = true;
  check.status = status_of(state);
  check.output = output_of(state);
  return check;
}

std::vector<Check> make_checks(const ServiceConfig& service, const UnitState& state, const InstancePolicy& policy) {
  std::vector<Check> out = service.checks;
  std::string host = policy.host.empty() ? "127.0.0.1" : policy.host;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  for (Check& check : out) {
    for (std::string* target : {&check.http, &check.tcp, &check.grpc}) aim(*target, host);
  }
  // First, so that its id does not depend on the others.
  if (service.unit_check) out.insert(out.begin(), make_unit_check(service, state, policy));
  return out;
}

std::string section_id(const UnitConfig& config, const Machine& machine, const std::string& section) {
  return instance_id(machine.id, config.unit, section);
}

}  // namespace

std::string instance_id(const std::string& machine, const std::string& unit, const std::string& section) {
  return machine + "/" + unit + (section.empty() ? "" : "/" + section);
}

std::vector<std::string> broken_ids(const UnitConfig& config, const Machine& machine) {
  std::vector<std::string> out;
  for (const std::string& section : config.broken) out.push_back(section_id(config, machine, section));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> instance_ids(const UnitConfig& config, const Machine& machine) {
  std::vector<std::string> out = broken_ids(config, machine);
  for (const ServiceConfig& service : config.services) out.push_back(section_id(config, machine, service.section));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> doubtful_ids(const std::string& machine, const std::string& unit) {
  const std::string id = instance_id(machine, unit, "");
  return {id, id + "/"};
}

bool in_doubt(const std::vector<std::string>& doubtful, const std::string& id) {
  const auto holds = [&](const std::string& entry) {
    return std::binary_search(doubtful.begin(), doubtful.end(), entry);
  };
  for (std::size_t at = id.find('/'); at != id.npos; at = id.find('/', at + 1)) {
    if (holds(id.substr(0, at + 1))) return true;
  }
  return holds(id);
}

std::vector<Instance> make_instances(const UnitConfig& config, const UnitState& state, const Machine& machine,
                                     const InstancePolicy& policy, bool draining) {
  std::vector<Instance> out;
  for (const ServiceConfig& service : config.services) {
    Instance instance;
    instance.id = instance.key = section_id(config, machine, service.section);
    instance.kind = Kind::Service;
    instance.name = service.name;
    instance.tags = service.tags;
    if (!service.address.empty()) instance.addresses = {{AddressKind::Host, service.address}};
    if (service.port != 0) instance.ports = {{service.port, PortOrigin::Discovery, {}, "tcp", {}}};
    instance.meta = {{"external-source", policy.external_source}, {"unit", config.unit}, {"machine-id", machine.id}};
    for (const auto& [key, value] : service.meta) {
      const auto ours =
          std::find_if(instance.meta.begin(), instance.meta.end(), [&](const Label& l) { return l.key == key; });
      if (ours == instance.meta.end()) instance.meta.push_back({key, value});
    }
    instance.checks = make_checks(service, state, policy);
    if (draining) instance.maintenance = "the unit is being stopped";
    instance.weight_passing = service.weight;
    instance.weight_warning = service.weight_warning;
    instance.enable_tag_override = service.enable_tag_override;
    instance.distance = policy.distance;
    out.push_back(std::move(instance));
  }
  return out;
}

}  // namespace muster::units
