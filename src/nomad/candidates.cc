#include "nomad/candidates.h"

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "nomad/instances.h"

namespace muster::nomad {
namespace {

using Taken = std::set<const NativeService*>;

// Group services have a task name of their own in Nomad's ids.
std::string owner_of(const Allocation& allocation, const ServiceBlock& block) {
  return block.task.empty() ? "group-" + allocation.group : block.task;
}

// The label at the end of the row's id, where the row is of this owner.
std::optional<std::string_view> label_of(const NativeService& row, const std::string& alloc, const std::string& owner) {
  const std::string head = "_nomad-task-" + alloc + "-" + owner + "-" + row.name + "-";
  if (row.alloc_id != alloc || !row.id.starts_with(head)) return std::nullopt;
  return std::string_view(row.id).substr(head.size());
}

void match_by_name(const Allocation& allocation, const std::vector<NativeService>& rows, Candidate& candidate) {
  const std::string owner = owner_of(allocation, *candidate.block);
  for (const NativeService& row : rows) {
    const auto label = label_of(row, allocation.id, owner);
    if (label && row.name == candidate.name && *label == candidate.label) candidate.row = &row;
  }
}

void match_by_pattern(const Allocation& allocation, const std::vector<NativeService>& rows, Candidate& candidate,
                      Taken& taken) {
  const std::string owner = owner_of(allocation, *candidate.block);
  std::vector<const NativeService*> fitting;
  for (const NativeService& row : rows) {
    const auto label = label_of(row, allocation.id, owner);
    const bool fits = label && may_become(candidate.name, row.name) && may_become(candidate.label, *label);
    if (fits && !taken.contains(&row)) fitting.push_back(&row);
  }
  if (fitting.size() != 1) return;
  candidate.row = fitting.front();
  candidate.name = candidate.row->name;
  candidate.label = *label_of(*candidate.row, allocation.id, owner);
  taken.insert(candidate.row);
}

}  // namespace

Candidate make_candidate(const ServiceBlock& block, Variables& variables) {
  Candidate out{&block, variables.replace(block.name), variables.replace(block.port_label), nullptr, {}};
  variables.take_unknown();
  return out;
}

void match_rows(const Allocation& allocation, const std::vector<NativeService>& rows,
                std::vector<Candidate>& candidates) {
  Taken taken;
  for (Candidate& candidate : candidates) {
    match_by_name(allocation, rows, candidate);
    if (candidate.row != nullptr) taken.insert(candidate.row);
  }
  for (Candidate& candidate : candidates) {
    if (candidate.row == nullptr && candidate.nameless()) match_by_pattern(allocation, rows, candidate, taken);
  }
}

void give_ids(const std::string& alloc_id, std::vector<Candidate>& candidates) {
  std::set<std::string> used;
  for (Candidate& candidate : candidates) {
    if (candidate.nameless()) continue;
    std::string id = id_prefix(alloc_id) + candidate.name + ":" + candidate.label;
    if (used.contains(id)) id += ":" + candidate.block->task;
    if (used.insert(id).second) candidate.id = std::move(id);
  }
}

}  // namespace muster::nomad
