#include "run/reconciler.h"

#include <utility>

namespace muster::run {
namespace {

// What runs there and is not registered is shown, and not passed over in silence.
void hold_back(const Desired& desired, Plan& plan) {
  for (const Service& service : desired.services) {
    if (service.meta.contains(kMetaAgent)) continue;
    Action action{Verb::Register, {}, "", "its host has a Consul agent of its own", Proof::Unproven, {}};
    action.service.id = service.id;
    action.service.name = service.name;
    plan.held.push_back({std::move(action), "live-agent"});
  }
}

}  // namespace

std::shared_ptr<const Rules> RulesInForce::get() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void RulesInForce::set(std::shared_ptr<const Rules> rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

Reconciler::Reconciler(const Board& board, const RulesInForce& rules, Guard& guard, Audits& audits,
                       std::unique_ptr<Agents> agents)
    : board_(board), rules_(rules), guard_(guard), audits_(audits), agents_(std::move(agents)) {}

Report Reconciler::reconcile(const AgentKey& key, std::stop_token stop) {
  const auto rules = rules_.get();
  const Owner owner{rules->settings().owner, rules->settings().service_id_prefix};
  const auto agent = agents_->at(key);

  Wanted wanted = board_.wanted(key);
  Desired desired = make_desired(wanted, *rules);
  const Result<Actual> actual = agent->read(stop);
  if (!actual) return {key, actual.error(), std::move(desired.rejections), {}, {}, wanted.slices.size()};
  wanted.vacated = left_alone(*actual);
  const Desired nothing;
  Plan plan = make_plan(wanted.vacated ? nothing : desired, *actual, owner);
  wanted.moved = board_.moved(key, plan);
  if (const auto audit = audits_.take(key); audit && !wanted.vacated)
    plan = renew(std::move(plan), desired, *actual, *audit);
  plan = guard_.allow(std::move(plan), wanted, owner);
  if (wanted.vacated) hold_back(desired, plan);
  Applied applied = agent->apply(plan, stop);
  return {key,
          {},
          std::move(desired.rejections),
          std::move(plan),
          std::move(applied),
          wanted.slices.size(),
          actual->remarks};
}

}  // namespace muster::run
