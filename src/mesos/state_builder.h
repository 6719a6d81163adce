// The values of /state, put together from the pieces that a reader meets: what each text and number is of, and what
// becomes of an agent, a framework or a task at its end. Knows nothing of JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mesos/grammar.h"
#include "mesos/state.h"
#include "mesos/task.h"

namespace muster::mesos {

// Thread: one. Used for one document; the arguments must outlive it.
class StateBuilder {
 public:
  using Groups = std::map<std::string, std::string, std::less<>>;

  StateBuilder(const Groups& groups, const StateLimits& limits, const Held& held)
      : known_groups_(groups), limits_(limits), held_(held) {}

  // An object or array of ours (never Node::None) begins. Its values come next, and its end; `in` is what holds it.
  void begin(Node node);
  void end(Node node, Node in);
  void end_list(Node node);
  void text(Node node, std::string_view text);
  void number(Node node, double value);
  void boolean(Node node, bool value);
  // Something that should be an agent, a framework or a task, or a list of them, is none: no absence is proven.
  void reject_item(std::string detail);

  // Once, at the end of the document.
  Result<State> take();

 private:
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

  void reject(Reason reason, const std::string& item, std::string detail);
  // state_values.cc: where a value is kept as it stands; null: nowhere.
  std::string* text_of(Node node);
  double* number_of(Node node);
  // state_items.cc
  void end_agent();
  void end_recovered();
  void end_framework();
  void end_task(Node in);
  void end_completed();
  void end_label(Node in);
  void end_status();
  void end_mapping();
  void end_network();
  void keep(const Place& place, bool orphan);
  Place& place_of(const std::string& agent);
  void pack(const Place& place, Instance& instance) const;
  void pack_late();

  const Groups& known_groups_;
  const StateLimits& limits_;
  const Held& held_;

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

}  // namespace muster::mesos
