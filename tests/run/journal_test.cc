#include "run/journal.h"

#include <gtest/gtest.h>

namespace muster::run {
namespace {

Update answer(bool full, std::vector<std::string> details) {
  Update out{Domain::Listed, full, {}, {}};
  for (std::string& each : details) out.rejections.push_back({Reason::BadUnit, "web.service", std::move(each)});
  return out;
}

// Each event between two lists made the next list repeat all that was wrong.
TEST(Journal, WhatIsSkippedIsSaidOnceAlsoWhereEventsComeBetweenTheLists) {
  Journal journal({"systemd"}, false);
  const auto lines = [&](const Update& update) {
    testing::internal::CaptureStderr();
    journal.source("systemd", update);
    const std::string said = testing::internal::GetCapturedStderr();
    std::size_t count = 0;
    for (std::size_t at = said.find("skipped"); at != said.npos; at = said.find("skipped", at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(lines(answer(true, {"a", "b"})), 2U);
  EXPECT_EQ(lines(answer(false, {})), 0U);
  EXPECT_EQ(lines(answer(false, {"c"})), 1U);
  EXPECT_EQ(lines(answer(true, {"a", "b", "c"})), 0U);
  EXPECT_EQ(lines(answer(true, {"a"})), 0U);
  EXPECT_EQ(lines(answer(true, {"a", "b"})), 1U) << "it was right in between";
}

}  // namespace
}  // namespace muster::run
