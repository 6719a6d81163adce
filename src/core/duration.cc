#include "core/duration.h"

#include <array>
#include <charconv>
#include <utility>

namespace muster {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 8> kUnits{{
    // "ms" before "m": the longer name first
    {"ns", 1e-6},
    {"us", 1e-3},
    {"\xc2\xb5s", 1e-3},
    {"\xce\xbcs", 1e-3},
    {"ms", 1.0},
    {"s", 1e3},
    {"m", 6e4},
    {"h", 3.6e6},
}};
constexpr double kLongest = 9'223'372'036'854;  // milliseconds: Go holds 63 bits of nanoseconds, and Consul is Go

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(Fault::Leave, std::string(what) + "; give a number with a unit, such as 500ms, 10s or 1m30s");
}

// Takes one unit off the front; 0 when there is none.
double take_unit(std::string_view& text) {
  for (const auto& [name, factor] : kUnits) {
    if (text.starts_with(name)) {
      text.remove_prefix(name.size());
      return factor;
    }
  }
  return 0;
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds{0};
  if (text.empty()) return wrong("empty duration");
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, status] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (status != std::errc{} || !(number >= 0) || text.front() == '-') return wrong("not a duration");
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const double factor = take_unit(text);
    if (factor == 0) return wrong(text.empty() ? "missing unit in duration" : "unknown unit in duration");
    total += number * factor;
    if (total > kLongest) return wrong("duration is too long");
  }
  constexpr double kNoise = 1e-7;  // 1.009s is 1008.9999999999999 in binary; a tenth of a nanosecond mends it
  return std::chrono::milliseconds{static_cast<std::int64_t>(total + kNoise)};
}

std::string show_duration(std::chrono::milliseconds time) {
  const std::int64_t count = time.count();
  for (const auto& [unit, size] : {std::pair("h", 3'600'000), std::pair("m", 60'000), std::pair("s", 1'000)}) {
    if (count != 0 && count % size == 0) return std::to_string(count / size) + unit;
  }
  return std::to_string(count) + "ms";
}

}  // namespace muster
