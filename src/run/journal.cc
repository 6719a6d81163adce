#include "run/journal.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "core/plan_text.h"
#include "log/log.h"

namespace muster::run {
namespace {

constexpr std::size_t kMostRemembered = 65536;  // events alone add to what was said; beyond that all is said anew

// Says each thing once for as long as it holds: a remark that was made last time as well is not repeated. What is said
// of a part (`part`) takes nothing back.
class Once {
 public:
  explicit Once(std::vector<std::uint64_t>& told, bool part = false) : told_(told) {
    if (part && told.size() < kMostRemembered) now_.insert(told.begin(), told.end());
  }
  ~Once() { told_.assign(now_.begin(), now_.end()); }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  bool fresh(const std::string& remark) {
    const std::uint64_t hash = std::hash<std::string>{}(remark);
    return now_.insert(hash).second && !std::binary_search(told_.begin(), told_.end(), hash);
  }

 private:
  std::vector<std::uint64_t>& told_;
  std::set<std::uint64_t> now_;
};

void tell_rejections(Once& once, const std::vector<Rejection>& rejections, const std::string& where) {
  for (const Rejection& each : rejections) {
    const std::string reason(to_string(each.reason));
    if (!once.fresh("rejected " + reason + each.instance + each.detail)) continue;
    log::warn("skipped", {{"where", where}, {"reason", reason}, {"instance", each.instance}, {"detail", each.detail}});
  }
}

void tell_done(const Report& report) {
  for (const Action& action : report.applied.done) {
    log::info(to_string(action.verb), {{"agent", report.agent.url},
                                       {"service", action.service.name},
                                       {"id", action.service.id},
                                       {"why", action.why}});
  }
}

void tell_failures(Once& once, const Report& report) {
  for (const Failure& failure : report.applied.failures) {
    // Of the agent as a whole: told as its failure.
    if (failure.service_id.empty() && failure.error.fault != Fault::Item) continue;
    if (!once.fresh("failed " + failure.service_id + failure.error.message)) continue;
    log::warn("refused", {{"agent", report.agent.url}, {"id", failure.service_id}, {"error", failure.error.message}});
  }
}

// One line a reason and agent, whatever the number: a wave of thousands must not drown the log. "pending" lasts for
// milliseconds and is not told. `printed`: a dry run's plan is shown whole on stdout.
void tell_held(Once& once, const Report& report, bool printed) {
  std::map<std::string, std::vector<const Held*>> by_reason;
  for (const Held& held : report.plan.held) by_reason[held.reason].push_back(&held);
  for (const auto& [reason, all] : by_reason) {
    if (reason == "pending" || (printed && reason == "dry-run")) continue;
    std::string remark = "held " + reason;
    for (const Held* held : all) remark += " " + held->action.service.id + std::string(to_string(held->action.verb));
    if (!once.fresh(remark)) continue;
    const Action& first = all.front()->action;
    log::info("held", {{"agent", report.agent.url},
                       {"reason", reason},
                       {"count", std::to_string(all.size())},
                       {"action", std::string(to_string(first.verb))},
                       {"first", first.service.id},
                       {"why", first.why}});
  }
}

void tell_standing(Once& once, const Report& report) {
  for (const Remark& remark : report.remarks) {
    if (!once.fresh("remark " + remark.text)) continue;
    log::warn("agent",
              {{"agent", report.agent.url}, {"kind", std::string(to_string(remark.kind))}, {"remark", remark.text}});
  }
  for (const Conflict& conflict : report.plan.conflicts) {
    if (!once.fresh("conflict " + conflict.service_id + conflict.detail)) continue;
    log::warn("conflict", {{"agent", report.agent.url}, {"id", conflict.service_id}, {"detail", conflict.detail}});
  }
  for (const std::string& id : report.plan.stale) {
    if (!once.fresh("stale " + id)) continue;
    log::warn("stale", {{"agent", report.agent.url}, {"id", id}, {"detail", "unmarked, matches nothing; kept"}});
  }
  for (const std::string& id : report.plan.strays) {
    if (!once.fresh("stray " + id)) continue;
    log::warn("stray", {{"agent", report.agent.url}, {"id", id}, {"detail", "ours, under another prefix; kept"}});
  }
}

// The peer's failure, if there was one; refused items are told on their own.
std::string peer_error(const Report& report) {
  if (report.unreadable) return report.unreadable->message;
  for (const Failure& failure : report.applied.failures) {
    if (failure.error.fault != Fault::Item) return failure.error.message;
  }
  return "";
}

}  // namespace

Journal::Journal(std::vector<std::string> sources, bool keep_plans) : keep_plans_(keep_plans) {
  for (std::string& name : sources) sources_[std::move(name)];
}

void Journal::source(const std::string& name, const Result<Update>& answer) {
  const std::lock_guard lock(mutex_);
  SourceState& state = sources_[name];
  if (!answer) {
    if (state.error != answer.error().message)
      log::warn("source", {{"source", name}, {"error", answer.error().message}});
    state.error = answer.error().message;
    return;
  }
  if (!state.error.empty() || !state.answered) log::info("source", {{"source", name}, {"state", "answers"}});
  state.answered = true;
  state.error.clear();
  Once once(state.told, !answer->full);
  tell_rejections(once, answer->rejections, name);
}

void Journal::record(const Report& report) {
  const std::lock_guard lock(mutex_);
  AgentState& state = agents_[report.agent];
  std::string error = peer_error(report);
  if (!error.empty() && state.error.empty()) log::warn("agent", {{"agent", report.agent.url}, {"error", error}});
  if (error.empty() && !state.error.empty()) log::info("agent", {{"agent", report.agent.url}, {"state", "answers"}});
  state.error = std::move(error);
  state.failing = report.failed();
  state.blind = report.unreadable && report.unreadable->fault == Fault::Keep;
  if (report.unreadable) return;  // what stood before still stands

  tell_done(report);
  {
    Once once(state.told);
    tell_rejections(once, report.rejections, report.agent.url);
    tell_failures(once, report);
    tell_held(once, report, keep_plans_);
    tell_standing(once, report);
  }
  state.conflicts = report.plan.conflicts.size();
  state.held.clear();
  for (const Held& held : report.plan.held) ++state.held[held.reason];
  state.remarks = report.remarks;
  if (keep_plans_) state.plan = plan_text(report.agent, report.plan);
}

void Journal::forget(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  agents_.erase(agent);
}

void Journal::search(const std::string& error) {
  const std::lock_guard lock(mutex_);
  if (!error.empty() && search_error_.empty()) log::warn("search", {{"error", error}});
  search_error_ = error;
}

bool Journal::failing(const AgentKey& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  return found != agents_.end() && !found->second.error.empty();
}

Journal::Totals Journal::totals() const {
  const std::lock_guard lock(mutex_);
  Totals out;
  out.agents = agents_.size();
  for (const auto& [agent, state] : agents_) {
    if (state.failing) ++out.failing;
    out.conflicts += state.conflicts;
    if (state.blind) ++out.blind;
    for (const Remark& remark : state.remarks) ++out.remarks[std::string(to_string(remark.kind))];
    for (const auto& [reason, count] : state.held) out.held[reason] += count;
  }
  return out;
}

web::Readiness Journal::readiness() const {
  const Totals sums = totals();
  web::Readiness out{true, {}};
  const std::lock_guard lock(mutex_);
  for (const auto& [name, state] : sources_) {
    if (state.answered && state.error.empty()) continue;
    out.ready = false;
    out.details.push_back("source " + name + ": " + (state.error.empty() ? "has not answered yet" : state.error));
  }
  if (sums.agents > 0 && sums.failing == sums.agents) out.ready = false;
  if (sums.failing > 0) {
    out.details.push_back("agents failing: " + std::to_string(sums.failing) + " of " + std::to_string(sums.agents));
    for (const auto& [agent, state] : agents_) {
      if (state.error.empty()) continue;
      out.details.push_back("agent " + agent.url + ": " + state.error);
      if (out.details.size() > 20) break;
    }
  }
  for (const auto& [agent, state] : agents_) {
    for (const Remark& remark : state.remarks) {
      if (out.details.size() <= 40) out.details.push_back(remark.text);
    }
  }
  if (!search_error_.empty()) out.details.push_back("search for orphans: " + search_error_);
  for (const auto& [reason, count] : sums.held) out.details.push_back("held: " + std::to_string(count) + " " + reason);
  if (sums.conflicts > 0) out.details.push_back("conflicts: " + std::to_string(sums.conflicts));
  return out;
}

std::string Journal::plans() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [agent, state] : agents_) out += state.plan;
  return out;
}

}  // namespace muster::run
