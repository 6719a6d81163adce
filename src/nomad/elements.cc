#include "nomad/elements.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace muster::nomad {
namespace {

bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

tl::unexpected<Error> wrong(std::string what) { return fail(Fault::Keep, "not a JSON list: " + std::move(what)); }

class Splitter {
 public:
  Splitter(const DecodeLimits& limits, const OnElement& on_element) : limits_(limits), on_element_(on_element) {}

  // False: the document is wrong, see `problem`.
  bool take(char c) {
    if (depth_ > 0 || quoted_) return inside(c);
    switch (place_) {
      case Place::Before:
        return before(c);
      case Place::Null:
        return null(c);
      case Place::Within:
        return within(c);
      case Place::After:
        return blank(c) || say("it goes on behind its end");
    }
    return false;
  }
  bool complete() const { return place_ == Place::After; }
  const std::string& problem() const { return problem_; }

 private:
  enum class Place : std::uint8_t { Before, Null, Within, After };

  bool say(const char* what) {
    problem_ = what;
    return false;
  }

  bool before(char c) {
    if (blank(c)) return true;
    if (c == '[') {
      place_ = Place::Within;
      return true;
    }
    place_ = Place::Null;
    return null(c);
  }

  bool null(char c) {
    constexpr std::string_view kNull = "null";
    if (nulls_ >= kNull.size() || c != kNull[nulls_]) return say("it does not begin with a bracket");
    if (++nulls_ == kNull.size()) place_ = Place::After;
    return true;
  }

  // Between the outer brackets, in no element that has brackets of its own.
  bool within(char c) {
    if (blank(c)) return true;
    if (c == ',' || c == ']') {
      if (!started_ && (c == ',' || any_)) return say("an element is missing");
      if (started_) emit();
      any_ = true;
      if (c == ']') place_ = Place::After;
      return true;
    }
    if (c == '}') return say("a bracket is closed that was not opened");
    started_ = true;
    return inside(c);
  }

  bool inside(char c) {
    keep(c);
    if (quoted_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else {
        quoted_ = c != '"';
      }
      return true;
    }
    if (c == '"') quoted_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    return true;
  }

  void keep(char c) {
    if (size_++ < limits_.item) element_.push_back(c);
  }

  void emit() {
    on_element_(std::exchange(element_, {}), size_ > limits_.item);
    size_ = 0;
    started_ = false;
  }

  const DecodeLimits& limits_;
  const OnElement& on_element_;
  Place place_ = Place::Before;
  std::size_t nulls_ = 0;
  std::size_t depth_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
  bool started_ = false;
  bool any_ = false;
  std::size_t size_ = 0;
  std::string element_;
  std::string problem_;
};

}  // namespace

Result<void> read_elements(const Pull& pull, const DecodeLimits& limits, const OnElement& on_element) {
  Splitter splitter(limits, on_element);
  std::array<char, 64u << 10> buffer;
  for (std::size_t total = 0;;) {
    const Result<std::size_t> got = pull(buffer.data(), buffer.size());
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
    total += *got;
    if (total > limits.document) return wrong("it is over " + std::to_string(limits.document) + " bytes");
    for (std::size_t i = 0; i < *got; ++i) {
      if (!splitter.take(buffer[i])) return wrong(splitter.problem());
    }
  }
  if (!splitter.complete()) return wrong("it is cut short");
  return {};
}

Pull pull_of(std::string_view text) {
  return [text](char* into, std::size_t size) mutable -> Result<std::size_t> {
    const std::size_t taken = std::min(size, text.size());
    std::memcpy(into, text.data(), taken);
    text.remove_prefix(taken);
    return taken;
  };
}

}  // namespace muster::nomad
