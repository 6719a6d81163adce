// What becomes of each item of /state at its end.
#include <utility>

#include "core/text.h"
#include "mesos/state_builder.h"

namespace muster::mesos {

void StateBuilder::end_agent() {
  agent_.pid = parse_pid(agent_pid_);
  if (agent_.id.empty()) return reject_item("an agent has no id");
  if (!agent_.pid) {
    reject(Reason::NoAddress, "",
           "agent " + agent_.id + ": pid '" + agent_pid_.substr(0, 100) + "' holds no IP address");
  }
  Place& place = place_of(agent_.id);
  if (place.agent != SIZE_MAX) return;
  place.agent = state_.agents.size();
  state_.agents.push_back(std::move(agent_));
}

void StateBuilder::end_recovered() {
  if (recovered_.id.empty()) reject_item("a recovered agent has no id");
  state_.recovered->push_back(std::move(recovered_));
}

void StateBuilder::end_framework() {
  if (!framework_told_) reject_item("framework " + framework_id_.substr(0, 100) + " does not tell its tasks");
  if (framework_id_.empty() || !framework_name_) return;
  state_.groups.insert_or_assign(std::move(framework_id_), *std::move(framework_name_));
}

// The first of two labels with one key wins, as everywhere in mesos-consul; status labels are none of the task's own.
void StateBuilder::end_label(Node in) {
  switch (in) {
    case Node::TaskLabels:
      task_.add_label(std::move(label_), label_sound_);
      break;
    case Node::PortLabels:
      if (label_sound_) add_port_label(port_, std::move(label_));
      break;
    case Node::StatusLabels:
      if (label_.key == "MesosContainerizer.NetworkSettings.IPAddress") status_.mesos_ip = label_.value;
      if (label_.key == "Docker.NetworkSettings.IPAddress") status_.docker_ip = label_.value;
      break;
    default:
      break;
  }
}

void StateBuilder::end_status() {
  task_.add_status(std::move(status_));
  in_status_ = false;
}

void StateBuilder::end_mapping() {
  if (!in_status_) {
    task_.add_mapping(std::move(mapping_));
  } else if (status_.mappings.size() < kMostMappings) {
    status_.mappings.push_back(std::move(mapping_));
  }
}

// Mesos 0.25 had one `ip_address` instead of the list.
void StateBuilder::end_network() {
  if (status_.networks.size() == addresses_before_ && is_ip(network_ip_)) {
    status_.networks.push_back({AddressKind::NetInfo, network_ip_});
  }
  for (std::size_t i = addresses_before_; i < status_.networks.size(); ++i) {
    status_.networks[i].network = network_name_;
  }
}

void StateBuilder::end_task(Node in) {
  if (task_.instance.id.empty()) {
    if (task_.agent.empty()) return reject_item("a task has neither id nor agent");
    place_of(task_.agent).tasks->whole = false;
    return reject(Reason::NoId, "", "a task on agent " + task_.agent + " has no id");
  }
  if (task_.agent.empty()) {
    state_.whole = false;
    return reject(Reason::NoAddress, task_.instance.id, "task " + task_.instance.id + " names no agent");
  }
  const Place& place = place_of(task_.agent);
  AgentTasks& tasks = *place.tasks;
  const Phase phase = in == Node::LostTasks ? Phase::Lost : phase_of(task_.state);
  if (phase == Phase::Ended) tasks.ended.push_back(task_.instance.id);
  if (phase == Phase::Pending) tasks.pending.push_back(task_.instance.id);
  if (phase == Phase::Lost) tasks.lost.push_back(task_.instance.id);
  if (phase == Phase::Running || phase == Phase::Draining) keep(place, in == Node::OrphanTasks);
}

// Only a proof of the end is taken from a completed task; one that cannot be read proves nothing and costs nothing.
void StateBuilder::end_completed() {
  if (completed_.id.empty() || completed_.agent.empty() || phase_of(completed_.state) != Phase::Ended) return;
  AgentTasks& tasks = *place_of(completed_.agent).tasks;
  if (!tasks.held || tasks.held->contains(completed_.id)) tasks.ended.push_back(std::move(completed_.id));
}

StateBuilder::Place& StateBuilder::place_of(const std::string& agent) {
  const auto known = places_.find(agent);
  if (known != places_.end()) return known->second;
  auto& [id, tasks] = *state_.tasks.try_emplace(agent).first;
  if (held_) tasks.held = held_(agent);
  tasks.running.lean_on(tasks.held);
  return places_.try_emplace(id, Place{&tasks}).first->second;
}

void StateBuilder::keep(const Place& place, bool orphan) {
  task_.finish(limits_.ports);
  if (state_.rejections.size() < limits_.rejections) task_.take_rejections(state_.rejections);
  if (agents_read_ && framework_name_ && !orphan) {
    task_.instance.group = *framework_name_;
    return pack(place, task_.instance);
  }
  late_.push_back({task_.agent, orphan || task_.framework.empty() ? task_.framework : framework_id_, task_.instance});
  if (late_.back().framework.empty()) late_.back().framework = task_.framework;
}

void StateBuilder::pack(const Place& place, Instance& instance) const {
  const AgentInfo* const host = place.agent == SIZE_MAX ? nullptr : &state_.agents[place.agent];
  mesos::place(instance, host != nullptr && host->pid ? host->pid->ip : std::string());
  place.tasks->running.add(instance);
}

void StateBuilder::pack_late() {
  for (Late& late : late_) {
    const auto here = state_.groups.find(late.framework);
    const auto earlier = known_groups_.find(late.framework);
    if (here != state_.groups.end()) {
      late.instance.group = here->second;
    } else if (earlier != known_groups_.end()) {
      late.instance.group = earlier->second;
    } else {
      // An old master names no framework that has not come back: --fw-whitelist cannot tell, and must not remove.
      place_of(late.agent).tasks->pending.push_back(late.instance.id);
    }
    pack(place_of(late.agent), late.instance);
  }
}

}  // namespace muster::mesos
