#include "muster/guard.h"

#include <algorithm>
#include <utility>

#include "core/marks.h"
#include "core/word.h"

namespace muster {
namespace {

// Whether it is the slice named in a service's own marks.
bool names(const WantedSlice& slice, const Meta& marks) {
  return slice.source == mark(marks, kMetaSource) && slice.host.id == mark(marks, kMetaHost);
}

// Null where there is none.
const Slice* own_slice(const Meta& marks, const std::vector<WantedSlice>& slices) {
  const auto found =
      std::find_if(slices.begin(), slices.end(), [&](const WantedSlice& each) { return names(each, marks); });
  return found == slices.end() ? nullptr : found->slice.get();
}

// Its host is served by another agent now, so that it is not wanted here even where it runs: then it stands there, or
// will. That it stands there already is not waited for, since an agent that never answers must not keep this one wrong
// for ever; but it counts as an absence, so that the breaker has its say when many hosts move at once: their addresses
// may be wrong.
Proof proof_moved(const Slice& slice, const std::string& instance) {
  switch (word_of(slice, instance)) {
    case Word::Runs:
      return Proof::Absent;
    case Word::Ended:
      return Proof::Ended;
    case Word::Doubtful:
      return Proof::Unproven;
    case Word::Absent:
      return Proof::Absent;
    case Word::None:
      break;
  }
  return slice.complete ? Proof::Absent : Proof::Unproven;
}

// What a slice that is nearer says of its instance, else what its own one does.
Proof proof_of(const Meta& marks, const Wanted& wanted) {
  const std::string source = mark(marks, kMetaSource);
  const std::string instance = mark(marks, kMetaInstance);
  // The canary goes when the agent serves nobody any more.
  if (source == kCanarySource) return wanted.slices.empty() || wanted.vacated ? Proof::Rules : Proof::Unproven;
  if (const Slice* moved = own_slice(marks, wanted.moved)) return proof_moved(*moved, instance);
  const Slice* own = own_slice(marks, wanted.slices);
  const std::uint8_t distance = own == nullptr ? Slice::kApart : distance_of(*own, instance);
  Word word = nearer_word(wanted, mark(marks, kMetaHost), instance, distance);
  if (word == Word::None && own != nullptr) word = word_of(*own, instance);
  switch (word) {
    case Word::Runs:
      return Proof::Rules;
    case Word::Ended:
      return Proof::Ended;
    case Word::Doubtful:
      return Proof::Unproven;
    case Word::Absent:
      return Proof::Absent;
    case Word::None:
      break;
  }
  if (own != nullptr) return own->complete ? Proof::Absent : Proof::Unproven;
  const bool settled = std::find(wanted.settled.begin(), wanted.settled.end(), source) != wanted.settled.end();
  return settled ? Proof::Absent : Proof::Unproven;
}

std::string explain(Proof proof) {
  switch (proof) {
    case Proof::Ended:
      return "the scheduler says that it ended";
    case Proof::Absent:
      return "absent from a complete read";
    case Proof::Rules:
      return "runs, but the rules do not want it";
    case Proof::Operator:
      return "asked for by the operator";
    case Proof::Unproven:
      break;
  }
  return "not seen, and nothing proves that it ended";
}

// That the rules do not want what drains says nothing of why.
bool drains(const Meta& marks, const Wanted& wanted) {
  return std::any_of(wanted.slices.begin(), wanted.slices.end(), [&](const WantedSlice& each) {
    if (!names(each, marks)) return false;
    const InstanceList& list = each.slice->instances;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list.id(i) == mark(marks, kMetaInstance) && list.at(i).draining) return true;
    }
    return false;
  });
}

// Empty when the removal may go ahead.
std::string objection(Action& action, const Wanted& wanted, const Owner& owner) {
  if (action.verb != Verb::Deregister) return "";
  if (!action.service.id.starts_with(owner.prefix + ":") || mark(action.marks, kMetaOwner) != owner.id) {
    return "foreign";
  }
  action.proof = proof_of(action.marks, wanted);
  action.why = explain(action.proof);
  if (action.proof == Proof::Rules && drains(action.marks, wanted)) action.why = "is being stopped";
  return action.proof == Proof::Unproven ? "unproven" : "";
}

void remove(const std::vector<std::string>& ids, Plan& plan) {
  for (const std::string& id : ids) {
    Action action{Verb::Deregister, {}, "", explain(Proof::Operator), Proof::Operator, {}};
    action.service.id = id;
    plan.actions.push_back(std::move(action));
  }
}

// Of a host that only the muster beside it speaks for.
bool elsewhere(const Meta& marks, const Wanted& wanted, const GuardPolicy& policy) {
  const std::string source = mark(marks, kMetaSource);
  const auto local = std::find(policy.one_host.begin(), policy.one_host.end(), source);
  return local != policy.one_host.end() && own_slice(marks, wanted.slices) == nullptr &&
         own_slice(marks, wanted.moved) == nullptr;
}

Plan settle_canary(Plan plan) {
  const auto other = [](const Action& action) {
    return action.verb != Verb::Deregister || mark(action.marks, kMetaSource) != kCanarySource;
  };
  const auto canary = std::stable_partition(plan.actions.begin(), plan.actions.end(), other);
  const bool remains = std::any_of(plan.held.begin(), plan.held.end(), [&](const Held& held) {
    return held.action.verb == Verb::Deregister && held.reason != "foreign" && other(held.action);
  });
  if (!remains && plan.strays.empty()) return plan;
  for (auto at = canary; at != plan.actions.end(); ++at) {
    at->why = "stands while anything else of this owner does, so that the agent is found again";
    plan.held.push_back({std::move(*at), "canary"});
  }
  plan.actions.erase(canary, plan.actions.end());
  return plan;
}

}  // namespace

Plan prove(Plan plan, const Wanted& wanted, const Owner& owner) {
  std::vector<Action> proven;
  for (Action& action : plan.actions) {
    std::string reason = objection(action, wanted, owner);
    if (reason.empty()) {
      proven.push_back(std::move(action));
    } else {
      plan.held.push_back({std::move(action), std::move(reason)});
    }
  }
  plan.actions = std::move(proven);
  return plan;
}

Plan obey(Plan plan, const Wanted& wanted, const GuardPolicy& policy) {
  const auto complete = [](const WantedSlice& each) { return each.slice->complete; };
  const bool sure = !wanted.slices.empty() && std::all_of(wanted.slices.begin(), wanted.slices.end(), complete);
  if (policy.adopt_stale && sure) remove(std::exchange(plan.stale, {}), plan);
  if (policy.cleanup) {
    remove(std::exchange(plan.strays, {}), plan);
    for (Held& held : std::exchange(plan.held, {})) {
      if (held.reason == "foreign") {
        plan.held.push_back(std::move(held));
        continue;
      }
      held.action.proof = Proof::Operator;
      held.action.why = explain(Proof::Operator);
      plan.actions.push_back(std::move(held.action));
    }
  }
  plan = settle_canary(std::move(plan));
  if (policy.cleanup) return plan;
  for (Held& held : plan.held) {
    if (held.reason != "unproven" || !elsewhere(held.action.marks, wanted, policy)) continue;
    held.reason = kHeldElsewhere;
    held.action.why = "of host " + mark(held.action.marks, kMetaHost) + ", which another muster speaks for, or none";
  }
  return plan;
}

Plan restrict(Plan plan, const GuardPolicy& policy) {
  if (!policy.standby && !policy.dry_run) return plan;
  for (Action& action : plan.actions) plan.held.push_back({std::move(action), policy.standby ? "standby" : "dry-run"});
  plan.actions.clear();
  return plan;
}

}  // namespace muster
