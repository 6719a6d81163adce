// GET /state of a Mesos master, bytes in, values out: what runs on which agent, as far as this master knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesos/master.h"
#include "muster/result.h"
#include "muster/rules.h"
#include "muster/slice.h"

namespace muster::mesos {

struct MasterInfo {
  std::string version;
  std::string id;  // changes at every failover: identifies nothing
  std::string cluster;
  std::string pid;     // of the master that answered
  std::string leader;  // pid of the leader, as that master sees it
  std::string hostname;
  double elected_time = 0;        // seconds since the epoch, by the master's clock; 0: not told, or not elected
  double unreachable_agents = 0;  // agents that the registry lists and nothing else here does
  friend bool operator==(const MasterInfo&, const MasterInfo&) = default;
};

// A registered agent (`slaves`).
struct AgentInfo {
  std::string id;
  std::string hostname;
  std::optional<Pid> pid;  // nothing: not an address, see the rejection
  double registered = 0;   // seconds since the epoch; 0: not told
  double reregistered = 0;
  bool active = true;
  friend bool operator==(const AgentInfo&, const AgentInfo&) = default;
};

// An agent that the registry knows and that has not come back since the failover. Its tasks are nowhere in the answer.
struct RecoveredAgent {
  std::string id;
  std::string hostname;
  friend bool operator==(const RecoveredAgent&, const RecoveredAgent&) = default;
};

// The tasks of one agent, by what their state means.
struct AgentTasks {
  InstanceList running;  // TASK_RUNNING, and TASK_KILLING as draining; not sealed yet
  // FINISHED, FAILED, KILLED, ERROR, DROPPED, GONE. Of completed tasks only those that are in `held`, or all where
  // there is none: masters list them by the ten thousand, read after read.
  std::vector<std::string> ended;
  std::vector<std::string> lost;     // LOST, UNREACHABLE, UNKNOWN, GONE_BY_OPERATOR: may run, and may come back
  std::vector<std::string> pending;  // STAGING, STARTING; and those whose framework's name nobody knows
  bool whole = true;                 // false: a task here could not be read, so that an absence proves nothing
  std::shared_ptr<const InstanceList> held{};  // of its host before this read; null: nothing
};

struct State {
  MasterInfo master;
  std::vector<AgentInfo> agents;
  std::optional<std::vector<RecoveredAgent>> recovered;    // nothing: the master is older than 1.2 and cannot say
  std::map<std::string, AgentTasks, std::less<>> tasks;    // by agent id; of agents in `agents` and others
  std::map<std::string, std::string, std::less<>> groups;  // framework id -> name
  std::vector<Rejection> rejections;
  bool whole = true;  // false: an item could not be placed on any agent
};

struct StateLimits {
  std::size_t document = std::size_t{1} << 30;  // bytes
  std::size_t token = std::size_t{4} << 20;     // bytes of one string, number or run of blanks
  std::size_t depth = 64;
  std::size_t ports = 1000;        // of one task; the rest is rejected
  std::size_t rejections = 10000;  // kept; the rest is skipped all the same
};

// Fills the buffer with at least one byte; 0 at the end of the document.
using Pull = std::function<Result<std::size_t>(char* into, std::size_t size)>;

// What is held already of an agent's host, sealed; null: nothing.
using Held = std::function<std::shared_ptr<const InstanceList>(const std::string& agent)>;

// Reads to the end of the document. A bad task, agent, port or label is a rejection and costs only itself. Error: the
// pull's own, or Fault::Keep when the document is cut short, not JSON, over a limit, or not the state of a master.
// `groups`: names of frameworks known from earlier, for orphan tasks of old masters. `held` may be empty: what did not
// change since costs no memory beside it.
// Memory: the values kept plus 64 KiB, whatever the size of the document.
Result<State> decode_state(const Pull& pull, const std::map<std::string, std::string, std::less<>>& groups = {},
                           const StateLimits& limits = {}, const Held& held = {});
Result<State> decode_state(std::string_view document,
                           const std::map<std::string, std::string, std::less<>>& groups = {},
                           const StateLimits& limits = {}, const Held& held = {});

}  // namespace muster::mesos
