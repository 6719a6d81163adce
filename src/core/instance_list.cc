// Packing: every field in the order of `fields`; strings and lists carry a varint length, enums and flags one byte.
#include <algorithm>
#include <cassert>
#include <numeric>
#include <type_traits>

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

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

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
    put(std::uint64_t{text.size()});
    out_.append(text);
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
};

// Reads what Writer wrote; the bytes are our own, so there is nothing to distrust.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  template <typename... T>
  void operator()(T&... each) {
    (get(each), ...);
  }
  std::string_view view() {
    const std::size_t size = number();
    const std::string_view text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto next = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
  }
  void get(std::string& text) { text = view(); }
  template <typename E>
    requires std::is_enum_v<E>
  void get(E& value) {
    value = static_cast<E>(in_.front());
    in_.remove_prefix(1);
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

  std::string_view in_;
};

}  // namespace

void InstanceList::add(const Instance& instance) {
  assert(buffer_.size() < UINT32_MAX);  // 4 GiB of tasks on one host
  offsets_.push_back(static_cast<std::uint32_t>(buffer_.size()));
  Writer out(buffer_);
  out(instance);
}

Instance InstanceList::at(std::size_t index) const {
  Reader in(std::string_view(buffer_).substr(offsets_.at(index)));
  Instance instance;
  in(instance);
  return instance;
}

std::string_view InstanceList::id(std::size_t index) const {
  return Reader(std::string_view(buffer_).substr(offsets_[index])).view();
}

void InstanceList::seal() {
  // Ties (two instances of one id) are broken by their bytes, so that equal sets give equal lists.
  std::vector<std::uint32_t> order(offsets_.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto packed = [this](std::uint32_t index) {
    const std::size_t end = index + 1 < offsets_.size() ? offsets_[index + 1] : buffer_.size();
    return std::string_view(buffer_).substr(offsets_[index], end - offsets_[index]);
  };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const std::string_view left = id(a);
    const std::string_view right = id(b);
    return left != right ? left < right : packed(a) < packed(b);
  });
  std::string buffer;
  buffer.reserve(buffer_.size());
  std::vector<std::uint32_t> offsets;
  offsets.reserve(offsets_.size());
  for (const std::uint32_t index : order) {
    offsets.push_back(static_cast<std::uint32_t>(buffer.size()));
    buffer.append(packed(index));
  }
  buffer_ = std::move(buffer);
  offsets_ = std::move(offsets);
}

bool InstanceList::contains(std::string_view wanted) const {
  std::size_t low = 0;
  for (std::size_t high = offsets_.size(); low < high;) {
    const std::size_t middle = (low + high) / 2;
    if (id(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < offsets_.size() && id(low) == wanted;
}

}  // namespace muster
