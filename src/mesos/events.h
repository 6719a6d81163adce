// The events of a master's v1 operator API (POST /api/v1 SUBSCRIBE). Pure: bytes in, values out.
//
// Facts of master.cpp and a recorded stream of Mesos 1.12: TASK_UPDATED holds {framework_id, status, state}, and
// `state` may be newer than status.state; agents that become unreachable, or never return after a failover, send no
// AGENT_REMOVED; there is no TASK_REMOVED; changes of health come as TASK_UPDATED of an unchanged state.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesos/record_io.h"
#include "mesos/state.h"
#include "muster/result.h"

namespace muster::mesos {

enum class EventKind : std::uint8_t {
  Subscribed,
  Heartbeat,
  TaskAdded,
  TaskUpdated,
  AgentAdded,
  AgentRemoved,
  FrameworkNamed,  // FRAMEWORK_ADDED, FRAMEWORK_UPDATED
  FrameworkRemoved,
  Unknown,  // of a type that we do not know: `type`
  Unread,   // of a known type, without what we need of it, too large to be kept or nested too deep: `problem`
};

struct Event {
  EventKind kind = EventKind::Unknown;
  std::string type;
  std::string problem;
  std::string framework;
  std::string framework_name;
  std::string agent;
  std::string task;
  std::string state;            // of the task
  std::optional<bool> healthy;  // TASK_UPDATED: what its status says
  std::string body;             // TASK_ADDED: the task as /state spells it; TASK_UPDATED: its status likewise
  std::chrono::milliseconds heartbeat{0};  // SUBSCRIBED: time between two; 0: the master sends none (before 1.5)
  double status_time = 0;  // TASK_UPDATED: seconds since the epoch, by the clock of whom the status is of; 0: not told
};

// Error (Fault::Retry): the record is no JSON object, so the framing cannot be trusted. The snapshot in SUBSCRIBED is
// not read: only /state is taken for the whole.
Result<Event> decode_event(const Record& record);

// `task` in the state of `status`, whose JSON is added to its statuses (both from events; `status` may be empty).
std::string with_status(const std::string& task, const std::string& state, const std::string& status);

// A task of an event, read as one of /state on that agent. Nothing: it does not run in the state that it has.
std::optional<Instance> decode_task(const std::string& task, const std::string& agent, const Pid& pid,
                                    const std::string& framework, const std::string& group,
                                    std::vector<Rejection>& rejections);

}  // namespace muster::mesos
