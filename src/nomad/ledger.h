// What we know of one node's allocations over time, and what of it is proven to be over. Pure: time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/rules.h"
#include "muster/slice.h"
#include "nomad/alloc_id.h"
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
  // A full list of the node: begun, then each id that it has, then its end. What is folded meanwhile is in it. `whole`:
  // what it lacks is not there, in all namespaces that we follow. Terminal allocations that it lacks were collected as
  // garbage, and are forgotten in time.
  void begin_list();
  void see(const std::string& id);
  void listed(bool whole);
  // Those that may run, are known and have not been seen since begin_list(): to be asked for one by one.
  std::vector<std::string> missing() const;
  // A list or an answer that proves nothing: until the next whole one, absence is none.
  void doubt() { complete_ = false; }
  // Indexes go back where a cluster is restored from a snapshot: every next word is news.
  void restart();
  // Ends what was to stop and has drained. True: the slice changes.
  bool tick(Time now);
  std::optional<Time> due() const;  // of the next tick

  // The last one, when nothing changed.
  SlicePtr slice();
  bool holds(const std::string& id) const { return find(id) != nullptr; }
  std::size_t size() const { return entries_.size(); }
  bool has_live() const;  // any that may run

 private:
  // What few allocations have.
  struct Rest {
    std::optional<Time> drained;     // when a stopping one is over
    std::vector<std::string> ended;  // ids of its instances that are over
    std::vector<std::string> doubtful;
  };
  // One an allocation, in clusters that have tens of thousands: small.
  struct Entry {
    AllocId id;
    std::uint64_t index = 0;
    std::unique_ptr<Rest> rest{};  // null: nothing of it
    bool over = false;             // ended, by whatever proof
    bool vague = false;            // some id of it could not be worked out
    bool seen = false;             // since the list began
  };

  const Entry* find(const std::string& id) const;  // null: not known
  Entry* find(const std::string& id);
  Entry& entry_of(const std::string& id);
  static Rest& rest_of(Entry& entry);
  std::vector<Instance> instances_of(const std::string& id) const;
  void put(Entry& entry, std::vector<Instance> instances);
  void finish(Entry& entry, const Allocation* allocation, const Node* node);
  void fold_live(const Allocation& allocation, Phase phase, Entry& entry, const Made& made, Time now);

  const NomadSettings& settings_;
  std::vector<Entry> entries_;                                         // sorted by id
  std::map<std::string, std::vector<Instance>, std::less<>> changed_;  // since the last slice(), by allocation id
  SlicePtr slice_;
  bool complete_ = false;
};

}  // namespace muster::nomad
