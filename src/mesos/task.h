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

inline constexpr std::size_t kMostMappings = 256;  // of a task; more say nothing new

// NetworkInfo.PortMapping and DockerInfo.PortMapping, as sent.
struct MappingDraft {
  std::optional<double> host;
  std::optional<double> container;
  std::string protocol;  // "tcp", "udp" or empty
};

struct StatusDraft {
  std::string state;
  double timestamp = 0;
  std::optional<bool> healthy;
  std::vector<Address> networks;
  std::vector<MappingDraft> mappings;
  std::string mesos_ip;
  std::string docker_ip;
};

// HealthCheck, as sent; what was not keeps the defaults of mesos.proto (src/v1/mesos.proto, HealthCheck).
struct HealthDraft {
  std::string type;  // "HTTP", "TCP", "COMMAND"; empty: masters before 1.1, told by which of the others is there
  std::string scheme;
  std::string path;
  std::optional<double> http_port;
  std::optional<double> tcp_port;
  double interval = 10;  // seconds
  double timeout = 20;
  double failures = 3;  // in a row, before the task counts as failed
};

// Consul's checks that do what this health check does: none, or one without an id. Ports are written `{port:N}`, N in
// the container's own network: the rules put in what is reachable from outside. None of a COMMAND: only Mesos can run
// it.
std::vector<Check> make_checks(const HealthDraft& health);

// Adds the host's address and settles which of the others are of a network of the container's own. `agent_ip`: of the
// agent's pid; empty: not known.
void place(Instance& instance, const std::string& agent_ip);

// Fields may come in any order; `reset` before each task keeps the memory.
class TaskDraft {
 public:
  std::string framework;
  std::string agent;
  std::string state;
  std::string resource_ports;  // "[31000-31001, 31005-31005]"; if none of them can be kept, one with number 0 is
  std::string docker_network;  // "HOST", "BRIDGE", "USER", "NONE"; empty: no Docker container
  std::optional<HealthDraft> health;
  Instance instance;  // id, name, labels, visibility, discovery ports

  void reset();
  void reject(Reason reason, std::string detail);
  void add_label(Label label, bool sound);
  // `number`: nothing when there was none. A port that cannot be keeps its place with number 0: `-portN` counts it.
  void add_discovery_port(Port port, const std::optional<double>& number);
  void add_status(StatusDraft status);
  void add_mapping(MappingDraft mapping);  // of the container
  void add_network(std::string name);      // of the container's own, by name

  // Call once, at the end: fills addresses (without the host's, see place), resource ports, what ports map to, checks,
  // health and draining, and completes the rejections with the task's id.
  void finish(std::size_t most_ports);
  // Moves them to the end of `into`.
  void take_rejections(std::vector<Rejection>& into);

 private:
  void add_resource_ports(std::size_t most);
  void add_addresses();
  void map_ports();

  StatusDraft running_;  // the TASK_RUNNING status of the greatest timestamp
  bool has_running_ = false;
  double health_time_ = 0;  // of the latest status that speaks of health
  std::vector<MappingDraft> mappings_;
  std::vector<std::string> networks_;
  std::vector<Rejection> rejections_;
};

// Labels of a discovery port: `tags` go to Port::tags (the first wins), what the rules ask for to Port::labels, and all
// else nowhere.
void add_port_label(Port& port, Label label);

// "a,b" -> a, b. Not trimmed, as mesos-consul does it; empty text gives nothing.
std::vector<std::string> split_tags(std::string_view text);

}  // namespace muster::mesos
