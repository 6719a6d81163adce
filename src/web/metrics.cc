#include "web/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>

#include "muster/guard.h"

namespace muster::web {
namespace {

// From a read that the agent's watch saved (under 1 ms) to the deadline of a dead agent (several seconds).
const std::vector<double> kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

using Values = std::vector<std::string>;  // of a metric's labels, in the table's order

std::string key_of(std::string_view metric, const Values& labels) {
  std::string key(metric);
  for (const std::string& label : labels) key.append(1, '\n').append(label);
  return key;
}

// The values of the one label that this metric has.
const Values& table_values(std::string_view metric) {
  const auto& table = metric_table();
  return std::find_if(table.begin(), table.end(), [&](const MetricInfo& info) { return info.name == metric; })
      ->labels[0]
      .values;
}

const char* result_of(const Run& run) {
  if (run.unreadable) return "unreadable";
  bool refused = false;
  for (const Failure& failure : run.applied.failures) {
    if (failure.error.fault != Fault::Item) return "failed";
    refused = true;
  }
  if (refused) return "refused";
  const bool waits = std::any_of(run.plan.held.begin(), run.plan.held.end(),
                                 [](const Held& held) { return held.reason != kHeldElsewhere; });
  if (waits || !run.plan.conflicts.empty()) return "held";
  return run.applied.done.empty() ? "equal" : "changed";
}

// A failure names its service; the plan knows what was tried with it.
std::string_view verb_of(const Failure& failure, const Plan& plan) {
  const auto action = std::find_if(plan.actions.begin(), plan.actions.end(),
                                   [&](const Action& each) { return each.service.id == failure.service_id; });
  return action == plan.actions.end() ? "other" : to_string(action->verb);
}

}  // namespace

// Filled in by the constructor and only read afterwards, so the maps need no lock; the series are atomic themselves.
struct Metrics::Registry {
  prometheus::Registry registry;
  std::map<std::string, prometheus::Counter*, std::less<>> counters;
  std::map<std::string, prometheus::Gauge*, std::less<>> gauges;
  prometheus::Histogram* duration = nullptr;

  void add_series(const MetricInfo& info, const Values& values) {
    prometheus::Labels labels;
    for (std::size_t i = 0; i < values.size(); ++i) labels[info.labels[i].name] = values[i];
    const std::string key = key_of(info.name, values);
    if (info.type == "counter") {
      counters[key] = &prometheus::BuildCounter().Name(info.name).Help(info.help).Register(registry).Add(labels);
    } else if (info.type == "gauge") {
      gauges[key] = &prometheus::BuildGauge().Name(info.name).Help(info.help).Register(registry).Add(labels);
    } else {
      duration = &prometheus::BuildHistogram().Name(info.name).Help(info.help).Register(registry).Add(labels, kBuckets);
    }
  }

  // One series for each combination of label values.
  void add_metric(const MetricInfo& info, const std::string& version, const std::vector<std::string>& sources) {
    std::vector<Values> combinations{{}};
    for (const LabelInfo& label : info.labels) {
      const Values settled = label.name == "source" ? sources : Values{version};
      std::vector<Values> longer;
      for (const Values& combination : combinations) {
        for (const std::string& value : label.values.empty() ? settled : label.values) {
          longer.push_back(combination);
          longer.back().push_back(value);
        }
      }
      combinations = std::move(longer);
    }
    for (const Values& combination : combinations) add_series(info, combination);
  }

  template <typename Series>
  static Series* find(const std::map<std::string, Series*, std::less<>>& series, std::string_view metric,
                      Values labels) {
    auto found = series.find(key_of(metric, labels));
    if (found == series.end() && !labels.empty()) {
      labels.back() = "other";
      found = series.find(key_of(metric, labels));
    }
    return found == series.end() ? nullptr : found->second;
  }
};

Metrics::Metrics(const std::string& version, const std::vector<std::string>& sources)
    : registry_(std::make_unique<Registry>()) {
  for (const MetricInfo& info : metric_table()) registry_->add_metric(info, version, sources);
  set("muster_build_info", {version}, 1);
}

Metrics::~Metrics() = default;

void Metrics::add(std::string_view metric, Labels labels, double value) {
  if (auto* counter = Registry::find(registry_->counters, metric, {labels.begin(), labels.end()})) {
    counter->Increment(value);
  }
}

void Metrics::set(std::string_view metric, Labels labels, double value) {
  if (auto* gauge = Registry::find(registry_->gauges, metric, {labels.begin(), labels.end()})) gauge->Set(value);
}

// Every value that the one label can take; 0 for those not counted.
void Metrics::set_each(std::string_view metric, const std::map<std::string, std::size_t>& counts) {
  for (const std::string& label : table_values(metric)) {
    const auto count = counts.find(label);
    set(metric, {label}, count == counts.end() ? 0 : static_cast<double>(count->second));
  }
}

void Metrics::source_answered(const std::string& source, const Result<Update>& answer, std::size_t instances,
                              std::chrono::system_clock::time_point now) {
  add("muster_source_updates_total", {source, answer ? "ok" : "error"});
  if (!answer) return;
  const std::chrono::duration<double> since = now.time_since_epoch();
  set("muster_source_last_success_timestamp_seconds", {source}, since.count());
  set("muster_source_instances", {source}, static_cast<double>(instances));
  for (const Rejection& each : answer->rejections) add("muster_source_skipped_total", {source, to_string(each.reason)});
}

void Metrics::reconciled(const Run& run) {
  add("muster_agent_reconciles_total", {result_of(run)});
  registry_->duration->Observe(std::chrono::duration<double>(run.duration).count());
  if (run.unreadable) add("muster_agent_requests_failed_total", {"read"});
  for (const Rejection& each : run.rejections) add("muster_rules_rejections_total", {to_string(each.reason)});
  for (const Action& each : run.plan.actions) add("muster_plan_actions_total", {to_string(each.verb)});
  for (const Action& each : run.applied.done) add("muster_consul_writes_total", {to_string(each.verb), "ok"});
  for (const Failure& each : run.applied.failures) {
    const bool refused = each.error.fault == Fault::Item;
    add("muster_agent_requests_failed_total", {refused ? "refused" : "write"});
    add("muster_consul_writes_total", {verb_of(each, run.plan), refused ? "refused" : "failed"});
  }
}

void Metrics::reloaded(bool succeeded) { add("muster_reload_total", {succeeded ? "ok" : "error"}); }

void Metrics::set_state(const State& state) {
  set("muster_agents", {}, static_cast<double>(state.agents));
  set("muster_agent_failing", {}, static_cast<double>(state.failing));
  set("muster_plan_conflicts", {}, static_cast<double>(state.conflicts));
  set("muster_agents_blind", {}, static_cast<double>(state.blind));
  set_each("muster_agent_remarks", state.remarks);
  set_each("muster_watch_agents", state.watch);
  set("muster_queue_depth", {"main"}, static_cast<double>(state.queue_main));
  set("muster_queue_depth", {"retry"}, static_cast<double>(state.queue_retry));
  set("muster_queue_depth", {"busy"}, static_cast<double>(state.queue_busy));
  set("muster_lock_held", {}, state.lock_held ? 1 : 0);
  std::map<std::string_view, std::size_t> held;
  const Values& reasons = table_values("muster_plan_held");
  for (const std::string& reason : reasons) held[reason] = 0;
  for (const auto& [reason, count] : state.held) {
    held[std::find(reasons.begin(), reasons.end(), reason) == reasons.end() ? "other" : std::string_view(reason)] +=
        count;
  }
  for (const auto& [reason, count] : held) set("muster_plan_held", {reason}, static_cast<double>(count));
}

std::string Metrics::render() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, registry_->registry.Collect());
  return out.str();
}

}  // namespace muster::web
