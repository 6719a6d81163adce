#include "mesos/state.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/text.h"
#include "mesos/grammar.h"
#include "mesos/pull_stream.h"
#include "mesos/task.h"

namespace muster::mesos {
namespace {

using Groups = std::map<std::string, std::string, std::less<>>;

class Decoder {
 public:
  using Ch = char;

  Decoder(PullStream& stream, const Groups& groups, const StateLimits& limits, const Held& held)
      : stream_(stream), known_groups_(groups), limits_(limits), held_(held) {}

  // The reader's events; false ends the reading.
  bool Null() { return scalar(); }
  bool Bool(bool value) {
    if (scalar()) on_bool(target_, value);
    return true;
  }
  bool Int(int value) { return number(value); }
  bool Uint(unsigned value) { return number(value); }
  bool Int64(std::int64_t value) { return number(static_cast<double>(value)); }
  bool Uint64(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool Double(double value) { return number(value); }
  bool RawNumber(const Ch*, rapidjson::SizeType, bool) { return scalar(); }
  bool String(const Ch* text, rapidjson::SizeType size, bool) {
    if (scalar() && target_ != Node::None) on_text(target_, {text, size});
    return true;
  }
  bool Key(const Ch* text, rapidjson::SizeType size, bool) {
    stream_.token_done();
    target_ = top().node == Node::None ? Node::None : child(top().node, {text, size});
    if (target_ == Node::None) stream_.skip_value();
    return true;
  }
  bool StartObject() {
    const Node node = next();
    if (is_census(node)) reject_item("a list of agents, frameworks or tasks is an object");
    return push({is_object(node) ? node : Node::None, false}) && begin();
  }
  bool StartArray() {
    const Node node = next();
    if (is_counted(node)) reject_item("an agent, framework or task is an array");
    return push({element(node) != Node::None ? node : Node::None, true}) && begin();
  }
  bool EndObject(rapidjson::SizeType) {
    const Node node = top().node;
    --depth_;
    if (node != Node::None) end(node);
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    if (top().node == Node::Agents) agents_read_ = true;
    --depth_;
    return true;
  }

  Result<State> take();

 private:
  struct Frame {
    Node node = Node::None;
    bool array = false;
  };
  struct CompletedTask {
    std::string id;
    std::string agent;
    std::string state;
  };
  // Of one agent id; it need not be an agent that is listed.
  struct Place {
    AgentTasks* tasks = nullptr;
    std::size_t agent = SIZE_MAX;  // in state_.agents
  };
  // A task that came before its agent or the name of its framework.
  struct Late {
    std::string agent;
    std::string framework;
    Instance instance;
  };

  Frame top() const { return depth_ == 0 ? Frame{} : frames_[depth_ - 1]; }
  Node next() const {
    if (depth_ == 0) return Node::Root;
    return top().array ? element(top().node) : target_;
  }
  bool push(Frame frame) {
    stream_.token_done();
    if (depth_ >= std::min(limits_.depth, frames_.size())) return false;
    frames_[depth_++] = frame;
    return true;
  }
  // Every value that is neither object nor array passes here; leaves what it is in target_.
  bool scalar() {
    stream_.token_done();
    const Node node = next();
    if (is_census(node) || is_counted(node)) {
      reject_item("an agent, framework or task, or a list of them, is a bare value");
    }
    if (top().array) target_ = Node::None;
    return true;
  }
  bool number(double value) {
    if (scalar()) on_number(target_, value);
    return true;
  }
  void reject(Reason reason, const std::string& item, std::string detail) {
    if (state_.rejections.size() < limits_.rejections) state_.rejections.push_back({reason, item, std::move(detail)});
  }
  void reject_item(std::string detail) {
    reject(Reason::NoId, "", std::move(detail));
    state_.whole = false;
  }

  bool begin();
  void end(Node node);
  void on_text(Node node, std::string_view text);
  void on_container_text(Node node, std::string_view text);
  void on_number(Node node, double value);
  void on_bool(Node node, bool value);
  void end_agent();
  void end_framework();
  void end_task();
  void end_completed();
  void end_label();
  void end_network();
  void keep(const Place& place);
  Place& place_of(const std::string& agent);
  void pack(const Place& place, Instance& instance) const;
  void pack_late();

  PullStream& stream_;
  const Groups& known_groups_;
  const StateLimits& limits_;
  const Held& held_;
  std::array<Frame, 64> frames_;
  std::size_t depth_ = 0;
  Node target_ = Node::None;

  State state_;
  bool saw_agents_ = false;
  bool saw_frameworks_ = false;
  bool agents_read_ = false;
  std::unordered_map<std::string_view, Place> places_;  // by the keys of state_.tasks
  std::vector<Late> late_;

  AgentInfo agent_;
  std::string agent_pid_;
  RecoveredAgent recovered_;
  std::string framework_id_;
  std::optional<std::string> framework_name_;
  bool framework_told_ = false;  // its tasks
  CompletedTask completed_;
  TaskDraft task_;
  StatusDraft status_;
  std::size_t addresses_before_ = 0;  // of status_ when the present network began
  std::string network_ip_;
  std::string network_name_;
  bool in_status_ = false;
  MappingDraft mapping_;
  Port port_;
  std::optional<double> port_number_;
  Label label_;
  bool label_sound_ = true;
};

bool Decoder::begin() {
  switch (top().node) {
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
  return true;
}

void Decoder::end(Node node) {
  switch (node) {
    case Node::Agent:
      end_agent();
      break;
    case Node::Recovered:
      if (recovered_.id.empty()) reject_item("a recovered agent has no id");
      state_.recovered->push_back(std::move(recovered_));
      break;
    case Node::Framework:
      end_framework();
      break;
    case Node::Task:
      end_task();
      break;
    case Node::Completed:
      end_completed();
      break;
    case Node::Port:
      task_.add_discovery_port(std::move(port_), port_number_);
      break;
    case Node::Label:
      end_label();
      break;
    case Node::Status:
      task_.add_status(std::move(status_));
      in_status_ = false;
      break;
    case Node::Mapping:
      if (!in_status_) {
        task_.add_mapping(std::move(mapping_));
      } else if (status_.mappings.size() < kMostMappings) {
        status_.mappings.push_back(std::move(mapping_));
      }
      break;
    case Node::Network:
      end_network();
      break;
    default:
      break;
  }
}

// A name of Mesos' own; what is longer names nothing that anybody will ask for.
std::string clip(std::string_view text) { return std::string(text.substr(0, 255)); }

std::string protocol(std::string_view text) {
  std::string low = muster::lower(text);
  return low == "tcp" || low == "udp" ? low : std::string();
}

void Decoder::on_text(Node node, std::string_view text) {
  switch (node) {
    case Node::Version:
      state_.master.version = text;
      break;
    case Node::MasterId:
      state_.master.id = text;
      break;
    case Node::Cluster:
      state_.master.cluster = text;
      break;
    case Node::MasterPid:
      state_.master.pid = text;
      break;
    case Node::Leader:
      state_.master.leader = text;
      break;
    case Node::MasterHostname:
      state_.master.hostname = text;
      break;
    case Node::AgentId:
      agent_.id = text;
      break;
    case Node::AgentHostname:
      agent_.hostname = text;
      break;
    case Node::AgentPid:
      agent_pid_ = text;
      break;
    case Node::RecoveredId:
      recovered_.id = text;
      break;
    case Node::RecoveredHostname:
      recovered_.hostname = text;
      break;
    case Node::FrameworkId:
      framework_id_ = text;
      break;
    case Node::FrameworkName:
      framework_name_ = text;
      break;
    case Node::CompletedId:
      completed_.id = text;
      break;
    case Node::CompletedAgent:
      completed_.agent = text;
      break;
    case Node::CompletedState:
      completed_.state = text;
      break;
    case Node::TaskId:
      task_.instance.id = text;
      break;
    case Node::TaskName:
      task_.instance.name = text;
      break;
    case Node::TaskFramework:
      task_.framework = text;
      break;
    case Node::TaskAgent:
      task_.agent = text;
      break;
    case Node::TaskState:
      task_.state = text;
      break;
    case Node::ResourcePorts:
      task_.resource_ports = text;
      break;
    case Node::PortName:
      port_.name = text;
      break;
    case Node::PortProtocol:
      port_.protocol = protocol(text);
      break;
    case Node::LabelKey:
      label_.key = text;
      break;
    case Node::LabelValue:
      label_.value = text;
      break;
    case Node::StatusState:
      status_.state = text;
      break;
    case Node::NetworkIp:
      network_ip_ = text;
      break;
    case Node::NetworkName:
      network_name_ = clip(text);
      break;
    case Node::AddressIp:
      if (is_ip(text)) status_.networks.push_back({AddressKind::NetInfo, std::string(text)});
      break;
    default:
      on_container_text(node, text);
      break;
  }
}

void Decoder::on_container_text(Node node, std::string_view text) {
  switch (node) {
    case Node::DockerNetwork:
      task_.docker_network = text;
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
    case Node::HealthType:
      task_.health->type = text;
      break;
    case Node::HealthScheme:
      task_.health->scheme = text;
      break;
    case Node::HealthPath:
      task_.health->path = text;
      break;
    default:
      break;
  }
}

void Decoder::on_number(Node node, double value) {
  switch (node) {
    case Node::ElectedTime:
      state_.master.elected_time = value;
      break;
    case Node::UnreachableCount:
      state_.master.unreachable_agents = value;
      break;
    case Node::Registered:
      agent_.registered = value;
      break;
    case Node::Reregistered:
      agent_.reregistered = value;
      break;
    case Node::Timestamp:
      status_.timestamp = value;
      break;
    case Node::PortNumber:
      port_number_ = value;
      break;
    case Node::MappingHost:
      mapping_.host = value;
      break;
    case Node::MappingContainer:
      mapping_.container = value;
      break;
    case Node::HealthInterval:
      task_.health->interval = value;
      break;
    case Node::HealthTimeout:
      task_.health->timeout = value;
      break;
    case Node::HealthFailures:
      task_.health->failures = value;
      break;
    case Node::HealthHttpPort:
      task_.health->http_port = value;
      break;
    case Node::HealthTcpPort:
      task_.health->tcp_port = value;
      break;
    case Node::LabelKey:
    case Node::LabelValue:
      label_sound_ = false;
      break;
    default:
      break;
  }
}

void Decoder::on_bool(Node node, bool value) {
  if (node == Node::Active) agent_.active = value;
  if (node == Node::Healthy) status_.healthy = value;
  if (node == Node::LabelKey || node == Node::LabelValue) label_sound_ = false;
}

void Decoder::end_agent() {
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

void Decoder::end_framework() {
  if (!framework_told_) reject_item("framework " + framework_id_.substr(0, 100) + " does not tell its tasks");
  if (framework_id_.empty() || !framework_name_) return;
  state_.groups.insert_or_assign(std::move(framework_id_), *std::move(framework_name_));
}

// The first of two labels with one key wins, as everywhere in mesos-consul; status labels are none of the task's own.
void Decoder::end_label() {
  switch (top().node) {
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

// Mesos 0.25 had one `ip_address` instead of the list.
void Decoder::end_network() {
  if (status_.networks.size() == addresses_before_ && is_ip(network_ip_)) {
    status_.networks.push_back({AddressKind::NetInfo, network_ip_});
  }
  for (std::size_t i = addresses_before_; i < status_.networks.size(); ++i) {
    status_.networks[i].network = network_name_;
  }
}

void Decoder::end_task() {
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
  const Phase phase = top().node == Node::LostTasks ? Phase::Lost : phase_of(task_.state);
  if (phase == Phase::Ended) tasks.ended.push_back(task_.instance.id);
  if (phase == Phase::Pending) tasks.pending.push_back(task_.instance.id);
  if (phase == Phase::Lost) tasks.lost.push_back(task_.instance.id);
  if (phase == Phase::Running || phase == Phase::Draining) keep(place);
}

// Only a proof of the end is taken from a completed task; one that cannot be read proves nothing and costs nothing.
void Decoder::end_completed() {
  if (completed_.id.empty() || completed_.agent.empty() || phase_of(completed_.state) != Phase::Ended) return;
  AgentTasks& tasks = *place_of(completed_.agent).tasks;
  if (!tasks.held || tasks.held->contains(completed_.id)) tasks.ended.push_back(std::move(completed_.id));
}

Decoder::Place& Decoder::place_of(const std::string& agent) {
  const auto known = places_.find(agent);
  if (known != places_.end()) return known->second;
  auto& [id, tasks] = *state_.tasks.try_emplace(agent).first;
  if (held_) tasks.held = held_(agent);
  tasks.running.lean_on(tasks.held);
  return places_.try_emplace(id, Place{&tasks}).first->second;
}

void Decoder::keep(const Place& place) {
  task_.finish(limits_.ports);
  if (state_.rejections.size() < limits_.rejections) task_.take_rejections(state_.rejections);
  const bool orphan = top().node == Node::OrphanTasks;
  if (agents_read_ && framework_name_ && !orphan) {
    task_.instance.group = *framework_name_;
    return pack(place, task_.instance);
  }
  late_.push_back({task_.agent, orphan || task_.framework.empty() ? task_.framework : framework_id_, task_.instance});
  if (late_.back().framework.empty()) late_.back().framework = task_.framework;
}

void Decoder::pack(const Place& place, Instance& instance) const {
  const AgentInfo* const host = place.agent == SIZE_MAX ? nullptr : &state_.agents[place.agent];
  mesos::place(instance, host != nullptr && host->pid ? host->pid->ip : std::string());
  place.tasks->running.add(instance);
}

void Decoder::pack_late() {
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

Result<State> Decoder::take() {
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

}  // namespace

Result<State> decode_state(const Pull& pull, const Groups& groups, const StateLimits& limits, const Held& held) {
  const auto stream = std::make_unique<PullStream>(pull, limits);
  Decoder decoder(*stream, groups, limits, held);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse(*stream, decoder);
  if (stream->problem()) return tl::unexpected(*stream->problem());
  if (parsed.IsError()) {
    const bool cut = stream->at_end();
    return fail(Fault::Keep,
                cut ? "state of the master is empty or cut short after " + std::to_string(stream->Tell()) + " bytes"
                    : "state of the master is not JSON at byte " + std::to_string(parsed.Offset()) + ": " +
                          rapidjson::GetParseError_En(parsed.Code()));
  }
  if (!stream->at_end()) return fail(Fault::Keep, "state of the master is followed by something else");
  return decoder.take();
}

Result<State> decode_state(std::string_view document, const Groups& groups, const StateLimits& limits,
                           const Held& held) {
  const Pull pull = [&document](char* into, std::size_t size) -> Result<std::size_t> {
    const std::size_t taken = std::min(size, document.size());
    std::memcpy(into, document.data(), taken);
    document.remove_prefix(taken);
    return taken;
  };
  return decode_state(pull, groups, limits, held);
}

}  // namespace muster::mesos
