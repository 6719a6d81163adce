// Everything one source knows of one host, immutable and shared between source and Board.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "muster/host.h"
#include "muster/instance.h"

namespace muster {

// Instances packed into one buffer, where a text that stands there already is only pointed to: tasks of one host repeat
// each other's labels. Copies of a sealed list share the buffer. Built by one thread; read by any, once sealed.
class InstanceList {
 public:
  // Before the first add: what is going to be added is likely to stand in `held` already, and is only noted where it
  // does. If all of it does, and nothing else stands there, the sealed list is `held` itself. May be null.
  void lean_on(std::shared_ptr<const InstanceList> held) { held_ = std::move(held); }
  // Adds one; the order of calls does not matter. Cost: a look at each of its texts, and a copy of the new ones.
  void add(const Instance& instance);
  // Sorts by id and gives back spare memory. Must be called after the last add and before any read but at(); may be
  // called again.
  void seal();

  std::size_t size() const { return packed_size() + noted_.size(); }
  bool empty() const { return size() == 0; }
  std::size_t bytes() const { return packed_ ? packed_->buffer.size() : 0; }
  Instance at(std::size_t index) const;
  std::string_view id(std::size_t index) const;  // valid while the list lives
  bool contains(std::string_view id) const { return find(id) < size(); }
  std::size_t find(std::string_view id) const;  // size() when it is not there; binary search
  // Cheap where both were added in the same order, and cheapest where they share a buffer.
  friend bool operator==(const InstanceList& a, const InstanceList& b) { return a.same(b); }

 private:
  struct Packed {
    std::string buffer;
    std::vector<std::uint32_t> offsets;
  };

  std::size_t packed_size() const { return packed_ ? packed_->offsets.size() : 0; }
  bool holds(std::size_t index, const Instance& instance) const;
  void pack(const Instance& instance);
  void sort();
  bool same(const InstanceList& other) const;

  std::shared_ptr<Packed> packed_;  // changed only while nobody shares it
  // Until it is sealed:
  std::shared_ptr<const InstanceList> held_;
  std::vector<std::uint32_t> noted_;  // indexes into held_
  std::vector<std::uint32_t> texts_;  // where each text of the buffer stands, by its hash
  std::uint32_t text_count_ = 0;
};

// Unknown is not empty. Registrations follow `instances` always, also while the source is down. A removal needs the id
// in `ended`, or its absence from `instances` and `doubtful` while `complete`.
struct Slice {
  InstanceList instances;          // the last good knowledge
  bool complete = false;           // a full read begun after every listed event says that there is nothing else
  std::vector<std::string> ended;  // sorted ids that the scheduler itself reported as over
  // Sorted ids that the scheduler lists in a state that proves nothing: no reason to register them, and none to remove.
  // One that ends with '/' stands for all that begin so: "machine/unit/" is every further service of the unit.
  std::vector<std::string> doubtful;
  // Of what `ended` and `doubtful` say, as Instance::distance: what a nearer slice of the same HostRef::id says there
  // of an Instance::key holds against what is seen from farther: it is not registered, and goes or stays accordingly.
  // A source whose ids are no keys leaves it at kApart, and is never asked about what another has said.
  static constexpr std::uint8_t kApart = 255;
  std::uint8_t distance = kApart;
  // fnmatch patterns of the Instance::keys that `distance` counts for; none: all. What matches and does not stand here
  // does not run, while it is `complete`, whatever is seen from farther.
  std::vector<std::string> covers{};
  friend bool operator==(const Slice&, const Slice&) = default;
};

using SlicePtr = std::shared_ptr<const Slice>;

struct HostSlice {
  HostRef host;
  SlicePtr slice;  // never null
};

}  // namespace muster
