// What Nomad says of an allocation, a node and a native service. Plain values, made by decode.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nomad/job.h"

namespace muster::nomad {

// A port as it was allotted (AllocatedResources...Ports, ReservedPorts and DynamicPorts).
struct AllottedPort {
  std::string label;
  int value = 0;        // on the host
  int to = 0;           // within the allocation's network; 0: not mapped. -1: the same as `value`
  std::string host_ip;  // empty in old networks, where the network has it
  friend bool operator==(const AllottedPort&, const AllottedPort&) = default;
};

struct Network {
  std::string mode;  // "host", "bridge", "cni/..."; empty: host
  std::string ip;
  std::vector<AllottedPort> ports;  // reserved first, then dynamic
  friend bool operator==(const Network&, const Network&) = default;
};

struct TaskState {
  std::string state;  // "pending", "running", "dead"
  bool failed = false;
  bool started = false;  // it ran at some time: StartedAt, or a restart
  friend bool operator==(const TaskState&, const TaskState&) = default;
};

// Of the allocation's own network namespace, once its client has set it up.
struct NetworkStatus {
  std::string interface;
  std::string address;
  std::string address_ipv6;
  friend bool operator==(const NetworkStatus&, const NetworkStatus&) = default;
};

struct Allocation {
  std::string id;    // never empty
  std::string name;  // "web.api[0]"
  std::string ns;
  std::string node_id;
  std::string node_name;
  std::string job_id;
  std::string group;
  std::string desired_status;  // "run", "stop", "evict"
  std::string client_status;   // "pending", "running", "complete", "failed", "lost", "unknown"
  bool migrate = false;        // DesiredTransition.Migrate: its node is being drained
  std::map<std::string, TaskState, std::less<>> task_states;  // by task
  std::optional<bool> healthy;                                // of its deployment; nothing: not judged (yet)
  bool canary = false;
  std::vector<AllottedPort> ports;  // Shared.Ports
  std::vector<Network> networks;    // Shared.Networks
  std::map<std::string, std::vector<Network>, std::less<>> task_networks;
  std::optional<NetworkStatus> network_status;  // never in a stub of a list
  std::optional<std::uint64_t> job_version;     // stubs and full ones tell, events do not
  std::uint64_t create_index = 0;
  std::uint64_t modify_index = 0;
  std::uint64_t alloc_modify_index = 0;  // grows with the scheduler's changes alone, not with the client's
  std::shared_ptr<const Job> job;        // null in stubs and events, and where it could not be read
  std::vector<std::string> problems{};   // parts that could not be read and were left out, for people
  bool resources_known = false;          // AllocatedResources was there
  bool task_states_known = false;        // TaskStates was there, if only as null
  std::int64_t modify_time = 0;          // nanoseconds since the epoch; of one that has ended, about when it did
};

// Where an allocation is in its life, from its desired and client status.
enum class Phase : std::uint8_t {
  Pending,   // not started yet, as far as this tells (a stub without task states cannot): no proof of an end
  Running,   // runs and should; also while a task of it waits for its restart, which Nomad calls pending again
  Stopping,  // runs still, and will be stopped: DesiredStatus stop or evict, or a drain
  Ended,     // complete, failed
  Lost,      // its client is gone for good, by the servers' judgement
  Unknown,   // its client is disconnected; it may run, and may come back. Also: a word that we do not know
};

Phase phase_of(const Allocation& allocation);

struct Node {
  std::string id;
  std::string name;
  std::string datacenter;
  std::string pool;
  std::string node_class;
  std::string status;   // "initializing", "ready", "down", "disconnected"
  std::string address;  // host of HTTPAddr, or Address of a stub; a literal without brackets
  std::string version;  // of its Nomad
  bool drain = false;
  bool eligible = true;            // SchedulingEligibility
  std::optional<Meta> attributes;  // nothing in the stubs of a list
  Meta meta;
  std::uint64_t modify_index = 0;
  friend bool operator==(const Node&, const Node&) = default;
};

// The node's attribute, or "". `unique.consul.name` and `consul.datacenter` name its Consul node.
std::string_view attribute(const Node& node, std::string_view name);

// A row of Nomad's own service discovery (1.3 and later). Its client has interpolated it and chosen address and tags.
struct NativeService {
  std::string id;  // "_nomad-task-<alloc id>-<task, or group-<group>>-<service>-<port label>"
  std::string name;
  std::string ns;
  std::string node_id;
  std::string job_id;
  std::string alloc_id;
  std::string datacenter;
  std::vector<std::string> tags;
  std::string address;
  int port = 0;
  std::uint64_t create_index = 0;
  std::uint64_t modify_index = 0;
  friend bool operator==(const NativeService&, const NativeService&) = default;
};

}  // namespace muster::nomad
