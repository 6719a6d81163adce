// Consul agents that behave like 1.8.7 towards muster: one listener an agent, any number of agents in one server.
// The contract tests in tests/consul hold it and a real agent to the same assertions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fakes/http_server.h"
#include "muster/service.h"

namespace muster::fakes {

struct FakeCheck {
  std::string id;
  std::string name;
  std::string notes;
  std::string status = "critical";
  std::string type;  // "http", "tcp", "grpc", "ttl", "script", "maintenance"
  std::string service_id;
  std::string output{};
};

struct FakeService {
  std::string id;
  std::string name;
  std::vector<std::string> tags;
  std::string address;
  int port = 0;
  Meta meta;
  int weight_passing = 1;
  int weight_warning = 1;
  bool enable_tag_override = false;
  TaggedAddresses tagged_addresses{};
  std::uint64_t changes = 0;  // counts the PUTs that changed something, as a ModifyIndex would move
};

// What an agent holds; a value.
struct FakeState {
  std::map<std::string, FakeService> services;
  std::map<std::string, FakeCheck> checks;  // by CheckID
};

// Requests as they arrived, whatever was answered.
struct FakeCounts {
  std::uint64_t reads = 0;  // GETs
  std::uint64_t registers = 0;
  std::uint64_t deregisters = 0;
  std::uint64_t check_deregisters = 0;
  std::uint64_t maintenances = 0;
  std::uint64_t others = 0;
  std::uint64_t reports = 0;  // of checks
  std::uint64_t writes() const { return registers + deregisters + check_deregisters + maintenances + reports; }
};

// How an agent misbehaves until it is told otherwise.
struct Mood {
  int status = 0;  // answers this to everything; 0: does its work
  std::string body{};
  Manner manner = Manner::Proper;
  std::chrono::milliseconds delay{0};
  bool only_writes = false;  // GETs are answered as they should be
};

enum class UnknownService : std::uint8_t { Ok200, Error500, NotFound404 };  // 1.8.7; 1.8.7 with ACLs; from 1.11

struct FakeConsulOptions {
  bool script_checks = false;  // enable_script_checks
  UnknownService unknown_service = UnknownService::Ok200;
  // ACLs on when not empty: only this token may write; without it reads are empty; another one is "ACL not found".
  std::string token{};
};

// Any thread; calls wait for the server's own thread only to take a lock.
class FakeConsul {
 public:
  explicit FakeConsul(std::size_t agents = 1, FakeConsulOptions options = {});
  // One agent an address: "127.0.0.2:0", "unix:/path".
  explicit FakeConsul(const std::vector<std::string>& addresses, FakeConsulOptions options = {});
  ~FakeConsul();

  std::size_t size() const;
  std::string url(std::size_t agent = 0) const;
  FakeState state(std::size_t agent = 0) const;
  std::vector<std::string> ids(std::size_t agent = 0) const;  // of its services, sorted
  // An operator's or another tool's hand on the agent: not counted.
  void edit(std::size_t agent, const std::function<void(FakeState&)>& change);
  void wipe(std::size_t agent = 0);  // lost its data

  FakeCounts counts(std::size_t agent) const;
  FakeCounts total() const;
  void reset_counts();

  void set_mood(std::size_t agent, Mood mood);
  // Dies at its n-th write from now (1: the next) before doing it, or after it and before answering: the connection is
  // reset and the port refuses until revive().
  void die_at_write(std::size_t agent, std::uint64_t n, bool after = false);
  void kill(std::size_t agent);
  void revive(std::size_t agent);
  void freeze(std::size_t agent, bool frozen);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The read form of a whole agent, for decoders: bodies of GET /v1/agent/services and /v1/agent/checks.
std::string render_services(const FakeState& state);
std::string render_checks(const FakeState& state);

}  // namespace muster::fakes
