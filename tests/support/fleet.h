// A real fleet: an etcd, and machines with a systemd and a fleetd each, all on this machine's loopback.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/folder.h"
#include "support/http.h"
#include "support/process.h"
#include "support/systemd.h"

namespace muster::support {

// Thread: one. Its agent_ttl is 6 s, so that what a dead fleetd has told is gone after 3 to 6 s. Ends the test program
// with fleetd's log when it does not come up.
class Fleet {
 public:
  // A machine for each address: its fleetd listens there, and tells it as the primaryIP.
  explicit Fleet(const std::vector<std::string>& addresses);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  std::string url(std::size_t machine) const;
  const SystemdHost& host(std::size_t machine) const { return *machines_.at(machine).host; }
  const std::string& id(std::size_t machine) const { return host(machine).machine_id(); }

  HttpAnswer call(std::size_t machine, const std::string& path, const std::string& method = "GET",
                  const std::string& body = "") const;
  // JSON of a 200, else null; of the first machine whose fleetd answers at all.
  nlohmann::json get(const std::string& path) const;
  // Submits a unit, or changes what is wanted of it: "inactive", "loaded", "launched". Aborts when it is refused.
  void submit(const std::string& name, const std::string& unit_file, const std::string& state = "launched") const;
  void set(const std::string& name, const std::string& state) const;
  void destroy(const std::string& name) const;

  void kill_fleetd(std::size_t machine) const;  // SIGKILL: its units run on
  void stop_fleetd(std::size_t machine) const;  // in good order: it stops its units
  void start_fleetd(std::size_t machine) const;
  void stop_etcd();
  void start_etcd(bool with_its_data = true);

 private:
  struct Machine {
    std::string address;
    int port = 0;
    std::unique_ptr<SystemdHost> host;
  };

  void add(const std::string& address, std::size_t number);
  void put(const std::string& name, const nlohmann::json& body) const;
  bool listed(std::size_t machines) const;

  Folder folder_;
  const int etcd_port_, peer_port_;
  std::unique_ptr<Process> etcd_;
  std::vector<Machine> machines_;
};

// Why it cannot run here; empty when it can. fleetd and etcd, with its API v2, are named by MUSTER_TEST_FLEETD and
// MUSTER_TEST_ETCD, or are on PATH; neither is required anywhere, also not by MUSTER_REQUIRE_ALL.
std::string no_fleet();

}  // namespace muster::support
