// Everything one source knows of one host, immutable and shared between source and Board.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "muster/host.h"
#include "muster/instance.h"

namespace muster {

// Instances packed into one buffer, sorted by id: a tenth of the memory of live strings, and `==` is memcmp.
// 100,000 tasks must fit beside a second copy while a new answer is being read.
class InstanceList {
 public:
  // Adds one; the order of calls does not matter. Cost: a copy of its bytes.
  void add(const Instance& instance);
  // Sorts and gives back spare memory. Must be called after the last add and before any read; may be called again.
  void seal();

  std::size_t size() const { return offsets_.size(); }
  bool empty() const { return offsets_.empty(); }
  std::size_t bytes() const { return buffer_.size(); }
  Instance at(std::size_t index) const;
  std::string_view id(std::size_t index) const;  // valid while the list lives
  bool contains(std::string_view id) const;      // binary search
  friend bool operator==(const InstanceList&, const InstanceList&) = default;

 private:
  std::string buffer_;
  std::vector<std::uint32_t> offsets_;
};

// Unknown is not empty. Registrations follow `instances` always, also while the source is down. A removal needs the id
// in `ended`, or its absence from `instances` and `doubtful` while `complete`.
struct Slice {
  InstanceList instances;          // the last good knowledge
  bool complete = false;           // a full read begun after every listed event says that there is nothing else
  std::vector<std::string> ended;  // sorted ids that the scheduler itself reported as over
  // Sorted ids that the scheduler lists in a state that proves nothing: no reason to register them, and none to remove.
  std::vector<std::string> doubtful;
  friend bool operator==(const Slice&, const Slice&) = default;
};

using SlicePtr = std::shared_ptr<const Slice>;

struct HostSlice {
  HostRef host;
  SlicePtr slice;  // never null
};

}  // namespace muster
