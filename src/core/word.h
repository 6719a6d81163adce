// What slices say of one instance. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "muster/wanted.h"

namespace muster {

enum class Word : std::uint8_t {
  None,
  Runs,
  Ended,
  Doubtful,
  Absent,  // it would be there, if it ran: Slice::covers
};

Word word_of(const Slice& slice, std::string_view id);

// From how near the slice sees it; that of a thing which runs is its own.
std::uint8_t distance_of(const Slice& slice, std::string_view id);

// Of the slices of this host that are nearer than `distance` the nearest that says anything of what has this id, which
// is its Instance::key too where several sources see it. These sources call the host by one id.
Word nearer_word(const Wanted& wanted, std::string_view host, std::string_view id, std::uint8_t distance);

}  // namespace muster
