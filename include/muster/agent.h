// A Consul agent as muster sees it: what it holds, and how to change it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "muster/host.h"
#include "muster/plan.h"
#include "muster/result.h"
#include "muster/service.h"

namespace muster {

// One check of a service, as the agent tells of it: never its definition.
struct ActualCheck {
  std::string id;
  std::string
      kind{};  // "http", "tcp", "grpc", "ttl", "script"; empty where it is not told (before Consul 1.7, catalog)
  std::string name{};
  std::string status{};  // "passing", "warning", "critical"
  std::string output{};  // of kind "ttl" and of unknown kind; others may say kilobytes that nobody compares
  friend bool operator==(const ActualCheck&, const ActualCheck&) = default;
};

// One service that the agent holds, ours or not.
struct ActualService {
  std::string id;
  std::string name;
  std::vector<std::string> tags;
  std::string address;
  int port = 0;  // the agent accepts ports outside 0..65535
  Meta meta;
  int weight_passing = 1;
  int weight_warning = 1;
  bool enable_tag_override = false;
  std::vector<ActualCheck> checks;           // sorted by id, unique; without `_service_maintenance:<id>`
  std::optional<std::string> maintenance{};  // the reason (the check's Notes), when the service is in maintenance
  // As read: with those that agents add (lan_ipv4, wan_ipv4, ...); nothing: this peer cannot hold any.
  std::optional<TaggedAddresses> tagged_addresses = TaggedAddresses{};
  // What the servers' catalog holds otherwise than the agent, for people; empty: nothing, or it was not looked at.
  std::string unsynced{};
  friend bool operator==(const ActualService&, const ActualService&) = default;
};

// Something about the agent itself that an operator should know. Bounded: kinds are label values of a metric.
enum class RemarkKind : std::uint8_t {
  WrongAgent,   // who answers is not the agent of the host that is meant
  NodeRefused,  // the servers refuse the agent's node: what it takes does not reach the catalog
  Unverified,   // it does not tell who it is
  LiveAgent,    // catalog mode: the host has a Consul agent, so what is registered for it is left alone
  Contested,    // the servers' catalog does not keep what the agent holds, however often it is put right
};

std::string_view to_string(RemarkKind kind);

struct Remark {
  RemarkKind kind = RemarkKind::Unverified;
  std::string text;
  friend bool operator==(const Remark&, const Remark&) = default;
};

// Nothing is planned for it.
bool left_alone(const std::vector<Remark>& remarks);

// A successful read. There is no Actual for an agent that could not be read whole.
struct Actual {
  std::vector<ActualService> services;  // sorted by id
  std::vector<Remark> remarks{};
  friend bool operator==(const Actual&, const Actual&) = default;
};

inline bool left_alone(const Actual& actual) { return left_alone(actual.remarks); }

struct Failure {
  std::string service_id;
  Error error;
};

// What became of a plan. Actions after a peer failure are not tried: the next plan holds them again.
struct Applied {
  std::vector<Action> done;
  std::vector<Failure> failures;  // one a refused item (Fault::Item), or the one that ended the run (Fault::Retry)
};

// Thread: used by one worker at a time. Neither call throws; both honour the deadlines given at construction.
class Agent {
 public:
  virtual ~Agent() = default;
  Agent() = default;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  virtual Result<Actual> read(std::stop_token stop) = 0;
  // Sends the plan's actions in order, one request in flight.
  virtual Applied apply(const Plan& plan, std::stop_token stop) = 0;
};

// Makes agents for one worker thread and owns that thread's connections; never shared between threads.
class Agents {
 public:
  virtual ~Agents() = default;
  Agents() = default;
  Agents(const Agents&) = delete;
  Agents& operator=(const Agents&) = delete;

  // The agent lives no longer than this object.
  virtual std::unique_ptr<Agent> at(const AgentKey& key) = 0;
};

}  // namespace muster
