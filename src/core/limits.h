// What Consul takes of tags, Meta and the like, and ours on what it would take but nobody could use. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/label_checks.h"
#include "muster/instance.h"
#include "muster/service.h"

namespace muster {

// Limits of a Consul 1.8 agent on Meta; a service's id must leave room for what muster puts before and behind it.
inline constexpr std::size_t kMetaPairs = 64, kMetaKey = 128, kMetaValue = 512;
inline constexpr std::size_t kTags = 128, kTagBytes = 255, kNameBytes = 255, kIdBytes = 500;

// Each once, in order; stops one beyond kTags: limit_tags cuts there, and a label of a million commas costs no more.
void append_tags(std::vector<std::string>& tags, const std::vector<std::string>& more);
void limit_tags(std::vector<std::string>& tags, const Reject& reject);

// The instance's own pairs, then those of its labels whose key begins with one of `prefixes`, without it and with `_`
// in place of what Consul does not take in a key; the first of several such wins. Leaves room for our own marks.
Meta limited_meta(const Instance& instance, const std::vector<std::string>& prefixes, const Reject& reject);

// Weights, addresses for other audiences and EnableTagOverride of a finished service.
void add_finish(Service& service, const Instance& instance, const Reject& reject);

// "muster: <reason>", by which a maintenance of ours is known. Clipped; never not printable.
std::string maintenance_text(std::string_view reason);

}  // namespace muster
