#include "nomad/alloc_id.h"

#include <optional>

namespace muster::nomad {
namespace {

constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::string_view kDigits = "0123456789abcdef";

std::optional<std::array<std::uint8_t, 16>> uuid_of(std::string_view text) {
  if (text.size() != kForm.size()) return std::nullopt;
  std::array<std::uint8_t, 16> out{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == '-' && text[i] == '-') continue;
    const std::size_t digit = kDigits.find(text[i]);
    if (kForm[i] == '-' || digit == std::string_view::npos) return std::nullopt;
    std::uint8_t& byte = out[digits++ / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | digit);
  }
  return out;
}

}  // namespace

AllocId::AllocId(std::string_view text) {
  if (const auto uuid = uuid_of(text)) {
    id_ = *uuid;
  } else {
    id_ = std::make_unique<const std::string>(text);
  }
}

std::string AllocId::text() const {
  if (const auto* const other = std::get_if<1>(&id_)) return **other;
  std::string out(kForm);
  std::size_t digits = 0;
  for (char& c : out) {
    if (c == '-') continue;
    const std::uint8_t byte = std::get<0>(id_)[digits / 2];
    c = kDigits[digits++ % 2 == 0 ? byte >> 4 : byte & 0xf];
  }
  return out;
}

std::strong_ordering operator<=>(const AllocId& a, const AllocId& b) {
  const auto* const left = std::get_if<0>(&a.id_);
  const auto* const right = std::get_if<0>(&b.id_);
  if (left != nullptr && right != nullptr) return *left <=> *right;
  return a.text() <=> b.text();
}

}  // namespace muster::nomad
