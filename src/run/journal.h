// What is told to people of all that happens: one log line a change, nothing when nothing changes.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "muster/result.h"
#include "muster/source.h"
#include "run/report.h"
#include "web/server.h"

namespace muster::run {

// Thread: every member may be called from any thread.
class Journal {
 public:
  // `sources` are those that must have answered before muster is ready. `keep_plans`: for --once --dry-run.
  Journal(std::vector<std::string> sources, bool keep_plans);

  void source(const std::string& name, const Result<Update>& answer);
  void record(const Report& report);
  void forget(const AgentKey& agent);
  // How the last search for agents that no source mentions went; empty: well.
  void search(const std::string& error);

  struct Totals {
    std::size_t agents = 0;   // that were visited
    std::size_t failing = 0;  // whose last run failed, wholly or in part
    std::size_t conflicts = 0;
    std::size_t blind = 0;
    std::map<std::string, std::size_t> held;     // by reason
    std::map<std::string, std::size_t> remarks;  // agents by RemarkKind
  };
  Totals totals() const;
  bool failing(const AgentKey& agent) const;
  web::Readiness readiness() const;
  std::string plans() const;  // plan_text of every agent, sorted

 private:
  using Told = std::vector<std::uint64_t>;  // sorted hashes of what has been said and still holds

  struct SourceState {
    bool answered = false;
    std::string error;  // of the last answer; empty: it was good
    Told told;
  };
  struct AgentState {
    bool failing = false;
    std::string error;  // while it cannot be read or written
    std::size_t conflicts = 0;
    bool blind = false;  // it answers, and cannot be believed
    std::map<std::string, std::size_t> held;
    std::vector<Remark> remarks;
    Told told;
    std::string plan;
  };

  const bool keep_plans_;
  mutable std::mutex mutex_;
  std::string search_error_;
  std::map<std::string, SourceState> sources_;
  std::map<AgentKey, AgentState> agents_;
};

}  // namespace muster::run
