// What decode.cc is put together from: one value of each kind out of its JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nomad/allocation.h"
#include "nomad/json.h"

namespace muster::nomad {

// The job's part for one group. A block that cannot be read is left out and named in `problems`; null where the job or
// the group cannot be read.
std::shared_ptr<const Job> make_job(Json json, std::string_view group, JobPool& pool);

// Nothing, and why, where its id, its status or a whole part of it cannot be read.
struct AllocationRead {
  std::string id;  // also of one that could not be read, where that much could
  std::optional<Allocation> allocation;
  std::string why;
};
AllocationRead make_allocation(Json json, JobPool& pool);

std::optional<Node> make_node(Json json, std::string& why);
std::optional<NativeService> make_native_service(Json json, std::string& why);

}  // namespace muster::nomad
