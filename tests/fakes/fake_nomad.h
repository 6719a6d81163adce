// A Nomad cluster over real HTTP: nodes, allocations that start, stop and are lost, blocking queries, the event stream
// in its framings, and the ways in which Nomad's answers mislead.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fakes/http_server.h"

namespace muster::fakes {

struct NomadNode {
  std::string id;
  std::string name = "n1";
  std::string address = "127.0.0.1";  // host of HTTPAddr
  std::string consul_name{};          // unique.consul.name; empty: no agent
  std::string status = "ready";
  std::uint64_t index = 0;  // given by the fake
};

// An allocation of a job of its own name, with one group service and one task.
struct NomadAllocation {
  std::string id;
  std::string node;  // id
  std::string job = "web";
  std::string ns = "default";
  std::string service = "web";
  std::string provider = "nomad";
  int port = 20000;
  std::vector<std::string> tags{};
  std::vector<std::string> canary_tags{};
  std::string desired = "run";
  std::string client = "running";
  std::string task_state = "running";
  bool migrate = false;
  bool canary = false;
  std::int64_t shutdown_delay_ms = 0;
  bool registered = true;  // its rows are in Nomad's own discovery
  int version = 0;
  std::uint64_t index = 0;                // given by the fake
  std::vector<std::string> stale_tags{};  // what its rows still say, until its client has acted on a change
  bool task_service = false;              // a second service, "<service>-task", of the task
};

enum class Framing : std::uint8_t {
  Chunked,      // until 1.11.1
  UntilEof,     // from 1.11.2 on
  OldProtocol,  // exactly 1.11.2: HTTP/0.0 200 OK
  Denied,       // 403
  ClosedEarly,  // from 1.11.2 on, where 403 is meant: 200, and the end
  Off,          // 500: no event broker
  Silent,       // 2.0.5, where 403 is meant: 200, and nothing more
};

struct NomadQuirks {
  Framing framing = Framing::UntilEof;
  bool lose_events = false;        // the stream stands, beats and says nothing
  std::set<std::string> hidden{};  // namespaces that our token may not read: left out without a word
  std::string policy{};            // HCL of the token's policy; empty: ACLs are off
  bool leaderless = false;         // X-Nomad-KnownLeader: false
  bool empty_lists = false;        // 200 [] with the index 0
  bool lists_fail = false;         // 500 for each list of allocations
  bool old = false;                // before 1.3: no paging, no services
  bool null_jobs = false;          // full allocations with Job: null
  int resets = 0;                  // so many requests are reset, as connections over the limit are
  bool nodes_denied = false;       // 403 for nodes: a token without node:read
  std::string region = "global";   // its own: of no other it knows a way to
};

// Thread: any.
class FakeNomad {
 public:
  explicit FakeNomad(const std::vector<std::string>& addresses = {"127.0.0.1:0"});
  ~FakeNomad();
  FakeNomad(const FakeNomad&) = delete;
  FakeNomad& operator=(const FakeNomad&) = delete;

  std::string url() const;
  HttpServer& server();

  std::string add_node(NomadNode node);           // its id, made up where there is none
  void remove_node(const std::string& id);        // collected as garbage
  std::string start(NomadAllocation allocation);  // its id, made up where there is none; replaces one of the same id
  void change(const std::string& id, const std::function<void(NomadAllocation&)>& change);
  void stop(const std::string& id) {
    change(id, [](NomadAllocation& each) { each.desired = "stop"; });
  }
  void finish(const std::string& id, const std::string& client = "complete") {
    change(id, [&](NomadAllocation& each) { each.client = client, each.task_state = "dead", each.registered = false; });
  }
  void collect(const std::string& id);  // 404 from now on, and no event
  void rewind(std::uint64_t index);     // the cluster is restored: indexes go on from there
  void quirks(const std::function<void(NomadQuirks&)>& change);
  void end_streams();      // as a server that restarts
  void quiet(bool quiet);  // many changes, of which nobody is told

  std::uint64_t requests(const std::string& path_part) const;  // so far, whose path holds this
  std::uint64_t requests() const;
  std::size_t streams() const;  // open ones

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::fakes
