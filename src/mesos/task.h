// One Mesos task while its JSON is being read, and the Instance that becomes of it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/instance.h"
#include "muster/rules.h"

namespace muster::mesos {

// What a task state says of the process behind it.
enum class Phase : std::uint8_t {
  Pending,   // STAGING, STARTING: not yet
  Running,   // RUNNING
  Draining,  // KILLING: runs, and should get no more work
  Ended,     // FINISHED, FAILED, KILLED, ERROR, DROPPED, GONE
  Lost,      // LOST, UNREACHABLE, UNKNOWN, GONE_BY_OPERATOR, or a word that we do not know: no proof of anything
};

Phase phase_of(std::string_view state);

struct StatusDraft {
  std::string state;
  double timestamp = 0;
  std::optional<bool> healthy;
  std::vector<Address> networks;
  std::string mesos_ip;
  std::string docker_ip;
};

// Fields may come in any order; `reset` before each task keeps the memory.
class TaskDraft {
 public:
  std::string framework;
  std::string agent;
  std::string state;
  std::string resource_ports;  // "[31000-31001, 31005-31005]"
  Instance instance;           // id, name, labels, discovery ports

  void reset();
  void reject(Reason reason, std::string detail);
  void add_label(Label label, bool sound);
  // `number`: nothing when there was none. A port that cannot be keeps its place with number 0: `-portN` counts it.
  void add_discovery_port(Port port, const std::optional<double>& number);
  void add_status(StatusDraft status);

  // Call once, at the end: fills addresses (without the host's), resource ports, health and draining, and completes the
  // rejections with the task's id.
  void finish(std::size_t most_ports);
  // Moves them to the end of `into`.
  void take_rejections(std::vector<Rejection>& into);

 private:
  void add_resource_ports(std::size_t most);

  StatusDraft running_;  // the TASK_RUNNING status of the greatest timestamp
  bool has_running_ = false;
  double health_time_ = 0;  // of the latest status that speaks of health
  std::vector<Rejection> rejections_;
};

// "a,b" -> a, b. Not trimmed, as mesos-consul does it; empty text gives nothing.
std::vector<std::string> split_tags(std::string_view text);

}  // namespace muster::mesos
