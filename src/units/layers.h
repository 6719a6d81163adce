// Where a unit's wishes come from, each layer by itself: [X-Consul] sections, variables, Quadlet files. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "units/config.h"
#include "units/machine.h"
#include "units/name.h"
#include "units/text.h"

namespace muster::units {

struct Raw {
  std::string value;
  Place place;
  // Finished: specifiers are expanded already, and of a list it is one item.
  bool finished = false;
  // The variable or label that it was given by, whose value may be a secret; empty: it stands in the unit's file.
  std::string variable{};
};

// What may be shown of it to people: never the value of a variable.
std::string shown(const Raw& raw);

// By key; a key that was reset by an empty assignment is there with nothing in it.
using Wishes = std::map<std::string, std::vector<Raw>>;
using Layer = std::map<std::string, Wishes>;  // by section: "" or "admin"

struct Variable {
  std::string name;
  std::string value;
  Place place;
};

inline constexpr const char* kKeys[] = {
    "Name", "Port", "Address", "Tags", "Meta", "Check", "Weight", "Drain", "Ready", "OnRestart", "EnableTagOverride"};

// "" of X-Consul, "admin" of X-Consul:admin (and of two writings that systemd refuses: `X-Consul "admin"` and X-Consul
// admin); nothing for any other section.
std::optional<std::string> service_section(const std::string& section);

// The [X-Consul] sections of a text; unknown keys are mistakes.
Layer layer_of_text(const UnitText& text, std::vector<Mistake>& mistakes);

// Environment= of [Service] as systemd reads it: words, specifiers, the last of a name wins, an empty one resets.
std::vector<Variable> environment_of(const UnitText& text, const UnitName& unit, const Machine& machine);
std::vector<Variable> environment_of(const std::vector<std::string>& told);

// CONSUL_NAME, CONSUL_PORT, ... and registrator's SERVICE_NAME, SERVICE_8080_TAGS, SERVICE_CHECK_HTTP, ... Empty unless
// one of them names a service or says something of it: many programs have a SERVICE_ACCOUNT. `published`: from the port
// that SERVICE_<port>_ speaks of to that of the host, for containers.
Layer layer_of_variables(const std::vector<Variable>& variables, const std::map<std::string, std::string>& published,
                         std::vector<Mistake>& mistakes);

// A .container file: its [X-Consul] sections, then its Label=, then the first port that it publishes.
Layer layer_of_quadlet(const UnitText& text, const UnitName& unit, const Machine& machine,
                       std::vector<Mistake>& mistakes);

}  // namespace muster::units
