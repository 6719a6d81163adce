// The last word before anything is sent: ownership, evidence, and the policies of a run.
#pragma once

#include "muster/plan.h"
#include "muster/wanted.h"

namespace muster {

struct GuardPolicy {
  bool dry_run = false;  // hold everything
  bool standby = false;  // hold everything: another muster acts
};

// Pure: same plan and same knowledge, same answer.
// - a removal needs proof from the slice named in the service's own marks; without it, it is held as "unproven"
// - any action on a service whose marks name another owner is a defect of the planner and is held as "foreign"
Plan allow(Plan plan, const Wanted& wanted, const Owner& owner, const GuardPolicy& policy);

}  // namespace muster
