// `${...}` in the texts of a service, as Nomad's client replaces it, as far as that can be worked out from the API.
//
// Known: NOMAD_ALLOC_ID, SHORT_ALLOC_ID, ALLOC_NAME, ALLOC_INDEX, GROUP_NAME, TASK_NAME, JOB_ID, JOB_NAME,
// JOB_PARENT_ID, DC, NAMESPACE, REGION; META_<key> and META_<KEY>; IP_, PORT_, ADDR_, HOST_IP_, HOST_PORT_, HOST_ADDR_
// and ALLOC_PORT_, ALLOC_IP_, ALLOC_ADDR_, ALLOC_INTERFACE_ of a label, IP_, PORT_ and ADDR_ of <task>_<label>; the
// task's `env`; node.unique.id, node.unique.name, node.datacenter, node.region, node.class, node.pool, attr.*, meta.*.
// Not known: the environment of the client's host, of templates, hooks and devices, secrets, directories, limits, the
// ports of a driver's own network.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nomad/allocation.h"

namespace muster::nomad {

// All variables of one task, or of the group's services. The three must outlive it. Thread: one.
class Variables {
 public:
  // `task` empty: the group's. `allocation.job` is not null.
  Variables(const Allocation& allocation, const Node& node, std::string_view task)
      : allocation_(allocation), node_(node), task_(task) {}

  // What nobody here knows stays as it is written, and its name is added to `unknown`.
  std::string replace(std::string_view text);
  std::vector<std::string> replace(const std::vector<std::string>& texts);
  Meta replace(const Meta& pairs);  // keys and values

  // Names that stayed, since the last call, in the order of the alphabet.
  std::set<std::string> take_unknown();

 private:
  std::optional<std::string> find(const std::string& name);
  std::optional<std::string> find_of_node(const std::string& name) const;
  std::string replace_late(std::string_view text) const;
  void build();
  void add_identity();
  void add_task_ports();
  void add_group_ports();
  void add_meta();
  void add_env();
  void clean_names();

  const Allocation& allocation_;
  const Node& node_;
  std::string task_;
  bool built_ = false;
  Meta env_;
  std::set<std::string> unknown_;
};

// Does it hold a variable, replaced or not?
bool holds_variable(std::string_view text);
// Is `text` what `pattern` may become once each variable in it has some value?
bool may_become(std::string_view pattern, std::string_view text);

}  // namespace muster::nomad
