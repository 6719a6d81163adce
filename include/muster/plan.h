// The difference between what is wanted and what an agent holds, each step with its reason.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "muster/service.h"

namespace muster {

enum class Verb : std::uint8_t {
  Register,            // PUT of a service that is not there
  Update,              // PUT of one that is there and differs, or is claimed
  DeregisterCheck,     // a check of ours that is no longer wanted
  ReportCheck,         // status and output of a check that muster itself reports: Action::service.checks holds it
  EnableMaintenance,   // Action::service.maintenance holds the reason
  DisableMaintenance,  // only ever ours, known by its reason
  Deregister,
};

std::string_view to_string(Verb verb);

// On what knowledge a removal rests. make_plan leaves Unproven; the guard decides.
enum class Proof : std::uint8_t {
  Unproven,
  Ended,     // the scheduler said that it is over
  Absent,    // a complete read did not have it
  Rules,     // the instance runs, and the rules no longer want this service of it
  Operator,  // a person asked for it: muster adopt --stale, muster cleanup
};

std::string_view to_string(Proof proof);

struct Action {
  Verb verb = Verb::Register;
  Service service;       // the whole for Register and Update; id and name for the others
  std::string check_id;  // DeregisterCheck
  std::string why;       // for people: "absent", "tags differ: [a] -> [b]"
  Proof proof = Proof::Unproven;
  Meta marks;  // Deregister: the Meta that the agent holds, for the guard's evidence
};

// An action that the guard took out, and the rule that said so.
struct Held {
  Action action;
  std::string
      reason;  // "unproven", "pending", "breaker", "foreign", "canary", "elsewhere", "live-agent", "standby", "dry-run"
};

// Something that is not ours stands where we want to be. Never overwritten.
struct Conflict {
  std::string service_id;
  std::string detail;
};

// Order matters: registrations and updates come before removals.
struct Plan {
  std::vector<Action> actions;
  std::vector<Held> held;
  std::vector<Conflict> conflicts;
  std::vector<std::string> stale;   // unmarked, under our prefix, matching nothing: reported, never removed here
  std::vector<std::string> strays;  // of this owner under another prefix: reported; only a cleanup ends them
  std::size_t equal = 0;            // services that were right already
  std::map<std::string, std::size_t> ours;  // by source: services of ours that the agent holds
};

}  // namespace muster
