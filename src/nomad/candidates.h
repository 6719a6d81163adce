// The services that an allocation may offer: what each is called, and which registration of Nomad's client it is. Pure.
#pragma once

#include <string>
#include <vector>

#include "nomad/allocation.h"
#include "nomad/interpolate.h"

namespace muster::nomad {

// A service of the job, its names replaced as far as they can be.
struct Candidate {
  const ServiceBlock* block = nullptr;
  std::string name;
  std::string label;
  const NativeService* row = nullptr;
  std::string id;  // of its instance; empty: cannot be told, or is another's

  // A variable is left in what makes its id.
  bool nameless() const { return holds_variable(name) || holds_variable(label); }
};

Candidate make_candidate(const ServiceBlock& block, Variables& variables);

// First by equal names; then those with a variable left get the only free row that they can be, and its names.
void match_rows(const Allocation& allocation, const std::vector<NativeService>& rows,
                std::vector<Candidate>& candidates);

// "nomad:<alloc id>:<service>:<port label>"; a second service of that name and port gets its task behind it. Over all
// services, up or not, so that no id depends on which tasks run.
void give_ids(const std::string& alloc_id, std::vector<Candidate>& candidates);

}  // namespace muster::nomad
