#include <string_view>

#include "web/metrics.h"

namespace muster::web {
namespace {

template <typename Enum>
std::vector<std::string> values_to(Enum last) {
  std::vector<std::string> values;
  for (int value = 0; value <= static_cast<int>(last); ++value)
    values.emplace_back(to_string(static_cast<Enum>(value)));
  return values;
}

LabelInfo source() { return {"source", {}}; }
LabelInfo reason() { return {"reason", values_to(Reason::NoAddress)}; }
LabelInfo verb() { return {"verb", values_to(Verb::Deregister)}; }
LabelInfo ok_or_error() { return {"result", {"ok", "error"}}; }

}  // namespace

const std::vector<MetricInfo>& metric_table() {
  static const std::vector<MetricInfo> table{
      {"muster_build_info", "gauge", {{"version", {}}}, "Always 1; the version is in the label"},
      {"muster_source_updates_total",
       "counter",
       {source(), ok_or_error()},
       "Answers of a source, and its failures to answer"},
      {"muster_source_last_success_timestamp_seconds",
       "gauge",
       {source()},
       "When the source last answered, in seconds since 1970; 0 before the first answer"},
      {"muster_source_instances", "gauge", {source()}, "Instances that the source reports as running"},
      {"muster_source_skipped_total",
       "counter",
       {source(), reason()},
       "Items that could not be decoded and were left out or clipped, counted in every answer that holds them"},
      {"muster_rules_rejections_total",
       "counter",
       {reason()},
       "Items that the rules left out or clipped, counted in every run over their agent"},
      {"muster_plan_actions_total", "counter", {verb()}, "Actions that were planned and allowed"},
      {"muster_plan_held",
       "gauge",
       {{"reason",
         {"dry-run", "unproven", "pending", "standby", "breaker", "foreign", "canary", "elsewhere", "live-agent",
          "other"}}},
       "Actions that are held back now"},
      {"muster_plan_conflicts", "gauge", {}, "Services of others that stand where one of ours should be"},
      {"muster_agents", "gauge", {}, "Consul agents that muster keeps true"},
      {"muster_agent_failing", "gauge", {}, "Consul agents whose last run failed, wholly or in part"},
      {"muster_agents_blind",
       "gauge",
       {},
       "Consul agents that answer and are not believed: nothing is planned for them"},
      {"muster_agent_remarks",
       "gauge",
       {{"kind", values_to(RemarkKind::Contested)}},
       "Consul agents that are not their host's, whose node the servers refuse, that do not tell who they are, that a "
       "host has in catalog mode, or whose services the servers' catalog does not keep"},
      {"muster_agent_reconciles_total",
       "counter",
       {{"result", {"equal", "changed", "held", "refused", "failed", "unreadable"}}},
       "Runs over one agent, by the worst that happened in them"},
      {"muster_agent_requests_failed_total",
       "counter",
       {{"kind", {"read", "write", "refused"}}},
       "Requests to Consul agents that failed: a read, a write that got no good answer, or an item that was refused"},
      {"muster_consul_writes_total",
       "counter",
       {verb(), {"result", {"ok", "refused", "failed"}}},
       "Write requests to Consul agents"},
      {"muster_queue_depth",
       "gauge",
       {{"lane", {"main", "retry", "busy"}}},
       "Consul agents that wait for a run, wait for another try after a failure, or are worked on"},
      {"muster_watch_agents",
       "gauge",
       {{"state", {"answering", "silent", "left_out"}}},
       "Consul agents whose changes are seen by long polls, which do not answer these now, or are left to the audit"},
      {"muster_reconcile_duration_seconds", "histogram", {}, "How long a run over one agent took"},
      {"muster_lock_held",
       "gauge",
       {},
       "1 while this muster holds the lock and acts; 0 for a standby, or without --lock"},
      {"muster_reload_total", "counter", {ok_or_error()}, "Reloads on SIGHUP"},
  };
  return table;
}

}  // namespace muster::web
