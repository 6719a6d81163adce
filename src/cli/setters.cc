#include "cli/setters.h"

#include <charconv>

#include "core/duration.h"
#include "core/text.h"

namespace muster::cli {

Setter set_text(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (value.empty()) return fail(Fault::Leave, "empty value; give one or leave the flag out");
    target = value;
    return {};
  };
}

Setter append_text(std::vector<std::string>& target) {
  return [&target](const std::string& value) -> Result<void> {
    target.push_back(value);
    return {};
  };
}

Setter set_switch(bool& target) {
  return [&target](const std::string& value) -> Result<void> {
    target = value == "true";
    return {};
  };
}

Setter set_number(std::size_t& target, std::size_t least, std::size_t most) {
  return [&target, least, most](const std::string& value) -> Result<void> {
    std::size_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stopped, status] = std::from_chars(value.data(), end, number);
    if (status != std::errc{} || stopped != end || number < least || number > most) {
      return fail(Fault::Leave, "not a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    target = number;
    return {};
  };
}

Setter set_duration(std::chrono::milliseconds& target, std::chrono::milliseconds least) {
  return [&target, least](const std::string& value) -> Result<void> {
    const auto parsed = parse_duration(value);
    if (!parsed) return tl::unexpected(parsed.error());
    if (*parsed < least) return fail(Fault::Leave, "too short; give at least " + std::to_string(least.count()) + "ms");
    target = *parsed;
    return {};
  };
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (const std::string& part : split(text, ',')) {
    const auto first = part.find_first_not_of(" \t");
    if (first != part.npos) parts.push_back(part.substr(first, part.find_last_not_of(" \t") - first + 1));
  }
  return parts;
}

}  // namespace muster::cli
