#include "web/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <thread>

#include "support/folder.h"
#include "support/process.h"

namespace muster::web {
namespace {

using Seconds = std::chrono::seconds;

const std::chrono::system_clock::time_point kNow{Seconds(1'700'000'000)};

// The value of one series, as it is printed; empty when there is none.
std::string value(const Metrics& metrics, const std::string& series) {
  std::istringstream lines(metrics.render());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  }
  return "";
}

std::size_t series_count(const Metrics& metrics) {
  const std::string text = metrics.render();
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) count += line.starts_with('#') ? 0 : 1;
  return count;
}

Action action(Verb verb, const std::string& id) {
  Action made;
  made.verb = verb;
  made.service.id = id;
  return made;
}

struct Example {
  Plan plan;
  Applied applied;
  std::vector<Rejection> rejections;
  std::optional<Error> unreadable;
  Run run(std::chrono::nanoseconds duration = std::chrono::milliseconds(30)) const {
    return {plan, applied, rejections, unreadable, duration};
  }
};

TEST(Metrics, EverySeriesExistsFromTheStart) {
  const Metrics metrics("1.2.3", {"mesos", "nomad"});
  EXPECT_EQ(value(metrics, "muster_build_info{version=\"1.2.3\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_source_updates_total{result=\"error\",source=\"nomad\"}"), "0");
  EXPECT_EQ(value(metrics, "muster_agents"), "0");
  const std::string text = metrics.render();
  for (const MetricInfo& info : metric_table()) {
    EXPECT_NE(text.find("# TYPE " + info.name + " " + info.type + "\n"), std::string::npos) << info.name;
    EXPECT_NE(text.find("# HELP " + info.name + " " + info.help + "\n"), std::string::npos) << info.name;
  }
}

TEST(Metrics, ASourcesAnswersAndFailuresAreCounted) {
  Metrics metrics("1", {"mesos"});
  Update update;
  update.rejections = {{Reason::NoName, "a", ""}, {Reason::NoName, "b", ""}, {Reason::BadLabel, "c", ""}};
  metrics.source_answered("mesos", update, 42, kNow);
  metrics.source_answered("mesos", fail(Fault::Retry, "refused"), 42, kNow + Seconds(10));
  EXPECT_EQ(value(metrics, "muster_source_updates_total{result=\"ok\",source=\"mesos\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_source_updates_total{result=\"error\",source=\"mesos\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_source_last_success_timestamp_seconds{source=\"mesos\"}"), "1700000000");
  EXPECT_EQ(value(metrics, "muster_source_instances{source=\"mesos\"}"), "42");
  EXPECT_EQ(value(metrics, "muster_source_skipped_total{reason=\"no_name\",source=\"mesos\"}"), "2");
  EXPECT_EQ(value(metrics, "muster_source_skipped_total{reason=\"bad_label\",source=\"mesos\"}"), "1");
}

TEST(Metrics, ARunCountsItsPlanItsWritesAndItsRefusals) {
  Metrics metrics("1", {});
  Example example;
  example.plan.actions = {action(Verb::Register, "a"), action(Verb::Register, "b"), action(Verb::Deregister, "c")};
  example.applied.done = {example.plan.actions[0], example.plan.actions[2]};
  example.applied.failures = {{"b", {Fault::Item, "400"}}};
  example.rejections = {{Reason::ScriptCheck, "a", ""}};
  metrics.reconciled(example.run());
  EXPECT_EQ(value(metrics, "muster_plan_actions_total{verb=\"register\"}"), "2");
  EXPECT_EQ(value(metrics, "muster_consul_writes_total{result=\"ok\",verb=\"register\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_consul_writes_total{result=\"refused\",verb=\"register\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_consul_writes_total{result=\"ok\",verb=\"deregister\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_agent_requests_failed_total{kind=\"refused\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_rules_rejections_total{reason=\"script_check\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_agent_reconciles_total{result=\"refused\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_reconcile_duration_seconds_count"), "1");
  EXPECT_EQ(value(metrics, "muster_reconcile_duration_seconds_bucket{le=\"0.025\"}"), "0");
  EXPECT_EQ(value(metrics, "muster_reconcile_duration_seconds_bucket{le=\"0.05\"}"), "1");
}

TEST(Metrics, ARunIsCountedUnderTheWorstThatHappened) {
  Metrics metrics("1", {});
  Example equal;
  metrics.reconciled(equal.run());
  Example changed;
  changed.plan.actions = {action(Verb::Update, "a")};
  changed.applied.done = changed.plan.actions;
  metrics.reconciled(changed.run());
  Example held = changed;
  held.plan.held = {{action(Verb::Deregister, "x"), "unproven"}};
  metrics.reconciled(held.run());
  Example failed = held;
  failed.applied.done.clear();
  failed.applied.failures = {{"a", {Fault::Retry, "timed out"}}};
  metrics.reconciled(failed.run());
  Example unreadable;
  unreadable.unreadable = Error{Fault::Retry, "refused"};
  metrics.reconciled(unreadable.run());
  for (const char* result : {"equal", "changed", "held", "failed", "unreadable"}) {
    EXPECT_EQ(value(metrics, "muster_agent_reconciles_total{result=\"" + std::string(result) + "\"}"), "1") << result;
  }
  EXPECT_EQ(value(metrics, "muster_consul_writes_total{result=\"failed\",verb=\"update\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_agent_requests_failed_total{kind=\"write\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_agent_requests_failed_total{kind=\"read\"}"), "1");
}

TEST(Metrics, TheStateIsAGaugeThatFallsAgain) {
  Metrics metrics("1", {});
  State state;
  state.agents = 3;
  state.failing = 1;
  state.conflicts = 2;
  state.held = {{"unproven", 4}, {"a reason of tomorrow", 5}, {"another", 6}};
  state.queue_retry = 1;
  state.watch = {{"answering", 2}, {"silent", 1}};
  metrics.set_state(state);
  EXPECT_EQ(value(metrics, "muster_watch_agents{state=\"answering\"}"), "2");
  EXPECT_EQ(value(metrics, "muster_watch_agents{state=\"left_out\"}"), "0");
  EXPECT_EQ(value(metrics, "muster_agents"), "3");
  EXPECT_EQ(value(metrics, "muster_agent_failing"), "1");
  EXPECT_EQ(value(metrics, "muster_plan_conflicts"), "2");
  EXPECT_EQ(value(metrics, "muster_plan_held{reason=\"unproven\"}"), "4");
  EXPECT_EQ(value(metrics, "muster_plan_held{reason=\"other\"}"), "11");
  EXPECT_EQ(value(metrics, "muster_queue_depth{lane=\"retry\"}"), "1");
  metrics.set_state({});
  EXPECT_EQ(value(metrics, "muster_plan_held{reason=\"unproven\"}"), "0");
  EXPECT_EQ(value(metrics, "muster_plan_held{reason=\"other\"}"), "0");
}

TEST(Metrics, UnknownLabelValuesAddNoSeries) {
  Metrics metrics("1", {"mesos"});
  const std::size_t before = series_count(metrics);
  for (int i = 0; i < 100; ++i) {
    metrics.source_answered("source-" + std::to_string(i), Update{}, 1, kNow);
    State state;
    state.held = {{"reason-" + std::to_string(i), 1}};
    metrics.set_state(state);
  }
  EXPECT_EQ(series_count(metrics), before);
}

TEST(Metrics, ReloadsAreCountedByResult) {
  Metrics metrics("1", {});
  metrics.reloaded(true);
  metrics.reloaded(false);
  metrics.reloaded(false);
  EXPECT_EQ(value(metrics, "muster_reload_total{result=\"ok\"}"), "1");
  EXPECT_EQ(value(metrics, "muster_reload_total{result=\"error\"}"), "2");
}

TEST(Metrics, ManyThreadsCountWithoutLoss) {
  Metrics metrics("1", {"mesos"});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) metrics.reconciled(Example{}.run());
        EXPECT_FALSE(metrics.render().empty());
      });
    }
  }
  EXPECT_EQ(value(metrics, "muster_agent_reconciles_total{result=\"equal\"}"), "2000");
}

TEST(Metrics, NamesAreUniqueAndFollowTheConvention) {
  std::set<std::string> names;
  for (const MetricInfo& info : metric_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(info.name.starts_with("muster_")) << info.name;
    EXPECT_EQ(info.name.ends_with("_total"), info.type == "counter") << info.name;
    EXPECT_FALSE(info.help.empty() || info.help.ends_with('.')) << info.name;
  }
}

TEST(Metrics, PromtoolFindsNothingToComplainAbout) {
  const std::string promtool = support::find_program("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is not on PATH (Debian package prometheus)";
  const Metrics metrics("1.2.3", {"mesos"});
  const support::Folder folder;
  const std::string file = folder.write("metrics.txt", metrics.render());
  const auto checked = support::run({.argv = {"sh", "-c", promtool + " check metrics < " + file}});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(checked.out + checked.err, "");
}

}  // namespace
}  // namespace muster::web
