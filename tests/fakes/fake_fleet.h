// A fleet cluster over real HTTP, as one of its fleetds answers: machines, units that are started, moved, stopped and
// destroyed, states that expire, pages, and etcd's outages. Its answers are held against recorded ones.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/http_server.h"

namespace muster::fakes {

struct FleetOption {
  std::string section;
  std::string name;
  std::string value;
};

struct FleetUnit {
  std::string desired = "launched";
  std::string current = "launched";
  std::string machine;  // empty: not scheduled, or global
  std::vector<FleetOption> options;
  bool global = false;
};

struct FleetState {
  std::string active = "active";
  std::string sub = "running";
  std::string load = "loaded";
  std::string hash = "57c04786eb6ac76c448e081da7da2b1193d5e50e";
  bool leaving = false;  // told once more, and then gone
};

struct FleetCluster {
  struct Machine {
    std::string ip;
    std::map<std::string, std::string> metadata;
  };
  std::map<std::string, Machine> machines;
  std::map<std::string, FleetUnit> units;
  std::map<std::pair<std::string, std::string>, FleetState> states;  // by (unit, machine)
};

// Thread: any; every call takes effect on the next request.
class FakeFleet {
 public:
  // "127.0.0.1:0" or "unix:/path". No machine, no unit: every list is `{}`.
  explicit FakeFleet(const std::string& address = "127.0.0.1:0");
  ~FakeFleet();
  FakeFleet(const FakeFleet&) = delete;
  FakeFleet& operator=(const FakeFleet&) = delete;

  std::string url() const;
  HttpServer& server();
  std::uint64_t reads() const;  // listings of units so far

  void add_machine(const std::string& id, const std::string& ip);
  // Dead for longer than its TTL: rows of machine and states are gone; units still name it.
  void lose_machine(const std::string& id);
  // A unit with an [X-Consul] section of these keys, launched and running on the machine.
  void start(const std::string& name, const std::string& machine, const std::map<std::string, std::string>& consul);
  void stop(const std::string& name);  // desired and state inactive
  // The unit is gone; its states are listed once more, since the machine needs some seconds to stop it.
  void destroy(const std::string& name);
  void move(const std::string& name, const std::string& machine);
  void expire(const std::string& name);  // its states are gone, the unit is as it was
  void edit(const std::function<void(FleetCluster&)>& change);

  // --- misbehaviour ---
  void etcd_down(bool down);         // everything is 500 with an empty message
  void etcd_long_down(bool down);    // longer than agent_ttl: everything is 503
  void lose_memory();                // etcd comes back without its data: no unit, no state, no machine
  void page_size(std::size_t rows);  // fleetd's token_limit
  // Called before each page of a listing is answered: the cluster may change between pages.
  void between_pages(std::function<void(FleetCluster&, std::size_t page)> change);
  void answer_with(std::function<HttpReply(const HttpRequest&)> reply);  // to everything, until behave()
  void behave();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::fakes
