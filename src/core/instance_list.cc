// Packing: every field in declaration order; strings and lists carry a varint length, enums and flags one byte.
#include <algorithm>
#include <cassert>
#include <numeric>

#include "muster/slice.h"

namespace muster {
namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  template <typename E>
  void byte(E value) {
    out_.push_back(static_cast<char>(value));
  }
  void item(std::string_view text) {
    number(text.size());
    out_.append(text);
  }
  void item(const Label& label) {
    item(label.key);
    item(label.value);
  }
  void item(const Address& address) {
    byte(address.kind);
    item(address.ip);
  }
  void item(const Port& port) {
    number(port.number);
    byte(port.origin);
    item(port.name);
    item(port.protocol);
    list(port.tags);
  }
  void item(const Check& check) {
    for (const std::string* field : {&check.id, &check.name, &check.http, &check.tcp, &check.grpc, &check.ttl,
                                     &check.interval, &check.timeout, &check.status}) {
      item(*field);
    }
    list(check.args);
  }
  template <typename T>
  void list(const std::vector<T>& items) {
    number(items.size());
    for (const T& each : items) item(each);
  }

 private:
  std::string& out_;
};

// Reads what Writer wrote; the bytes are our own, so there is nothing to distrust.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto next = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
  }
  template <typename E>
  void byte(E& value) {
    value = static_cast<E>(in_.front());
    in_.remove_prefix(1);
  }
  std::string_view view() {
    const std::size_t size = number();
    const std::string_view text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }
  void item(std::string& text) { text = view(); }
  void item(Label& label) {
    item(label.key);
    item(label.value);
  }
  void item(Address& address) {
    byte(address.kind);
    item(address.ip);
  }
  void item(Port& port) {
    port.number = static_cast<std::uint16_t>(number());
    byte(port.origin);
    item(port.name);
    item(port.protocol);
    list(port.tags);
  }
  void item(Check& check) {
    for (std::string* field : {&check.id, &check.name, &check.http, &check.tcp, &check.grpc, &check.ttl,
                               &check.interval, &check.timeout, &check.status}) {
      item(*field);
    }
    list(check.args);
  }
  template <typename T>
  void list(std::vector<T>& items) {
    items.resize(number());
    for (T& each : items) item(each);
  }

 private:
  std::string_view in_;
};

}  // namespace

void InstanceList::add(const Instance& instance) {
  assert(buffer_.size() < UINT32_MAX);  // 4 GiB of tasks on one host
  offsets_.push_back(static_cast<std::uint32_t>(buffer_.size()));
  Writer out(buffer_);
  out.item(instance.id);  // first, so that id() is cheap
  out.item(instance.key);
  out.byte(instance.kind);
  out.item(instance.name);
  out.item(instance.group);
  out.list(instance.labels);
  out.list(instance.tags);
  out.list(instance.addresses);
  out.list(instance.ports);
  out.list(instance.meta);
  out.list(instance.checks);
  out.byte(instance.health);
  out.byte(instance.draining);
}

Instance InstanceList::at(std::size_t index) const {
  Reader in(std::string_view(buffer_).substr(offsets_.at(index)));
  Instance instance;
  in.item(instance.id);
  in.item(instance.key);
  in.byte(instance.kind);
  in.item(instance.name);
  in.item(instance.group);
  in.list(instance.labels);
  in.list(instance.tags);
  in.list(instance.addresses);
  in.list(instance.ports);
  in.list(instance.meta);
  in.list(instance.checks);
  in.byte(instance.health);
  in.byte(instance.draining);
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
