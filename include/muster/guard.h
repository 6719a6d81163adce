// The last word before anything is sent: ownership, evidence, and the policies of a run.
#pragma once

#include <string>
#include <vector>

#include "muster/plan.h"
#include "muster/wanted.h"

namespace muster {

struct GuardPolicy {
  bool dry_run = false;      // hold everything
  bool standby = false;      // hold everything: another muster acts
  bool adopt_stale = false;  // muster adopt --stale: what is unmarked under our prefix and matches nothing goes
  bool cleanup = false;      // muster cleanup: everything of this owner goes
  // Sources that speak of one host alone (Module::one_host): what their marks say of other hosts on the same agent is
  // the business of the musters there, and stays, held as "elsewhere". Where the host changed its id there is none.
  std::vector<std::string> one_host{};
};

inline constexpr char kHeldElsewhere[] = "elsewhere";

// Both are pure: same plan and same knowledge, same answer. Between them the breaker judges (muster/breaker.h).
//
// A removal needs proof from the slice named in the service's own marks; without it, it is held as "unproven". A
// removal whose marks name another owner is a defect of the planner and is held as "foreign".
Plan prove(Plan plan, const Wanted& wanted, const Owner& owner);
// The removals that a person asked for. Stale services go with adopt_stale alone, and only while every slice of the
// agent is complete; a cleanup ends what bears this owner's mark, and nothing else. The canary is last, and stays while
// anything of ours does: by it the agent is found again.
Plan obey(Plan plan, const Wanted& wanted, const GuardPolicy& policy);
// Holds everything as "standby" or "dry-run" where the policy says so.
Plan restrict(Plan plan, const GuardPolicy& policy);

}  // namespace muster
