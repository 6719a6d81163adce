// Patterns that can never match a name, because names are cleaned before they are tested. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace muster {

// A character in `pattern`, which RE2 has accepted, that no text made only of [0-9a-z-] and `also` can hold, if every
// match needs it or one like it. Errs on the side of nullopt: flags, classes with escapes and whatever may be left out
// are given the benefit of the doubt.
std::optional<char> impossible_literal(std::string_view pattern, std::string_view also);

}  // namespace muster
