// What we know of the cluster over time: folds one read of /state after another into slices, and never takes a gap in
// a master's knowledge for the end of a task. Pure: time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesos/events.h"
#include "mesos/master.h"
#include "mesos/state.h"
#include "muster/result.h"
#include "muster/source.h"

namespace muster::mesos {

struct LedgerSettings {
  // How long a new leader may not know its agents yet: Mesos gives them agent_reregister_timeout, at least 10 minutes.
  std::chrono::milliseconds failover_grace{std::chrono::minutes(11)};
  // How long a task that is LOST, UNREACHABLE or the like keeps its last good instance.
  std::chrono::milliseconds lost_grace{std::chrono::minutes(10)};
  // Consecutive reads that could prove an absence and did not have the task before it leaves its slice. 1: the first.
  int misses_before_remove = 1;
};

struct Moment {
  std::chrono::steady_clock::time_point now;
  std::chrono::milliseconds elected_for{0};       // age of the leader's election; 0 when nobody can say
  std::chrono::steady_clock::time_point begun{};  // when the read was asked for
};

// Thread: one.
class Ledger {
 public:
  explicit Ledger(LedgerSettings settings);

  // The rules, from Mesos' behaviour after a failover (master.cpp, http.cpp, and a recorded one):
  // - an agent in `slaves` has told all its tasks: its host's slice is complete;
  // - an agent in `recovered_slaves`, or known and in neither list while the election is young, has said nothing yet:
  //   its host's slice is incomplete and holds the last good instances;
  // - an answer without any agent proves nothing at all, but for hosts all of whose tasks it lists as lost; one without
  // `recovered_slaves` (before Mesos 1.2) proves
  //   nothing while the election is young;
  // - agents none of which we know, by id or address, are those of another cluster, whatever its name: Fault::Keep, and
  //   nothing changes;
  // - a task that is listed as lost is doubtful until its grace has run out, also when we never saw it running;
  // - `masters` is the whole list of them: one that is no longer in it has ended, and none is held from before.
  // Slices that did not change are the same objects as before.
  // - what an event said of a task after the read was begun stands: the read may be older.
  Result<Update> fold(State state, const Masters& masters, const Moment& moment);

  // One event of the leader's stream. It changes what is known of one task on an agent that a read has told of, and
  // nothing else: whatever it leaves open makes wants_read() true. An end is explicit; LOST and the like are doubtful,
  // and keep the last good instance for their grace. Nothing runs after its end, and no health is taken from a status
  // that is older than the last one heard of the task: events that come so ask for a read.
  void hear(const Event& event, std::chrono::steady_clock::time_point now);
  // What was heard since the last call, as the slices of the hosts that it changed. Nothing: no slice is different.
  std::optional<Update> take_heard();
  // Something was heard that only a read can explain: of an agent, framework or task that we do not know.
  bool wants_read() const { return wants_read_; }
  // Whether reads may be rare now, since all changes to come would be told by events: every host is settled, no grace
  // runs, and no task was missed by one of the last reads (the breaker wants to see that more than once).
  bool calm(std::chrono::steady_clock::time_point now) const;

  // What is held of this agent's host, for the next decode; null: nothing.
  std::shared_ptr<const InstanceList> held(const std::string& agent) const;
  // Names of frameworks by id, for the next decode.
  const std::map<std::string, std::string, std::less<>>& groups() const { return groups_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct KnownAgent {
    Pid pid;
    Time last_seen{};
    std::uint64_t last_read = 0;
  };
  struct Staged {
    std::string framework;  // its id: tasks of two may have one id, and the two one name
    std::string body;
  };
  struct Heard {
    Time last{};
    bool over = false;  // an end was among it
  };
  struct Host {
    SlicePtr slice;
    std::map<std::string, int> misses;          // of carried tasks: reads that should have had them
    std::map<std::string, Time> lost_since;     // of tasks in a state that proves nothing, whether we knew them or not
    std::vector<std::string> masters;           // ids of the masters that it had, sorted
    std::map<std::string, Staged> staged{};     // tasks that do not run yet, as TASK_ADDED told them
    std::map<std::string, Heard> heard{};       // of tasks that an event spoke of
    std::map<std::string, double> status_at{};  // of running tasks: the time of the last status heard
  };
  // One host while a read is folded.
  struct Draft {
    Slice slice;
    std::vector<std::string> lost;
    std::vector<std::string> pending;
    std::vector<std::string> masters;
    bool spoken_for = false;  // an agent's word is in it, if only the word that it is gone
    bool settled = true;      // every agent that we know on it has spoken
  };
  using Drafts = std::map<std::string, Draft>;  // by ip

  bool another_cluster(const State& state) const;
  void note_election(const State& state, const Moment& moment);
  void add_registered(State& state, Drafts& drafts, Time now);
  void add_absent(State& state, Drafts& drafts, Time now);
  Domain domain_of(const State& state, const Drafts& drafts, Time now) const;
  SlicePtr settle(Host& host, Draft& draft, Time now) const;
  bool all_lost(const Host& host, const Draft& draft, Time now) const;
  void doubt(Host& host, Draft& draft, Time now) const;
  bool carries(Host& host, const Draft& draft, const std::string& id) const;
  // ledger_events.cc
  struct Said;  // an event of a task, and whom it is about
  enum class Word : std::uint8_t { Runs, Doubtful, Ended };
  void hear_task(const Event& event, Time now);
  bool shares_name(const std::string& group) const;
  void take_status(const Said& said, Instance& instance);
  void on_running(const Said& said);
  void on_pending(const Said& said);
  void on_ended(const Said& said);
  void on_lost(const Said& said);
  void put(const Said& said, const std::optional<Instance>& instance, Word word);
  static void keep_newer(const Host& host, Draft& draft, Time begun);
  static void forget_heard(Host& host, const Draft& draft, Time begun);
  static bool missed_any(const Slice& before, const Slice& after);
  void note_open(const Host& host, Time now);

  LedgerSettings settings_;
  std::map<std::string, KnownAgent> agents_;  // by agent id
  std::map<std::string, Host> hosts_;         // by ip
  std::map<std::string, std::string, std::less<>> groups_;
  double elected_time_ = 0;
  Time elected_seen_{};  // when we first read of this election
  Time first_read_{};
  std::uint64_t reads_ = 0;
  bool young_ = true;  // the election, at the present read
  bool blind_ = true;  // the present read proves no absence
  bool wants_read_ = false;
  bool unsettled_ = true;  // the last read left something open
  Time absent_until_{};    // until then, and in so many reads more, a task that one has missed is looked for
  int absent_reads_ = 0;
  std::set<std::string> changed_;  // ips of hosts that events have changed
  std::vector<Rejection> heard_rejections_;
};

}  // namespace muster::mesos
