// A Nomad job as far as one of its task groups needs it: the services that its allocations offer. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/service.h"

namespace muster::nomad {

// Names as in Nomad's JSON. Durations are nanoseconds, as Go writes them. Text is not interpolated yet.
struct CheckBlock {
  std::string name;
  std::string type;  // "http", "tcp", "grpc", "script"
  std::string path;
  std::string protocol;  // "http", "https"; empty: http
  std::string method;
  std::string port_label;    // empty: the service's
  std::string address_mode;  // empty: host, or auto where the service has an address of its own
  std::string grpc_service;
  std::string tls_server_name;
  std::string initial_status;
  std::string notes;
  std::vector<Header> header;
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  int success_before_passing = 0;
  int failures_before_critical = 0;
  bool tls_skip_verify = false;
  bool grpc_use_tls = false;
  bool has_body = false;
  friend bool operator==(const CheckBlock&, const CheckBlock&) = default;
};

struct WeightsBlock {
  int passing = 1;
  int warning = 1;
  friend bool operator==(const WeightsBlock&, const WeightsBlock&) = default;
};

struct ServiceBlock {
  std::string name;
  std::string task;          // whose service it is; empty: the group's
  std::string provider;      // "nomad", "consul"; empty: before 1.3, when there was Consul alone
  std::string port_label;    // a label, a number, or empty
  std::string address_mode;  // "auto", "host", "driver", "alloc", "alloc_ipv6"; empty: auto
  std::string address;
  std::string kind;  // not empty: a gateway of Consul's mesh
  std::vector<std::string> tags;
  std::vector<std::string> canary_tags;
  Meta meta;
  Meta canary_meta;
  Meta tagged_addresses;  // "lan" -> "10.0.0.1:80"
  std::optional<WeightsBlock> weights;
  std::vector<CheckBlock> checks;
  bool enable_tag_override = false;
  bool connect = false;                 // has a block of Consul's mesh
  std::vector<std::string> problems{};  // parts that could not be read and were left out, for people
  friend bool operator==(const ServiceBlock&, const ServiceBlock&) = default;
};

struct TaskBlock {
  std::string name;
  std::string driver;
  Meta meta;
  Meta env;  // empty where no service of the group names a variable
  std::int64_t shutdown_delay = 0;
  friend bool operator==(const TaskBlock&, const TaskBlock&) = default;
};

// One job at one version, with one of its task groups.
struct Job {
  std::string id;
  std::string name;
  std::string ns;  // its Nomad namespace
  std::string region;
  std::string parent_id;
  std::uint64_t version = 0;
  std::uint64_t modify_index = 0;  // JobModifyIndex: grows with each change of the specification
  Meta meta;
  std::string group;
  Meta group_meta;
  std::vector<TaskBlock> tasks;
  std::vector<ServiceBlock> services;   // the group's first, then each task's, in the job's order
  std::vector<std::string> problems{};  // services and tasks that could not be read at all, for people
  std::int64_t shutdown_delay = 0;      // the group's: between a stop's deregistration and the end of any task
  friend bool operator==(const Job&, const Job&) = default;
};

// Null where there is none; no task has an empty name.
const TaskBlock* find_task(const Job& job, std::string_view name);

// The allocations of a group embed the same job: here equal ones become one. Thread: one.
class JobPool {
 public:
  // The job held already, where it is equal; else this one from now on. Never null.
  std::shared_ptr<const Job> share(Job job);
  // Lets go of what no allocation holds any more; called by share() now and then.
  void sweep();
  std::size_t size() const { return jobs_.size(); }

 private:
  std::multimap<std::string, std::weak_ptr<const Job>> jobs_;  // by namespace, id and group
  std::size_t shares_ = 0;
};

}  // namespace muster::nomad
