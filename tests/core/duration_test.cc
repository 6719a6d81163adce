#include "core/duration.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace muster {
namespace {

std::optional<std::int64_t> milliseconds(const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) return std::nullopt;
  return parsed->count();
}

TEST(Duration, ReadsWhatGoReads) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"0", 0},
      {"0s", 0},
      {"500ms", 500},
      {"10s", 10'000},
      {"1m", 60'000},
      {"1m30s", 90'000},
      {"1.5h", 5'400'000},
      {".5s", 500},
      {"5.s", 5'000},
      {"1h1m1s1ms", 3'661'001},
      {"1999us", 1},
      {"1000000ns", 1},
      {"999ns", 0},
      {"999999ns", 0},
      {"1000\xc2\xb5s", 1},
      {"1000\xce\xbcs", 1},
      {"1s1s", 2'000},
      {"0.1s", 100},
      {"0.3s", 300},
      {"2562047h", 9'223'369'200'000},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(milliseconds(text), expected) << text;
}

TEST(Duration, LosesNothingToFloatingPoint) {
  for (std::int64_t n = 1; n < 200'000; n += 7) {
    ASSERT_EQ(milliseconds(std::to_string(n) + "ms"), n);
    ASSERT_EQ(milliseconds(std::to_string(n) + "000us"), n);
    ASSERT_EQ(milliseconds(std::to_string(n) + "000000ns"), n);
    const std::string thousandths = std::to_string(1000 + n % 1000).substr(1);
    ASSERT_EQ(milliseconds(std::to_string(n / 1000) + "." + thousandths + "s"), n);
  }
}

TEST(Duration, RefusesTheRestAndSaysWhatWouldBeRight) {
  for (const std::string bad : {"",      " ",    "10",    "s",        "-1s",
                                "-0s",   "+1s",  "1 s",   "1s ",      " 1s",
                                "1e3s",  "1x",   "1d",    "1S",       "inf",
                                "infs",  "nan",  "nans",  "0x1s",     ".s",
                                "1..5s", "1,5s", "1s-1s", "2562048h", "99999999999999999999999h",
                                "1\xc2s"}) {
    const auto parsed = parse_duration(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().fault, Fault::Leave);
    EXPECT_NE(parsed.error().message.find("10s or 1m30s"), std::string::npos) << parsed.error().message;
  }
}

TEST(Duration, IsShownInItsLargestWholeUnit) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "0ms"}, {1, "1ms"}, {1500, "1500ms"}, {3000, "3s"}, {90'000, "90s"}, {1'800'000, "30m"}, {7'200'000, "2h"}};
  for (const auto& [count, text] : cases) {
    EXPECT_EQ(show_duration(std::chrono::milliseconds(count)), text);
    EXPECT_EQ(parse_duration(text)->count(), count);
  }
}

TEST(Duration, RefusesAnEmbeddedZeroByte) { EXPECT_FALSE(parse_duration(std::string_view("10s\0", 4))); }

}  // namespace
}  // namespace muster
