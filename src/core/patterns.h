// One flag's patterns, compiled into one RE2. The only file pair that includes re2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"

namespace muster {

// Unanchored, RE2 syntax (the peers' Go patterns carry over). Immutable; any thread.
class Patterns {
 public:
  // Fault::Leave for an invalid or an empty pattern, naming `flag` and the value.
  static Result<Patterns> compile(std::string_view flag, const std::vector<std::string>& patterns);
  Patterns();
  ~Patterns();
  Patterns(Patterns&&) noexcept;
  Patterns& operator=(Patterns&&) noexcept;

  bool empty() const;
  bool match(std::string_view text) const;
  // Group 1 of the first pattern, in flag order, that has a group and matches.
  std::optional<std::string> first_group(std::string_view text) const;
  // The patterns that have no capture group, for a flag that needs one.
  std::vector<std::string> without_group() const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace muster
