// A whole small cluster on loopback: ZooKeeper, a Consul server and two clients, and a simulated Mesos master that is
// announced in ZooKeeper. The tasks' hosts are 127.0.0.2 and 127.0.0.3; the master's is 127.0.0.1.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fakes/fake_mesos.h"
#include "support/consul.h"
#include "support/dns.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"
#include "support/zookeeper.h"

namespace muster::e2e {

inline constexpr char kHostA[] = "127.0.0.2";
inline constexpr char kHostB[] = "127.0.0.3";

class Cluster {
 public:
  explicit Cluster(bool acl = false);

  // The usual flags, with --zk; more may follow and repeat them.
  std::vector<std::string> flags(std::vector<std::string> more = {}) const;
  std::string zk_url() const { return "zk://" + zookeeper.hosts() + "/mesos"; }

  // Ids of the agent's services, sorted, without muster's canary.
  static std::vector<std::string> ids(const support::ConsulAgent& agent);
  static nlohmann::json service(const support::ConsulAgent& agent, const std::string& id);
  // Catalog entries of a service name, as any client sees them.
  nlohmann::json catalog(const std::string& name) const { return server.get("/v1/catalog/service/" + name); }

  const int http_port;
  support::ZooKeeper zookeeper;
  support::ConsulServer server;
  support::ConsulClient a;
  support::ConsulClient b;
  fakes::FakeMesos mesos;
  std::unique_ptr<support::ZkSession> announcement;
};

// A task with one resource port.
fakes::MesosTask task(const std::string& id, const std::string& name, const std::string& host, int port,
                      fakes::LabelList labels = {});

}  // namespace muster::e2e
