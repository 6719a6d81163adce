// An allocation's id in little memory: a big cluster has tens of thousands of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace muster::nomad {

// A UUID in small letters, as Nomad makes them (helper/uuid), in its 16 bytes; any other text as it is. In the order of
// its texts.
class AllocId {
 public:
  explicit AllocId(std::string_view text);

  std::string text() const;
  friend bool operator==(const AllocId& a, const AllocId& b) { return a <=> b == 0; }
  friend std::strong_ordering operator<=>(const AllocId& a, const AllocId& b);

 private:
  using Uuid = std::array<std::uint8_t, 16>;
  std::variant<Uuid, std::unique_ptr<const std::string>> id_;
};

}  // namespace muster::nomad
