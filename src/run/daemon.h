// The parts put together: sources feed the board, the board marks agents, workers make them true.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "consul/watch.h"
#include "muster/agent.h"
#include "muster/rules.h"
#include "muster/source.h"
#include "run/audits.h"
#include "run/board.h"
#include "run/guard.h"
#include "run/journal.h"
#include "run/lock.h"
#include "run/opening.h"
#include "run/queue.h"
#include "run/reconciler.h"
#include "run/settings.h"
#include "run/signals.h"
#include "run/workers.h"

namespace muster::run {

struct NamedSource {
  std::string name;
  std::unique_ptr<Source> source;
};

// What the daemon is made of; everything that differs between a test and the real program.
struct Parts {
  RunSettings settings;
  std::vector<NamedSource> sources;
  Resolver resolver;
  // One a worker thread; `serves` tells whether an agent serves any host now.
  std::function<std::unique_ptr<Agents>(std::function<bool(const AgentKey&)> serves)> make_agents;
  std::shared_ptr<const Rules> rules;
  GuardPolicy policy;
  std::shared_ptr<Lock> lock;  // null: this muster always acts. A dry run never takes it
  // The agents on which this owner's canary stands, asked of one of `ask`. May be empty: no search.
  std::function<Result<std::vector<AgentKey>>(const std::vector<AgentKey>& ask, std::stop_token stop)> find_agents;
  std::unique_ptr<consul::Watch> watch;  // null: loss is left to the audit
  // SIGHUP: rules and tokens read again. On an error the old ones stay in force.
  std::function<Result<std::shared_ptr<const Rules>>()> reload;
  // After every report and every answer of a source, for metrics. Any thread.
  std::function<void(const Report&)> on_report;
  std::function<void(const std::string& source, const Result<Update>&, std::size_t instances)> on_answer;
  std::function<void(bool succeeded)> on_reload;
};

class Daemon {
 public:
  explicit Daemon(Parts parts);
  ~Daemon();

  // Until SIGTERM or SIGINT, which leave every service registered; exit code 0.
  int run(Signals& signals);
  // One pass over everything. Exit code: 0 converged, 1 something failed, 3 held or still different.
  int run_once(Signals& signals);

  // Any thread, any time.
  web::Readiness readiness() const;
  bool holds_lock() const { return parts_.lock != nullptr && parts_.lock->may_write(); }
  Journal::Totals totals() const { return journal_.totals(); }
  AgentQueue::Depth depth() const { return queue_.depth(); }
  // Agents, as muster_watch_agents counts them.
  std::map<std::string, std::size_t> watched() const;
  std::string plans() const { return journal_.plans(); }

 private:
  void feed(const NamedSource& source, std::stop_token stop);
  bool feed_once(const NamedSource& source, std::stop_token stop);
  void post(const std::string& name, const Update& update);
  void audit(std::stop_token stop);
  void watch(std::stop_token stop);
  void follow();
  // Whether anything was found.
  Result<bool> search(const std::stop_token& stop);
  void reload();
  void drop(const AgentKey& agent);
  void confirm();
  std::jthread hold_lock();    // while it runs; nothing to run without --lock
  std::jthread end_opening();  // nothing to run with a single source
  void mark(const std::vector<AgentKey>& agents);
  void queue(const std::vector<AgentKey>& agents);
  void report(const Report& report);

  Parts parts_;
  Board board_;
  AgentQueue queue_;
  RulesInForce rules_;
  Guard guard_;
  Audits audits_;
  Journal journal_;
  Opening opening_;
  Workers workers_;
  std::atomic<std::size_t> unwatched_{0};
};

}  // namespace muster::run
