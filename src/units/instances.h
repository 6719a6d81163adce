// From a unit's wishes and its state to instances. Pure.
#pragma once

#include <string>
#include <vector>

#include "muster/instance.h"
#include "units/config.h"
#include "units/machine.h"
#include "units/state.h"

namespace muster::units {

// What the source adds.
struct InstancePolicy {
  std::string external_source;            // Meta external-source: "systemd", "fleet"
  std::string unit_check_ttl = "87600h";  // ten years: a dead muster does not flip the catalog
  std::string host;                       // for check targets without an Address=; empty: 127.0.0.1
  std::uint8_t distance = 0;              // Instance::distance
};

// "machine-id/unit", and "/section" of a further service: Instance::id and Instance::key.
std::string instance_id(const std::string& machine, const std::string& unit, const std::string& section);
// Of all services of the unit, the broken ones too: for Slice::ended and Slice::doubtful. Sorted.
std::vector<std::string> instance_ids(const UnitConfig& config, const Machine& machine);
std::vector<std::string> broken_ids(const UnitConfig& config, const Machine& machine);

// Of a unit that may serve more than is known of it, for Slice::doubtful: itself, and "machine-id/unit/", which stands
// for whatever is below.
std::vector<std::string> doubtful_ids(const std::string& machine, const std::string& unit);
// Whether it is in `doubtful` (sorted), or below an entry of it that ends with '/'.
bool in_doubt(const std::vector<std::string>& doubtful, const std::string& id);

// One Kind::Service each. Meta: external-source, unit, machine-id and the unit's own Meta=. The invocation id is not
// among them: it would make each restart an update that resets every check; it stands in the unit check's output.
// `draining`: Verdict::What::Maintain.
std::vector<Instance> make_instances(const UnitConfig& config, const UnitState& state, const Machine& machine,
                                     const InstancePolicy& policy, bool draining);

}  // namespace muster::units
