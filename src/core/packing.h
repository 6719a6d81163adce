// How an InstanceList keeps its instances: every field in the order of `fields`; lists carry a varint length, enums and
// flags one byte. A text is a varint: twice its length, and its bytes follow; or one more than twice the place where an
// equal one stands.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "muster/instance.h"

namespace muster::packing {

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

inline std::uint32_t& Texts::slot_of(std::string_view text) {
  std::size_t at = std::hash<std::string_view>{}(text) & (slots_.size() - 1);
  while (slots_[at] != 0 && Reader(buffer_, slots_[at] - 1).view() != text) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

inline void Texts::grow() {
  constexpr std::size_t kFirst = 64;
  const std::vector<std::uint32_t> old = std::exchange(slots_, {});
  slots_.resize(std::max(kFirst, 2 * old.size()));
  for (const std::uint32_t slot : old) {
    if (slot != 0) slot_of(Reader(buffer_, slot - 1).view()) = slot;
  }
}

}  // namespace muster::packing
