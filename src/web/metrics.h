// What muster tells Prometheus. The only file pair that includes prometheus-cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/agent.h"
#include "muster/plan.h"
#include "muster/result.h"
#include "muster/source.h"

namespace muster::web {

struct LabelInfo {
  std::string name;
  std::vector<std::string> values;  // all that it can take; empty: settled at start (source, version)
};

struct MetricInfo {
  std::string name;
  std::string type;  // "counter", "gauge" or "histogram"
  std::vector<LabelInfo> labels;
  std::string help;  // one sentence, no trailing period
};

// Every metric. The registry is built from it, and docs/metrics.md is tested against it.
const std::vector<MetricInfo>& metric_table();

// One run over one agent; the caller keeps what is pointed to.
struct Run {
  const Plan& plan;  // after the guard
  const Applied& applied;
  const std::vector<Rejection>& rejections;
  const std::optional<Error>& unreadable;
  std::chrono::nanoseconds duration;
};

// The state of the whole at one moment.
struct State {
  std::size_t agents = 0;
  std::size_t failing = 0;
  std::size_t conflicts = 0;
  std::size_t blind = 0;
  std::map<std::string, std::size_t> held;     // by reason
  std::map<std::string, std::size_t> remarks;  // agents by RemarkKind
  std::size_t queue_main = 0;
  std::size_t queue_retry = 0;
  std::size_t queue_busy = 0;
  bool lock_held = false;
  std::map<std::string, std::size_t> watch{};  // agents by how they are watched: the values of muster_watch_agents
};

// Every series exists, at 0, from the start, and no other ever comes: a label value that is not in the table counts as
// "other", or nowhere where the table has no "other".
// Thread: every member may be called from any thread.
class Metrics {
 public:
  Metrics(const std::string& version, const std::vector<std::string>& sources);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `instances`: how many the source's good knowledge holds now.
  void source_answered(const std::string& source, const Result<Update>& answer, std::size_t instances,
                       std::chrono::system_clock::time_point now);
  void reconciled(const Run& run);
  void reloaded(bool succeeded);
  void set_state(const State& state);

  // Prometheus text format 0.0.4.
  std::string render() const;

 private:
  struct Registry;
  using Labels = std::initializer_list<std::string_view>;  // values, in the order of the table
  void add(std::string_view metric, Labels labels, double value = 1);
  void set(std::string_view metric, Labels labels, double value);
  void set_each(std::string_view metric, const std::map<std::string, std::size_t>& counts);

  std::unique_ptr<Registry> registry_;
};

}  // namespace muster::web
