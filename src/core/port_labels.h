// What the labels of a task say of the task itself, and of one of its ports. Pure. The grammar is in docs/mesos.md.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "muster/instance.h"
#include "muster/rules.h"

namespace muster {

// The first of several wins; null: there is none.
const std::string* find_label(const std::vector<Label>& labels, std::string_view key);

// Whether the `consul` label, --opt-in and --mesos-visibility let the task through. With compat only what a flag asks
// for counts.
bool opted_in(const Instance& task, const RuleSettings& settings);

// --service-port-label names a label that lists 0-based indexes of resource ports; nothing usable in it: all.
std::optional<std::set<std::size_t>> chosen_indexes(const Instance& task, const std::string& label);

struct PortSaid {
  bool wanted = true;               // not consul=false
  std::string name;                 // as written; empty: nothing is said
  std::vector<std::string> tags;    // besides the task's and Port::tags
  std::vector<Label> check_labels;  // the check_* labels in force for this port: its own, or the task's
  bool checked = false;             // one of these names a kind of check, be it empty: no other check is wanted
};

// The port's own labels, then the task's `port.<index>.<key>`, then its `port.<name>.<key>`; the last wins.
// `index`: from 0, among the ports of its origin.
PortSaid said_of(const Instance& task, const Port* port, std::size_t index);

}  // namespace muster
