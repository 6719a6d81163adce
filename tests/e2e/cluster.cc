#include "e2e/cluster.h"

#include <algorithm>

namespace muster::e2e {

using support::ConsulOptions;

Cluster::Cluster(bool acl)
    : http_port(support::free_port()),
      server(ConsulOptions{.address = "127.0.0.1", .http_port = http_port, .acl = acl}),
      a(server, ConsulOptions{.address = kHostA, .http_port = http_port}),
      b(server, ConsulOptions{.address = kHostB, .http_port = http_port}),
      announcement(std::make_unique<support::ZkSession>(zookeeper.hosts())) {
  mesos.add_agent(kHostA, "node-a");
  mesos.add_agent(kHostB, "node-b");
  announcement->announce("/mesos/json.info_", mesos.info());
}

std::vector<std::string> Cluster::flags(std::vector<std::string> more) const {
  std::vector<std::string> out{"--zk=" + zk_url(), "--consul-port=" + std::to_string(http_port), "--refresh=300ms",
                               "--audit-interval=1s"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::vector<std::string> Cluster::ids(const support::ConsulAgent& agent) {
  std::vector<std::string> out;
  const nlohmann::json services = agent.get("/v1/agent/services");
  for (const auto& [id, service] : services.items()) {
    if (id.find(":canary:") == std::string::npos) out.push_back(id);
  }
  std::sort(out.begin(), out.end());
  return out;
}

nlohmann::json Cluster::service(const support::ConsulAgent& agent, const std::string& id) {
  const nlohmann::json services = agent.get("/v1/agent/services");
  return services.is_object() && services.contains(id) ? services.at(id) : nlohmann::json();
}

fakes::MesosTask task(const std::string& id, const std::string& name, const std::string& host, int port,
                      fakes::LabelList labels) {
  fakes::MesosTask out;
  out.id = id;
  out.name = name;
  out.agent = host;
  out.ports = {port};
  out.labels = std::move(labels);
  return out;
}

}  // namespace muster::e2e
