#include "cli/config.h"

#include <gtest/gtest.h>

namespace muster::cli {
namespace {

using Items = std::vector<ConfigItem>;

Items read(std::string_view text) {
  auto items = parse_config(text);
  if (items) return *items;
  ADD_FAILURE() << items.error().message;
  return {};
}

std::string error(std::string_view text) {
  const auto items = parse_config(text);
  return items ? "" : items.error().message;
}

TEST(Config, ReadsBareAndQuotedValues) {
  EXPECT_EQ(read("a = 1\n"), (Items{{"a", {"1"}, 1}}));
  EXPECT_EQ(read("# c\n\n  a-b=x y  # note\r\nb='q\\d#'# note\n"), (Items{{"a-b", {"x y"}, 3}, {"b", {"q\\d#"}, 4}}));
  EXPECT_EQ(read(R"(a = "x\"\\\n\t")"), (Items{{"a", {"x\"\\\n\t"}, 1}}));
  EXPECT_EQ(read("zk = zk://h1:2181,h2:2181/mesos"), (Items{{"zk", {"zk://h1:2181,h2:2181/mesos"}, 1}}));
  EXPECT_EQ(read("a = \"\""), (Items{{"a", {""}, 1}}));
  EXPECT_EQ(read(""), Items{});
}

TEST(Config, ABareValueKeepsAHashWithoutABlankBeforeIt) { EXPECT_EQ(read("a = x#y"), (Items{{"a", {"x#y"}, 1}})); }

TEST(Config, ReadsArraysOverSeveralLines) {
  EXPECT_EQ(read("a = [ 'x,y', # first\n  \"z]\",\n bare,\n]\nb = 1"),
            (Items{{"a", {"x,y", "z]", "bare"}, 1}, {"b", {"1"}, 5}}));
  EXPECT_EQ(read("a = []"), (Items{{"a", {}, 1}}));
}

TEST(Config, ErrorsNameTheLineAndTheRemedy) {
  EXPECT_EQ(error("a = 1\n[consul]\n"), "2: sections are not used; write the settings without them");
  EXPECT_EQ(error("a\n"), "1: not a setting; write name = value");
  EXPECT_EQ(error("a = \n"), "1: no value; write name = value, or \"\" for an empty one");
  EXPECT_EQ(error("a = 'x\n"), "1: the quote is not closed");
  EXPECT_EQ(error("a = \"\\d\"\n"),
            "1: unknown escape; use \\\" \\\\ \\n or \\t, or single quotes, which keep backslashes");
  EXPECT_EQ(error("a = 'x' y\n"), "1: text after the value; quote the whole value");
  EXPECT_EQ(error("a = [1\n"),
            "2: no comma between two values of an array; separate them with commas and end it with ]");
  EXPECT_EQ(error("a = [1,\n"), "2: the array is not closed; end it with ]");
  EXPECT_EQ(error("= 1"), "1: not a setting; write name = value");
}

}  // namespace
}  // namespace muster::cli
