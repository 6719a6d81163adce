// A parsed JSON document, read with a type asked for each time: Nomad writes null for whatever is empty, and a field of
// a wrong type must cost only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::nomad {

// A value within a JsonDocument, valid while that lives; of a field that is absent, one of kind Absent.
class Json {
 public:
  enum class Kind : std::uint8_t { Absent, Null, Boolean, Number, Text, Array, Object };

  Json() = default;
  explicit Json(const void* value) : value_(value) {}

  Kind kind() const;
  bool nothing() const { return kind() <= Kind::Null; }
  // Of an object; Absent in everything else. The first of several with one name.
  Json operator[](std::string_view name) const;
  // Elements or members; 0 for everything else.
  std::size_t size() const;
  // index < size(). `name` of a member, `at` of either.
  Json at(std::size_t index) const;
  std::string_view name(std::size_t index) const;

  std::optional<std::string_view> text() const;
  std::optional<std::int64_t> integer() const;  // whole numbers within 64 bits
  std::optional<bool> boolean() const;

 private:
  const void* value_ = nullptr;
};

class JsonDocument {
 public:
  // Takes the bytes and reads in place. Nothing: no JSON, or text that is not UTF-8. Depth costs no stack.
  static std::optional<JsonDocument> parse(std::string bytes);
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  Json root() const;

 private:
  struct Held;
  explicit JsonDocument(std::unique_ptr<Held> held);
  std::unique_ptr<Held> held_;
};

}  // namespace muster::nomad
