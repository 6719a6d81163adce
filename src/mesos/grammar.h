// The part of /state that we read, as a table: which key leads where. Everything else is skipped.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace muster::mesos {

enum class Node : std::uint8_t {
  None,  // nothing of ours: skipped with all that is in it
  Root,
  Version,
  MasterId,
  Cluster,
  MasterPid,
  Leader,
  MasterHostname,
  ElectedTime,
  UnreachableCount,
  Agents,
  Agent,
  AgentId,
  AgentHostname,
  AgentPid,
  Registered,
  Reregistered,
  Active,
  RecoveredAgents,
  Recovered,
  RecoveredId,
  RecoveredHostname,
  Frameworks,
  Framework,
  FrameworkId,
  FrameworkName,
  Tasks,
  OrphanTasks,
  LostTasks,
  CompletedFrameworks,
  CompletedFramework,
  CompletedTasks,
  Completed,
  CompletedId,
  CompletedAgent,
  CompletedState,
  Task,
  TaskId,
  TaskName,
  TaskFramework,
  TaskAgent,
  TaskState,
  Resources,
  ResourcePorts,
  Container,
  Docker,
  DockerNetwork,
  ContainerNetworks,
  ContainerNetwork,
  ContainerNetworkName,
  Mappings,
  Mapping,
  MappingHost,
  MappingContainer,
  MappingProtocol,
  HealthCheck,
  HealthType,
  HealthInterval,
  HealthTimeout,
  HealthFailures,
  HealthHttp,
  HealthHttpPort,
  HealthScheme,
  HealthPath,
  HealthTcp,
  HealthTcpPort,
  Discovery,
  Visibility,
  DiscoveryPorts,
  Ports,
  Port,
  PortNumber,
  PortName,
  PortProtocol,
  TaskLabels,
  PortLabels,
  StatusLabels,
  Label,
  LabelKey,
  LabelValue,
  Statuses,
  Status,
  StatusState,
  Timestamp,
  Healthy,
  ContainerStatus,
  Networks,
  Network,
  NetworkIp,
  NetworkName,
  Addresses,
  Address,
  AddressIp,
  kCount,
};

// Where `key` leads in an object of kind `in`; None: nowhere.
Node child(Node in, std::string_view key);
// What the elements of an array of kind `array` are; None: it is not one of our arrays.
Node element(Node array);
// Whether the node is an object of ours.
bool is_object(Node node);
// Whether the node lists agents or tasks that may run, or is one of those listed: if one is lost on the way, an absence
// proves nothing.
bool is_census(Node node);
bool is_counted(Node node);

}  // namespace muster::mesos
