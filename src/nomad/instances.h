// The services that an allocation offers, as instances. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/instance.h"
#include "muster/rules.h"
#include "nomad/allocation.h"

namespace muster::nomad {

struct ServiceSettings {
  bool ports = false;  // --nomad-ports
  friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

struct Made {
  std::vector<Instance> instances;    // Kind::Service, sorted by id, ids unique
  std::vector<Rejection> rejections;  // the same for the same input; `instance` is the would-be id, or the allocation's
  // Ids that the allocation offers in principle and that could not be made now (no row yet, no address, no network
  // status): no reason to remove what stands under them.
  std::vector<std::string> doubtful{};
  bool whole = true;  // false: an id could not even be worked out: that the allocation lacks one proves nothing
};

// What is up now: nothing for an allocation that is pending, ended or lost; group services while it runs, task services
// while their task does. One that is Stopping has all its instances in maintenance, and is over when the source says
// so. Phase::Unknown is treated as Running: what to do about it is the caller's policy.
//
// `rows`: the native services of this allocation as far as they are known (others are ignored). Final name, tags,
// address and port come from them, the rest from the job; without a row all is worked out as Nomad's client would. A
// client removes the rows of what is to stop before it does anything else: for a Stopping one give the last that were
// known, or what only they could tell is unknown again.
//
// `node` may be empty but for its id: what it cannot tell stays literal. A null job gives one rejection and nothing
// else: the caller fetches it first.
Made make_instances(const Allocation& allocation, const Node& node, const std::vector<NativeService>& rows,
                    const ServiceSettings& settings);

// "nomad:<alloc id>:", with which the ids of all instances of the allocation begin.
std::string id_prefix(std::string_view alloc_id);
// The allocation id in an instance's; "" when it is none of ours.
std::string_view allocation_of(std::string_view instance_id);

}  // namespace muster::nomad
