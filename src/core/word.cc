#include "core/word.h"

#include <fnmatch.h>

#include <algorithm>

namespace muster {
namespace {

bool among(const std::vector<std::string>& sorted, std::string_view id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

// Itself, or something that ends with '/' and stands at its front.
bool doubts(const Slice& slice, std::string_view id) {
  if (slice.doubtful.empty()) return false;
  if (among(slice.doubtful, id)) return true;
  for (std::size_t slash = id.find('/'); slash != id.npos; slash = id.find('/', slash + 1)) {
    if (among(slice.doubtful, id.substr(0, slash + 1))) return true;
  }
  return false;
}

bool covers(const Slice& slice, const std::string& id) {
  return std::any_of(slice.covers.begin(), slice.covers.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), id.c_str(), FNM_NOESCAPE) == 0;
  });
}

}  // namespace

Word word_of(const Slice& slice, std::string_view id) {
  if (slice.instances.contains(id)) return Word::Runs;
  if (among(slice.ended, id)) return Word::Ended;
  if (doubts(slice, id)) return Word::Doubtful;
  return slice.complete && !slice.covers.empty() && covers(slice, std::string(id)) ? Word::Absent : Word::None;
}

std::uint8_t distance_of(const Slice& slice, std::string_view id) {
  const std::size_t index = slice.instances.find(id);
  if (index == slice.instances.size()) return slice.distance;
  return std::max(slice.distance, slice.instances.at(index).distance);
}

Word nearer_word(const Wanted& wanted, std::string_view host, std::string_view id, std::uint8_t distance) {
  Word out = Word::None;
  for (const WantedSlice& each : wanted.slices) {
    if (each.host.id != host || distance_of(*each.slice, id) >= distance) continue;
    // What it says of others is that it does not follow them.
    if (!each.slice->covers.empty() && !covers(*each.slice, std::string(id))) continue;
    const Word word = word_of(*each.slice, id);
    if (word == Word::None) continue;
    out = word;
    distance = distance_of(*each.slice, id);
  }
  return out;
}

}  // namespace muster
