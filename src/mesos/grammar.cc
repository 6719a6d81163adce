#include "mesos/grammar.h"

namespace muster::mesos {
namespace {

struct Edge {
  Node in;
  std::string_view key;
  Node to;
};

// Source of the shape: Mesos src/master/readonly_handler.cpp and src/common/http.cpp, and recordings of a 1.12 master.
// Labels are a bare array at task and status level and {"labels": [...]} inside discovery; both are taken in both.
constexpr Edge kEdges[] = {
    {Node::Root, "version", Node::Version},
    {Node::Root, "id", Node::MasterId},
    {Node::Root, "cluster", Node::Cluster},
    {Node::Root, "pid", Node::MasterPid},
    {Node::Root, "leader", Node::Leader},
    {Node::Root, "hostname", Node::MasterHostname},
    {Node::Root, "elected_time", Node::ElectedTime},
    {Node::Root, "unreachable_slaves", Node::UnreachableCount},
    {Node::Root, "slaves", Node::Agents},
    {Node::Root, "recovered_slaves", Node::RecoveredAgents},
    {Node::Root, "frameworks", Node::Frameworks},
    {Node::Root, "orphan_tasks", Node::OrphanTasks},
    {Node::Agent, "id", Node::AgentId},
    {Node::Agent, "hostname", Node::AgentHostname},
    {Node::Agent, "pid", Node::AgentPid},
    {Node::Agent, "registered_time", Node::Registered},
    {Node::Agent, "reregistered_time", Node::Reregistered},
    {Node::Agent, "active", Node::Active},
    {Node::Recovered, "id", Node::RecoveredId},
    {Node::Recovered, "hostname", Node::RecoveredHostname},
    {Node::Framework, "id", Node::FrameworkId},
    {Node::Framework, "name", Node::FrameworkName},
    {Node::Framework, "tasks", Node::Tasks},
    {Node::Framework, "unreachable_tasks", Node::LostTasks},
    {Node::Framework, "completed_tasks", Node::CompletedTasks},
    {Node::Root, "completed_frameworks", Node::CompletedFrameworks},
    {Node::CompletedFramework, "completed_tasks", Node::CompletedTasks},
    {Node::Completed, "id", Node::CompletedId},
    {Node::Completed, "slave_id", Node::CompletedAgent},
    {Node::Completed, "state", Node::CompletedState},
    {Node::Task, "id", Node::TaskId},
    {Node::Task, "name", Node::TaskName},
    {Node::Task, "framework_id", Node::TaskFramework},
    {Node::Task, "slave_id", Node::TaskAgent},
    {Node::Task, "state", Node::TaskState},
    {Node::Task, "resources", Node::Resources},
    {Node::Task, "labels", Node::TaskLabels},
    {Node::Task, "discovery", Node::Discovery},
    {Node::Task, "statuses", Node::Statuses},
    {Node::Resources, "ports", Node::ResourcePorts},
    {Node::Task, "container", Node::Container},
    {Node::Container, "docker", Node::Docker},
    {Node::Container, "network_infos", Node::ContainerNetworks},
    {Node::Docker, "network", Node::DockerNetwork},
    {Node::Docker, "port_mappings", Node::Mappings},
    {Node::ContainerNetwork, "name", Node::ContainerNetworkName},
    {Node::ContainerNetwork, "port_mappings", Node::Mappings},
    {Node::Mapping, "host_port", Node::MappingHost},
    {Node::Mapping, "container_port", Node::MappingContainer},
    {Node::Mapping, "protocol", Node::MappingProtocol},
    {Node::Task, "health_check", Node::HealthCheck},
    {Node::HealthCheck, "type", Node::HealthType},
    {Node::HealthCheck, "interval_seconds", Node::HealthInterval},
    {Node::HealthCheck, "timeout_seconds", Node::HealthTimeout},
    {Node::HealthCheck, "consecutive_failures", Node::HealthFailures},
    {Node::HealthCheck, "http", Node::HealthHttp},
    {Node::HealthCheck, "tcp", Node::HealthTcp},
    {Node::HealthHttp, "port", Node::HealthHttpPort},
    {Node::HealthHttp, "scheme", Node::HealthScheme},
    {Node::HealthHttp, "path", Node::HealthPath},
    {Node::HealthTcp, "port", Node::HealthTcpPort},
    {Node::Discovery, "visibility", Node::Visibility},
    {Node::Discovery, "ports", Node::DiscoveryPorts},
    {Node::DiscoveryPorts, "ports", Node::Ports},
    {Node::Port, "number", Node::PortNumber},
    {Node::Port, "name", Node::PortName},
    {Node::Port, "protocol", Node::PortProtocol},
    {Node::Port, "labels", Node::PortLabels},
    {Node::TaskLabels, "labels", Node::TaskLabels},
    {Node::PortLabels, "labels", Node::PortLabels},
    {Node::StatusLabels, "labels", Node::StatusLabels},
    {Node::Label, "key", Node::LabelKey},
    {Node::Label, "value", Node::LabelValue},
    {Node::Status, "state", Node::StatusState},
    {Node::Status, "timestamp", Node::Timestamp},
    {Node::Status, "healthy", Node::Healthy},
    {Node::Status, "labels", Node::StatusLabels},
    {Node::Status, "container_status", Node::ContainerStatus},
    {Node::ContainerStatus, "network_infos", Node::Networks},
    {Node::Network, "ip_addresses", Node::Addresses},
    {Node::Network, "ip_address", Node::NetworkIp},
    {Node::Network, "name", Node::NetworkName},
    {Node::Network, "port_mappings", Node::Mappings},
    {Node::Address, "ip_address", Node::AddressIp},
};

constexpr std::size_t kSlots = 1024;  // sparse, so that a key which is not ours is told at the first look

constexpr std::size_t slot(Node in, std::string_view key) {
  std::size_t hash = static_cast<std::size_t>(in) * 131 + key.size();
  if (!key.empty()) hash = hash * 131 + static_cast<unsigned char>(key.front());
  if (!key.empty()) hash = hash * 131 + static_cast<unsigned char>(key.back());
  return hash % kSlots;
}

constexpr std::array<std::uint8_t, kSlots> make_index() {
  std::array<std::uint8_t, kSlots> index{};  // edge + 1; 0: free
  for (std::size_t i = 0; i < std::size(kEdges); ++i) {
    std::size_t at = slot(kEdges[i].in, kEdges[i].key);
    while (index[at] != 0) at = (at + 1) % kSlots;
    index[at] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}

constexpr std::array<std::uint8_t, kSlots> kIndex = make_index();

}  // namespace

Node child(Node in, std::string_view key) {
  for (std::size_t at = slot(in, key); kIndex[at] != 0; at = (at + 1) % kSlots) {
    const Edge& edge = kEdges[kIndex[at] - 1];
    if (edge.in == in && edge.key == key) return edge.to;
  }
  return Node::None;
}

Node element(Node array) {
  switch (array) {
    case Node::Agents:
      return Node::Agent;
    case Node::RecoveredAgents:
      return Node::Recovered;
    case Node::Frameworks:
      return Node::Framework;
    case Node::Tasks:
    case Node::OrphanTasks:
    case Node::LostTasks:
      return Node::Task;
    case Node::CompletedFrameworks:
      return Node::CompletedFramework;
    case Node::CompletedTasks:
      return Node::Completed;
    case Node::ContainerNetworks:
      return Node::ContainerNetwork;
    case Node::Mappings:
      return Node::Mapping;
    case Node::Ports:
      return Node::Port;
    case Node::TaskLabels:
    case Node::PortLabels:
    case Node::StatusLabels:
      return Node::Label;
    case Node::Statuses:
      return Node::Status;
    case Node::Networks:
      return Node::Network;
    case Node::Addresses:
      return Node::Address;
    default:
      return Node::None;
  }
}

bool is_object(Node node) {
  switch (node) {
    case Node::Root:
    case Node::Agent:
    case Node::Recovered:
    case Node::Framework:
    case Node::CompletedFramework:
    case Node::Completed:
    case Node::Task:
    case Node::Resources:
    case Node::Container:
    case Node::Docker:
    case Node::ContainerNetwork:
    case Node::Mapping:
    case Node::HealthCheck:
    case Node::HealthHttp:
    case Node::HealthTcp:
    case Node::Discovery:
    case Node::DiscoveryPorts:
    case Node::Port:
    case Node::TaskLabels:
    case Node::PortLabels:
    case Node::StatusLabels:
    case Node::Label:
    case Node::Status:
    case Node::ContainerStatus:
    case Node::Network:
    case Node::Address:
      return true;
    default:
      return false;
  }
}

bool is_census(Node node) { return is_counted(element(node)); }

bool is_counted(Node node) {
  return node == Node::Agent || node == Node::Recovered || node == Node::Framework || node == Node::Task;
}

}  // namespace muster::mesos
