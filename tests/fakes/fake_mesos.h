// A Mesos master over real HTTP: agents and tasks that start, move, end and are lost, failovers, and misbehaviour.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fakes/http_server.h"
#include "fakes/mesos_state.h"

namespace muster::fakes {

// Thread: any; every call takes effect on the next request.
class FakeMesos {
 public:
  // Listens on `address` ("127.0.0.1:0": a free port), was elected two hours ago, leads, and knows no agent.
  explicit FakeMesos(const std::string& address = "127.0.0.1:0");
  ~FakeMesos();
  FakeMesos(const FakeMesos&) = delete;
  FakeMesos& operator=(const FakeMesos&) = delete;

  std::string url() const;   // "http://127.0.0.1:41234"
  std::string info() const;  // for a json.info_* znode
  HttpServer& server();
  std::uint64_t reads() const;  // requests for a state so far

  // --- the cluster ---
  void add_agent(const std::string& ip, const std::string& hostname, int port = 5051);
  void remove_agent(const std::string& ip);  // with its tasks
  void start(MesosTask task);                // replaces one of the same id
  void kill(const std::string& id);          // gone from `tasks`, listed as completed
  void set_state(const std::string& id, const std::string& state);
  void set_healthy(const std::string& id, bool healthy);
  void move(const std::string& id, const std::string& agent_ip);
  // Any other change, under the fake's lock.
  void edit(const std::function<void(MesosCluster&)>& change);

  // --- what masters go through ---
  void fail_over();                        // a new id, elected now; every agent is recovered and silent
  void come_back(const std::string& ip);   // an agent re-registers
  void lose_agent(const std::string& ip);  // unreachable: row gone, tasks in unreachable_tasks

  // A new leader that still reads its registry: 503 on /api/v1, and a /state that knows nobody. Until told otherwise.
  void recover_registry(bool reading);

  // --- POST /api/v1 SUBSCRIBE: every call above is told to the subscribers, `edit` excepted. A failover ends them. ---
  std::size_t subscribers() const;
  std::uint64_t subscriptions() const;            // so far
  void set_heartbeat(std::chrono::milliseconds);  // of subscriptions to come; 15 s
  void set_most_subscribers(std::size_t most);    // the oldest has to go; 1000
  void mute(bool muted);                          // no heartbeats, and no events: those of meanwhile are lost
  void send(const std::string& record);           // any record, framed
  void send_raw(const std::string& bytes);        // anything at all
  void cut_streams(bool in_mid_chunk = true);
  // Stands for the answer to every POST of /api/v1 until cleared (null).
  void answer_api_with(std::function<HttpReply(const HttpRequest&)> reply);

  // --- misbehaviour: `reply` stands for the answer to every request for a state until cleared ---
  void answer_with(std::function<HttpReply(const HttpRequest&)> reply);
  void answer_body(std::string body, int status = 200);
  void behave();
  // Whoever asks for anything but the health must show an Authorization that `accepts` takes; others get a 401 with the
  // realm that a master names. Null: anyone may ask.
  void demand(std::function<bool(const std::string& authorization)> accepts);
  std::uint64_t refusals() const;  // requests that got the 401 so far
  // Mesos before 0.25: /state is 404, /state.json answers.
  void only_state_json(bool only);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::fakes
