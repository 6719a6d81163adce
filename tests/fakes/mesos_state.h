// A Mesos cluster as values, and GET /state of it: field order and number format of a recorded 1.12 master. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::fakes {

using LabelList = std::vector<std::pair<std::string, std::string>>;

struct MesosPort {  // of DiscoveryInfo
  std::optional<int> number;
  std::string name;
  std::string protocol = "tcp";
  LabelList labels;
};

struct MesosTask {
  std::string id;
  std::string name;
  std::string agent;  // IP of its agent
  std::string framework = "marathon";
  std::string state = "TASK_RUNNING";
  std::vector<int> ports;            // resources.ports
  std::vector<MesosPort> discovery;  // empty: no DiscoveryInfo
  LabelList labels;
  std::vector<std::string> networks;  // network_infos; empty: the agent's IP, as Mesos fills it in
  LabelList status_labels;            // "Docker.NetworkSettings.IPAddress", ...
  std::optional<bool> healthy;
  bool health_check = false;
};

struct MesosAgent {
  std::string id;  // empty: given by the fake
  std::string ip;
  std::string hostname;
  int port = 5051;
  bool registered = true;     // false: in recovered_slaves
  bool reregistered = false;  // came back after a failover
  bool unreachable = false;   // in no list at all
};

struct MesosCluster {
  std::string master_id = "b5eac2c5-609b-4ca1-a352-61941702fc9e";
  std::string master_ip = "127.0.0.1";
  int master_port = 5050;
  std::string hostname = "127.0.0.1";
  std::string version = "1.12.0";
  std::optional<std::string> leader;  // pid; nothing: this master itself
  double elected_time = 0;
  std::vector<MesosAgent> agents;
  std::vector<MesosTask> tasks;
  std::vector<MesosTask> unreachable;
  std::vector<MesosTask> completed;
  std::vector<MesosTask> orphans;  // of frameworks that have not come back to an old master
  bool knows_recovered = true;     // false: before Mesos 1.2
};

std::string render_state(const MesosCluster& cluster);
// Content of json.info_*, MasterInfo as published in ZooKeeper.
std::string render_master_info(const MesosCluster& cluster);

}  // namespace muster::fakes
