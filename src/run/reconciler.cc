#include "run/reconciler.h"

#include <utility>

namespace muster::run {

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

  const Wanted wanted = board_.wanted(key);
  Desired desired = make_desired(wanted, *rules);
  const Result<Actual> actual = agent->read(stop);
  if (!actual) return {key, actual.error(), std::move(desired.rejections), {}, {}, wanted.slices.size()};
  if (left_alone(*actual)) {
    return {key, {}, std::move(desired.rejections), {}, {}, wanted.slices.size(), actual->remarks};
  }
  Plan plan = make_plan(desired, *actual, owner);
  if (const auto audit = audits_.take(key)) plan = renew(std::move(plan), desired, *actual, *audit);
  plan = guard_.allow(std::move(plan), wanted, owner);
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
