#include "mesos/state_builder.h"

#include <algorithm>

namespace muster::mesos {

void StateBuilder::begin(Node node) {
  switch (node) {
    case Node::Agents:
      saw_agents_ = true;
      break;
    case Node::RecoveredAgents:
      state_.recovered.emplace();
      break;
    case Node::Frameworks:
      saw_frameworks_ = true;
      break;
    case Node::Agent:
      agent_ = {};
      agent_pid_.clear();
      break;
    case Node::Recovered:
      recovered_ = {};
      break;
    case Node::Framework:
      framework_id_.clear();
      framework_name_.reset();
      framework_told_ = false;
      break;
    case Node::Tasks:
      framework_told_ = true;
      break;
    case Node::Task:
      task_.reset();
      break;
    case Node::Completed:
      completed_ = {};
      break;
    case Node::Status:
      status_ = {};
      in_status_ = true;
      break;
    case Node::Network:
      addresses_before_ = status_.networks.size();
      network_ip_.clear();
      network_name_.clear();
      break;
    case Node::Mapping:
      mapping_ = {};
      break;
    case Node::HealthCheck:
      task_.health.emplace();
      break;
    case Node::Port:
      port_ = {};
      port_number_.reset();
      break;
    case Node::Label:
      label_ = {};
      label_sound_ = true;
      break;
    default:
      break;
  }
}

void StateBuilder::end(Node node, Node in) {
  switch (node) {
    case Node::Agent:
      end_agent();
      break;
    case Node::Recovered:
      end_recovered();
      break;
    case Node::Framework:
      end_framework();
      break;
    case Node::Task:
      end_task(in);
      break;
    case Node::Completed:
      end_completed();
      break;
    case Node::Port:
      task_.add_discovery_port(std::move(port_), port_number_);
      break;
    case Node::Label:
      end_label(in);
      break;
    case Node::Status:
      end_status();
      break;
    case Node::Mapping:
      end_mapping();
      break;
    case Node::Network:
      end_network();
      break;
    default:
      break;
  }
}

void StateBuilder::end_list(Node node) {
  if (node == Node::Agents) agents_read_ = true;
}

void StateBuilder::reject(Reason reason, const std::string& item, std::string detail) {
  if (state_.rejections.size() < limits_.rejections) state_.rejections.push_back({reason, item, std::move(detail)});
}

void StateBuilder::reject_item(std::string detail) {
  reject(Reason::NoId, "", std::move(detail));
  state_.whole = false;
}

Result<State> StateBuilder::take() {
  if (!saw_agents_ || !saw_frameworks_ || state_.master.id.empty()) {
    return fail(Fault::Keep, "the answer is JSON but not the state of a Mesos master");
  }
  pack_late();
  places_ = {};
  for (auto& [id, tasks] : state_.tasks) {
    std::sort(tasks.ended.begin(), tasks.ended.end());
    std::sort(tasks.lost.begin(), tasks.lost.end());
    std::sort(tasks.pending.begin(), tasks.pending.end());
  }
  return std::move(state_);
}

}  // namespace muster::mesos
