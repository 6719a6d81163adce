// What we know of one node's allocations over time, and what of it is proven to be over. Pure: time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/rules.h"
#include "muster/slice.h"
#include "nomad/allocation.h"
#include "nomad/instances.h"
#include "nomad/settings.h"

namespace muster::nomad {

// Thread: one. An allocation is over when it is terminal, when it was told to stop and its drain is over, or when
// Nomad, asked for it by its id, has none; never because a list lacks it.
class Ledger {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Ledger(const NomadSettings& settings) : settings_(settings) {}

  // Whether this word on an allocation is news: then its native services are asked for, and fold() comes next.
  bool news(const Allocation& allocation) const;
  // Takes one full allocation in. Older words than the last are ignored, unless `again`: its native services changed.
  void fold(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows, Time now,
            std::vector<Rejection>& rejections, bool again = false);
  // Nomad has no allocation of this id: 404 `alloc not found`.
  void end(const std::string& id);
  // A full list of the node was folded. `seen`: sorted ids that it had. `whole`: what it lacks is not there, in all
  // namespaces that we follow. Terminal allocations that it lacks were collected as garbage, and are forgotten in time.
  void listed(const std::vector<std::string>& seen, bool whole);
  // Those that may run, are known and are not in `seen`: to be asked for one by one.
  std::vector<std::string> missing(const std::vector<std::string>& seen) const;
  // A list or an answer that proves nothing: until the next whole one, absence is none.
  void doubt() { complete_ = false; }
  // Indexes go back where a cluster is restored from a snapshot: every next word is news.
  void restart();
  // Ends what was to stop and has drained. True: the slice changes.
  bool tick(Time now);
  std::optional<Time> due() const;  // of the next tick

  // The last one, when nothing changed.
  SlicePtr slice();
  bool holds(const std::string& id) const { return entries_.contains(id); }
  std::uint64_t index_of(const std::string& id) const;  // ModifyIndex of the last word; 0: not known
  std::size_t size() const { return entries_.size(); }
  std::vector<std::string> live() const;  // sorted ids of those that may run

 private:
  struct Entry {
    std::uint64_t index = 0;
    Phase phase = Phase::Pending;
    bool over = false;                 // ended, by whatever proof
    bool vague = false;                // some id of it could not be worked out
    std::optional<Time> drained{};     // when a stopping one is over
    std::vector<std::string> ended{};  // ids of its instances that are over
    std::vector<std::string> doubtful{};
  };

  std::vector<Instance> instances_of(const std::string& id) const;
  void put(const std::string& id, Entry& entry, std::vector<Instance> instances);
  void finish(const std::string& id, Entry& entry, const Allocation* allocation, const Node* node);
  void fold_live(const Allocation& allocation, Entry& entry, const Made& made, Time now);

  const NomadSettings& settings_;
  std::map<std::string, Entry> entries_;                  // by allocation id
  std::map<std::string, std::vector<Instance>> changed_;  // since the last slice()
  SlicePtr slice_;
  bool complete_ = false;
};

}  // namespace muster::nomad
