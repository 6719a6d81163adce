// The convention: what a unit says of itself in [X-Consul] sections, CONSUL_* and SERVICE_* variables and Quadlet
// files, made into services. Pure. Described for users in docs/units.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "muster/service.h"
#include "units/machine.h"
#include "units/text.h"

namespace muster::units {

// What stands in one file of EnvironmentFile=.
struct FileText {
  std::string path;
  std::string text;
  std::string error{};    // why it could not be read; empty: it could
  bool optional = false;  // systemd goes on without it when it takes nothing of its text
  friend bool operator==(const FileText&, const FileText&) = default;
};

// All that is known of a unit's wishes. The first that speaks of a key wins it whole: unit files (in which a later
// assignment wins, and lists append), then environment, then the Quadlet sections of the files, then the defaults.
struct UnitInput {
  std::string name;  // Id: "web@8081.service"
  UnitText text;     // fragment and drop-ins, or a Quadlet file with its own
  // "KEY=value" as systemd tells it (property Environment, expanded); nothing: taken from Environment= of [Service].
  std::optional<std::vector<std::string>> environment{};
  // The streams that the unit's .socket listens on: "8080", "127.0.0.1:8080", "[::]:80", "/run/x.sock"; for
  // Port=socket.
  std::vector<std::string> listen{};
  // Of EnvironmentFile=, in its order, for ${VAR}; nothing: those files are another machine's, or not read yet.
  std::optional<std::vector<FileText>> files{};
};

enum class Ready : std::uint8_t {
  Active,  // registered once the unit is active
  Notify,  // the same; the unit is Type=notify, so active means that it said READY=1: its checks begin as passing
  Check,   // registered once it is activating; its checks alone say when it is ready
};

// What becomes of the service between the death of a process and the next active state.
struct OnRestart {
  // So long it stays registered, its unit check critical, after it was up; zero: gone at once; nothing: for ever.
  std::optional<std::chrono::milliseconds> hold{std::chrono::seconds(10)};
  friend bool operator==(const OnRestart&, const OnRestart&) = default;
};

// What `muster lint` shows: one assignment that counts.
struct Told {
  std::string key;     // "Port"
  std::string value;   // after expansion; of a check without variables filled in, and without the values of headers
  Place place;         // {"default", 0} for a default
  std::string from{};  // "PORT at /etc/default/web:2": the variables in it, and where they are from
  friend bool operator==(const Told&, const Told&) = default;
};

struct ServiceConfig {
  std::string section;  // "admin" of [X-Consul:admin]; empty: the first service
  std::string name;     // a DNS label
  std::uint16_t port = 0;
  std::string address;  // IP literal or host name; empty: the agent's
  std::vector<std::string> tags;
  Meta meta;
  std::vector<Check> checks;  // without the unit check; targets are whole but for an address not known here: {host}
  bool unit_check = true;
  std::string unit_check_ttl;  // empty: the policy's
  std::uint16_t weight = 1;
  std::uint16_t weight_warning = 1;
  bool enable_tag_override = false;
  std::vector<Told> told;
  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;
};

struct UnitConfig {
  std::string unit;
  bool wanted = false;                  // it asks to be registered; false: everything else is empty
  std::vector<ServiceConfig> services;  // sorted by section
  // Sections that ask for a service that cannot be made (a port that is a word): their instances are in doubt, neither
  // registered nor removed.
  std::vector<std::string> broken;
  // Of the whole unit, from whichever section says it first.
  std::chrono::milliseconds drain{0};  // how long it stays registered in maintenance once it is deactivating
  Ready ready = Ready::Active;
  OnRestart on_restart;
  std::vector<Mistake> mistakes;  // nothing of them is the value of a variable or of a header
  bool listens = false;           // some Port= is "socket", so that UnitInput::listen counts
  bool partial = false;           // a part of its files could not be read: it may ask for more, or for something else
  bool fills = false;             // some ${VAR} is in it, so that UnitInput::files counts
  friend bool operator==(const UnitConfig&, const UnitConfig&) = default;
};

UnitConfig make_config(const UnitInput& input, const Machine& machine);

}  // namespace muster::units
