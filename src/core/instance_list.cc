// Packing: every field in the order of `fields`; lists carry a varint length, enums and flags one byte. A text is a
// varint: twice its length, and its bytes follow; or one more than twice the place where an equal one stands.
#include <algorithm>
#include <cassert>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "muster/slice.h"

namespace muster {
namespace {

template <typename T, typename Of>
concept As = std::is_same_v<std::remove_const_t<T>, Of>;

// One description of each type, for writing and for reading.
template <typename Codec>
void fields(Codec& codec, As<Label> auto& of) {
  codec(of.key, of.value);
}

template <typename Codec>
void fields(Codec& codec, As<Header> auto& of) {
  codec(of.name, of.value);
}

template <typename Codec>
void fields(Codec& codec, As<Address> auto& of) {
  codec(of.kind, of.ip, of.inside, of.network);
}

template <typename Codec>
void fields(Codec& codec, As<Port> auto& of) {
  codec(of.number, of.inside, of.origin, of.name, of.protocol, of.tags, of.labels);
}

template <typename Codec>
void fields(Codec& codec, As<Check> auto& of) {
  codec(of.id, of.name, of.http, of.tcp, of.grpc, of.ttl, of.args, of.interval, of.timeout, of.method, of.header,
        of.tls_server_name, of.tls_skip_verify, of.grpc_use_tls, of.success_before_passing, of.failures_before_critical,
        of.notes, of.status, of.reported, of.output);
}

template <typename Codec>
void fields(Codec& codec, As<TaggedAddress> auto& of) {
  codec(of.address, of.port);
}

template <typename Codec>
void fields(Codec& codec, As<Instance> auto& of) {
  // The id first, so that id() is cheap.
  codec(of.id, of.key, of.kind, of.name, of.group, of.labels, of.tags, of.addresses, of.ports, of.meta, of.checks,
        of.health, of.draining, of.maintenance, of.visibility);
  if (of.kind == Kind::Service) {
    codec(of.weight_passing, of.weight_warning, of.enable_tag_override, of.tagged_addresses, of.distance);
  }
}

// Where texts stand in a buffer, as an open hash table: place + 1, or 0.
class Texts {
 public:
  static constexpr std::size_t kShortest = 5;  // a pointer to it takes as much

  Texts(const std::string& buffer, std::vector<std::uint32_t>& slots, std::uint32_t& count)
      : buffer_(buffer), slots_(slots), count_(count) {}

  // Where this text stands; nothing: nowhere, and it will stand at the buffer's end.
  std::optional<std::uint32_t> find_or_note(std::string_view text) {
    if (4 * (count_ + 1) > 3 * slots_.size()) grow();
    std::uint32_t& slot = slot_of(text);
    if (slot != 0) return slot - 1;
    slot = static_cast<std::uint32_t>(buffer_.size()) + 1;
    ++count_;
    return std::nullopt;
  }

 private:
  std::uint32_t& slot_of(std::string_view text);
  void grow();

  const std::string& buffer_;
  std::vector<std::uint32_t>& slots_;
  std::uint32_t& count_;
};

class Writer {
 public:
  Writer(std::string& out, Texts texts) : out_(out), texts_(texts) {}

  template <typename... T>
  void operator()(const T&... each) {
    (put(each), ...);
  }

 private:
  void put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void put(const std::string& text) {
    const auto place = text.size() < Texts::kShortest ? std::nullopt : texts_.find_or_note(text);
    put(place ? std::uint64_t{*place} << 1 | 1 : std::uint64_t{text.size()} << 1);
    if (!place) out_.append(text);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void put(const E& value) {
    out_.push_back(static_cast<char>(value));
  }
  template <typename N>
    requires std::is_integral_v<N>
  void put(const N& value) {
    put(std::uint64_t{value});
  }
  template <typename T>
  void put(const std::vector<T>& items) {
    put(std::uint64_t{items.size()});
    for (const T& each : items) put(each);
  }
  void put(const TaggedAddresses& items) {
    put(std::uint64_t{items.size()});
    for (const auto& [name, each] : items) (*this)(name, each);
  }
  template <typename T>
    requires std::is_class_v<T>
  void put(const T& value) {
    fields(*this, value);
  }

  std::string& out_;
  Texts texts_;
};

// Reads what Writer wrote; the bytes are our own, so there is nothing to distrust.
class Reader {
 public:
  Reader(std::string_view buffer, std::size_t place) : buffer_(buffer), in_(buffer.substr(place)) {}

  template <typename... T>
  void operator()(T&... each) {
    (get(each), ...);
  }
  std::string_view view() {
    const std::uint64_t word = number();
    if (word & 1) return Reader(buffer_, word >> 1).view();
    const std::string_view text = in_.substr(0, word >> 1);
    in_.remove_prefix(word >> 1);
    return text;
  }
  char byte() {
    const char value = in_.front();
    in_.remove_prefix(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto next = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
  }

 private:
  void get(std::string& text) { text = view(); }
  template <typename E>
    requires std::is_enum_v<E>
  void get(E& value) {
    value = static_cast<E>(byte());
  }
  template <typename N>
    requires std::is_integral_v<N>
  void get(N& value) {
    value = static_cast<N>(number());
  }
  template <typename T>
  void get(std::vector<T>& items) {
    items.resize(number());
    for (T& each : items) get(each);
  }
  void get(TaggedAddresses& items) {
    for (std::uint64_t left = number(); left > 0; --left) {
      std::string name;
      get(name);
      get(items[name]);
    }
  }
  template <typename T>
    requires std::is_class_v<T>
  void get(T& value) {
    fields(*this, value);
  }

  std::string_view buffer_;
  std::string_view in_;
};

// Whether a packed instance is the one that it is shown. After the first difference nothing is read any more.
class Matcher {
 public:
  explicit Matcher(Reader in) : in_(in) {}

  template <typename... T>
  void operator()(const T&... each) {
    ((matches_ = matches_ && same(each)), ...);
  }
  bool matches() const { return matches_; }

 private:
  bool same(const std::string& text) { return in_.view() == text; }
  template <typename E>
    requires std::is_enum_v<E>
  bool same(const E& value) {
    return in_.byte() == static_cast<char>(value);
  }
  template <typename N>
    requires std::is_integral_v<N>
  bool same(const N& value) {
    return in_.number() == std::uint64_t{value};
  }
  template <typename T>
  bool same(const std::vector<T>& items) {
    return in_.number() == items.size() && std::all_of(items.begin(), items.end(), [&](const T& e) { return same(e); });
  }
  bool same(const TaggedAddresses& items) {
    if (in_.number() != items.size()) return false;
    for (const auto& [name, each] : items) (*this)(name, each);
    return matches_;
  }
  template <typename T>
    requires std::is_class_v<T>
  bool same(const T& value) {
    fields(*this, value);
    return matches_;
  }

  Reader in_;
  bool matches_ = true;
};

std::uint32_t& Texts::slot_of(std::string_view text) {
  std::size_t at = std::hash<std::string_view>{}(text) & (slots_.size() - 1);
  while (slots_[at] != 0 && Reader(buffer_, slots_[at] - 1).view() != text) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

void Texts::grow() {
  constexpr std::size_t kFirst = 64;
  const std::vector<std::uint32_t> old = std::exchange(slots_, {});
  slots_.resize(std::max(kFirst, 2 * old.size()));
  for (const std::uint32_t slot : old) {
    if (slot != 0) slot_of(Reader(buffer_, slot - 1).view()) = slot;
  }
}

}  // namespace

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
