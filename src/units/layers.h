// Where a unit's wishes come from, each layer by itself: [X-Consul] sections, variables, Quadlet files. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "units/environment.h"
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

inline constexpr const char* kKeys[] = {
    "Name", "Port", "Address", "Tags", "Meta", "Check", "Weight", "Drain", "Ready", "OnRestart", "EnableTagOverride"};

// "" of X-Consul, "admin" of X-Consul:admin (and of two writings that systemd refuses: `X-Consul "admin"` and X-Consul
// admin); nothing for any other section.
std::optional<std::string> service_section(const std::string& section);

// The [X-Consul] sections of a text; unknown keys are mistakes.
Layer layer_of_text(const UnitText& text, std::vector<Mistake>& mistakes);

// Who asked for the unit's first service before its variables are looked at.
enum class Asked : std::uint8_t {
  Nobody,     // variables count if they ask by themselves
  OfOurs,     // CONSUL_ variables count in any case: they only add to what was asked for
  OfAnyKind,  // and SERVICE_ variables too: of a container's labels nobody else would have a SERVICE_ACCOUNT
};

// CONSUL_NAME, CONSUL_PORT, ... and registrator's SERVICE_NAME, SERVICE_8080_TAGS, SERVICE_CHECK_HTTP, ... Empty unless
// one that is not empty asks for a service: many programs have a SERVICE_ACCOUNT, or a CONSUL_PORT beside a CONSUL_HOST
// that say where Consul is. `published`: from the port that SERVICE_<port>_ speaks of to that of the host, for
// containers; to nothing where the host's is not known.
Layer layer_of_variables(const std::vector<Variable>& variables, const std::map<std::string, std::string>& published,
                         Asked asked, std::vector<Mistake>& mistakes);

// What Quadlet's sections say, which stand in a .container, .pod or .kube file and, as [X-Container] and the like and
// with all drop-ins, in the unit that is generated from it.
struct Quadlet {
  Layer labels;             // Label=, as variables
  std::optional<Raw> port;  // the first TCP port that is published under a number of its own: for want of any other
};
Quadlet layer_of_quadlet(const UnitText& text, const UnitName& unit, const Machine& machine, Asked asked,
                         std::vector<Mistake>& mistakes);

}  // namespace muster::units
