#include "log/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <thread>
#include <vector>

namespace muster::log {
namespace {

std::string logged(auto write_lines) {
  testing::internal::CaptureStderr();
  write_lines();
  return testing::internal::GetCapturedStderr();
}

std::string after_time(const std::string& line) { return line.substr(line.find(' ') + 1); }

TEST(Log, WritesUtcTimeLevelMessageAndFieldsOnOneLine) {
  const std::string line = logged([] { info("registered", {{"service", "web"}, {"why", "not there"}}); });
  ASSERT_GT(line.size(), 25u);
  const std::string shape = "dddd-dd-ddTdd:dd:dd.dddZ ";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 'd') {
      EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(line[i]))) << line;
    } else {
      EXPECT_EQ(line[i], shape[i]) << line;
    }
  }
  EXPECT_EQ(after_time(line), "INFO registered service=web why=\"not there\"\n");
}

TEST(Log, AHostileLabelCannotForgeALineOrAField) {
  const std::string line = logged([] {
    warn("label ignored\nINFO forged",
         {{"label", "x\n2026-01-01T00:00:00.000Z ERROR forged"}, {"tag", "a\" by=\"root"}});
  });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(after_time(line),
            "WARN label ignored\\nINFO forged label=\"x\\n2026-01-01T00:00:00.000Z ERROR forged\""
            " tag=\"a\\\" by=\\\"root\"\n");
}

TEST(Log, TerminalControlsAndBytesOutsideAsciiAreEscaped) {
  const std::string line = logged([] {
    error("\x1b[31m", {{"name",
                        "\xc2\x9b"
                        "1m\t"},
                       {"empty", ""}});
  });
  EXPECT_EQ(after_time(line), "ERROR \\x1b[31m name=\"\\xc2\\x9b1m\\t\" empty=\"\"\n");
}

TEST(Log, BracesAreNotFormatDirectives) {
  EXPECT_EQ(after_time(logged([] { info("{} {0} %v", {{"k", "{}%n"}}); })), "INFO {} {0} %v k={}%n\n");
}

TEST(Log, ALevelBelowTheThresholdIsSilent) {
  EXPECT_EQ(logged([] { debug("hidden"); }), "");
  set_level(Level::Error);
  EXPECT_EQ(logged([] { warn("hidden"); }), "");
  set_level(Level::Debug);
  EXPECT_EQ(after_time(logged([] { debug("seen"); })), "DEBUG seen\n");
  set_level(Level::Info);
}

TEST(Log, LinesOfManyThreadsStayWhole) {
  const std::string text = logged([] {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 100; ++i) info("line", {{"payload", std::string(200, 'x')}});
      });
    }
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 400);
  std::size_t whole = 0;
  for (std::size_t at = 0; (at = text.find("Z INFO line payload=" + std::string(200, 'x') + "\n", at)) != text.npos;
       ++at)
    ++whole;
  EXPECT_EQ(whole, 400u);
}

}  // namespace
}  // namespace muster::log
