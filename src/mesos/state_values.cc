// Where each text and number of /state goes.
#include <utility>

#include "core/text.h"
#include "mesos/state_builder.h"

namespace muster::mesos {
namespace {

// A name of Mesos' own; what is longer names nothing that anybody will ask for.
std::string clip(std::string_view text) { return std::string(text.substr(0, 255)); }

std::string protocol(std::string_view text) {
  std::string low = muster::lower(text);
  return low == "tcp" || low == "udp" ? low : std::string();
}

}  // namespace

std::string* StateBuilder::text_of(Node node) {
  switch (node) {
    case Node::Version:
      return &state_.master.version;
    case Node::MasterId:
      return &state_.master.id;
    case Node::Cluster:
      return &state_.master.cluster;
    case Node::MasterPid:
      return &state_.master.pid;
    case Node::Leader:
      return &state_.master.leader;
    case Node::MasterHostname:
      return &state_.master.hostname;
    case Node::AgentId:
      return &agent_.id;
    case Node::AgentHostname:
      return &agent_.hostname;
    case Node::AgentPid:
      return &agent_pid_;
    case Node::RecoveredId:
      return &recovered_.id;
    case Node::RecoveredHostname:
      return &recovered_.hostname;
    case Node::FrameworkId:
      return &framework_id_;
    case Node::FrameworkName:
      return &framework_name_.emplace();
    case Node::CompletedId:
      return &completed_.id;
    case Node::CompletedAgent:
      return &completed_.agent;
    case Node::CompletedState:
      return &completed_.state;
    case Node::TaskId:
      return &task_.instance.id;
    case Node::TaskName:
      return &task_.instance.name;
    case Node::TaskFramework:
      return &task_.framework;
    case Node::TaskAgent:
      return &task_.agent;
    case Node::TaskState:
      return &task_.state;
    case Node::ResourcePorts:
      return &task_.resource_ports;
    case Node::PortName:
      return &port_.name;
    case Node::LabelKey:
      return &label_.key;
    case Node::LabelValue:
      return &label_.value;
    case Node::StatusState:
      return &status_.state;
    case Node::NetworkIp:
      return &network_ip_;
    case Node::DockerNetwork:
      return &task_.docker_network;
    case Node::HealthType:
      return &task_.health->type;
    case Node::HealthScheme:
      return &task_.health->scheme;
    case Node::HealthPath:
      return &task_.health->path;
    default:
      return nullptr;
  }
}

void StateBuilder::text(Node node, std::string_view text) {
  if (std::string* const kept = text_of(node)) {
    *kept = text;
    return;
  }
  switch (node) {
    case Node::PortProtocol:
      port_.protocol = protocol(text);
      break;
    case Node::NetworkName:
      network_name_ = clip(text);
      break;
    case Node::AddressIp:
      if (is_ip(text)) status_.networks.push_back({AddressKind::NetInfo, std::string(text)});
      break;
    case Node::ContainerNetworkName:
      task_.add_network(clip(text));
      break;
    case Node::MappingProtocol:
      mapping_.protocol = protocol(text);
      break;
    case Node::Visibility:
      task_.instance.visibility = clip(text);
      break;
    default:
      break;
  }
}

double* StateBuilder::number_of(Node node) {
  switch (node) {
    case Node::ElectedTime:
      return &state_.master.elected_time;
    case Node::UnreachableCount:
      return &state_.master.unreachable_agents;
    case Node::Registered:
      return &agent_.registered;
    case Node::Reregistered:
      return &agent_.reregistered;
    case Node::Timestamp:
      return &status_.timestamp;
    case Node::PortNumber:
      return &port_number_.emplace();
    case Node::MappingHost:
      return &mapping_.host.emplace();
    case Node::MappingContainer:
      return &mapping_.container.emplace();
    case Node::HealthInterval:
      return &task_.health->interval;
    case Node::HealthTimeout:
      return &task_.health->timeout;
    case Node::HealthFailures:
      return &task_.health->failures;
    case Node::HealthHttpPort:
      return &task_.health->http_port.emplace();
    case Node::HealthTcpPort:
      return &task_.health->tcp_port.emplace();
    default:
      return nullptr;
  }
}

void StateBuilder::number(Node node, double value) {
  if (double* const kept = number_of(node)) *kept = value;
  if (node == Node::LabelKey || node == Node::LabelValue) label_sound_ = false;
}

void StateBuilder::boolean(Node node, bool value) {
  if (node == Node::Active) agent_.active = value;
  if (node == Node::Healthy) status_.healthy = value;
  if (node == Node::LabelKey || node == Node::LabelValue) label_sound_ = false;
}

}  // namespace muster::mesos
