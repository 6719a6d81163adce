#include <algorithm>
#include <cassert>
#include <utility>

#include "core/packing.h"
#include "muster/slice.h"

namespace muster {

using packing::Matcher;
using packing::Reader;
using packing::Texts;
using packing::Writer;

void InstanceList::pack(const Instance& instance) {
  if (!packed_) packed_ = std::make_shared<Packed>();
  if (packed_.use_count() > 1) packed_ = std::make_shared<Packed>(*packed_);
  assert(packed_->buffer.size() < UINT32_MAX);  // 4 GiB of tasks on one host
  packed_->offsets.push_back(static_cast<std::uint32_t>(packed_->buffer.size()));
  Writer out(packed_->buffer, Texts(packed_->buffer, texts_, text_count_));
  out(instance);
}

void InstanceList::add(const Instance& instance) {
  const std::size_t index = held_ ? held_->find(instance.id) : 0;
  if (held_ && index < held_->size() && held_->holds(index, instance)) {
    noted_.push_back(static_cast<std::uint32_t>(index));
  } else {
    pack(instance);
  }
}

Instance InstanceList::at(std::size_t index) const {
  if (index >= packed_size()) return held_->at(noted_.at(index - packed_size()));
  Reader in(packed_->buffer, packed_->offsets.at(index));
  Instance instance;
  in(instance);
  return instance;
}

std::string_view InstanceList::id(std::size_t index) const {
  return Reader(packed_->buffer, packed_->offsets[index]).view();
}

bool InstanceList::holds(std::size_t index, const Instance& instance) const {
  Matcher matcher(Reader(packed_->buffer, packed_->offsets[index]));
  matcher(instance);
  return matcher.matches();
}

void InstanceList::seal() {
  std::sort(noted_.begin(), noted_.end());
  const bool twice = std::adjacent_find(noted_.begin(), noted_.end()) != noted_.end();
  if (held_ && !packed_ && !twice && noted_.size() == held_->size()) {
    packed_ = held_->packed_;
  } else {
    for (const std::uint32_t index : noted_) pack(held_->at(index));
    sort();
  }
  held_.reset();
  noted_ = {};
  texts_ = {};
  text_count_ = 0;
}

// Ties (two instances of one id) are broken by their bytes, so that equal sets give equal lists.
void InstanceList::sort() {
  if (!packed_) return;
  const std::string& buffer = packed_->buffer;
  const auto alone = [&](std::uint32_t offset) {
    InstanceList list;
    Instance instance;
    Reader in(buffer, offset);
    in(instance);
    list.pack(instance);
    return list.packed_->buffer;
  };
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const std::string_view left = Reader(buffer, a).view();
    const std::string_view right = Reader(buffer, b).view();
    return left != right ? left < right : a != b && alone(a) < alone(b);
  };
  const bool sorted = std::is_sorted(packed_->offsets.begin(), packed_->offsets.end(), before);
  if (sorted && packed_.use_count() > 1) return;
  std::sort(packed_->offsets.begin(), packed_->offsets.end(), before);
  packed_->buffer.shrink_to_fit();
  packed_->offsets.shrink_to_fit();
}

bool InstanceList::same(const InstanceList& other) const {
  if (size() != other.size()) return false;
  if (packed_ == other.packed_) return true;
  if (packed_->buffer == other.packed_->buffer && packed_->offsets == other.packed_->offsets) return true;
  for (std::size_t i = 0; i < size(); ++i) {
    if (id(i) != other.id(i) || at(i) != other.at(i)) return false;
  }
  return true;
}

std::size_t InstanceList::find(std::string_view wanted) const {
  std::size_t low = 0;
  for (std::size_t high = packed_size(); low < high;) {
    const std::size_t middle = (low + high) / 2;
    if (id(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < packed_size() && id(low) == wanted ? low : size();
}

}  // namespace muster
