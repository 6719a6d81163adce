#include "core/report.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "core/duration.h"
#include "core/text.h"

namespace muster {
namespace {

constexpr std::size_t kLongestOutput = 3072;

bool is_due(const Check& check, const Audit& audit) {
  const auto ttl = parse_duration(check.ttl);
  if (!ttl || audit.interval.count() <= 0) return true;
  const auto every = static_cast<std::uint64_t>(*ttl / (3 * audit.interval));
  return every < 2 || (audit.round + std::hash<std::string>{}(check.id)) % every == 0;
}

bool holds(const ActualService& service, const std::string& check_id) {
  return std::any_of(service.checks.begin(), service.checks.end(),
                     [&](const ActualCheck& check) { return check.id == check_id; });
}

}  // namespace

Check as_reported(const Check& check) {
  Check out = check;
  out.output.clear();
  if (out.status.empty()) out.status = "critical";
  for (std::string_view left = check.output; !left.empty();) {
    const std::size_t length = utf8_length(left);
    const std::string_view character = length == 0 ? "?" : left.substr(0, length);
    if (out.output.size() + character.size() > kLongestOutput) break;
    out.output += character;
    left.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

Action make_report(const Service& service, const Check& said, std::string why) {
  Action action{Verb::ReportCheck, {}, said.id, std::move(why), Proof::Unproven, {}};
  action.service.id = service.id;
  action.service.name = service.name;
  action.service.checks = {said};
  return action;
}

Plan renew(Plan plan, const Desired& desired, const Actual& actual, const Audit& audit) {
  std::set<std::string> settled;  // services that another owner has, checks that this plan writes anyway
  for (const Conflict& conflict : plan.conflicts) settled.insert(conflict.service_id);
  for (const Action& action : plan.actions) settled.insert(action.check_id);
  auto held = actual.services.begin();
  for (const Service& service : desired.services) {
    held = std::find_if(held, actual.services.end(), [&](const auto& each) { return each.id >= service.id; });
    if (held == actual.services.end()) break;
    if (held->id != service.id || settled.contains(service.id)) continue;
    for (const Check& check : service.checks) {
      if (!check.reported || settled.contains(check.id) || !holds(*held, check.id) || !is_due(check, audit)) continue;
      plan.actions.push_back(make_report(service, as_reported(check), "renewed"));
    }
  }
  return plan;
}

}  // namespace muster
