#include "units/text.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::units {
namespace {

std::vector<std::string> values(const UnitText& text) {
  std::vector<std::string> out;
  for (const Entry& entry : text.entries) out.push_back(entry.key + "=" + entry.value + "@" + to_string(entry.place));
  return out;
}

using Strings = std::vector<std::string>;

TEST(UnitText, KnowsTheLineOfEachValueAndSkipsComments) {
  const UnitText text = decode_text("# c\n[X-Consul]\n; c\n\nName = web \nPort=1\n", "w.service");
  EXPECT_EQ(values(text), (Strings{"Name=web@w.service:5", "Port=1@w.service:6"}));
  ASSERT_EQ(text.sections.size(), 1U);
  EXPECT_EQ(text.sections[0].place, (Place{"w.service", 2}));
  EXPECT_TRUE(text.mistakes.empty());
}

TEST(UnitText, JoinsContinuedLinesWithABlankAndSkipsCommentsBetweenThem) {
  const UnitText text = decode_text("[X-Consul]\nTags=a\\\n  b \\\n# c\n c\nName=x", "f");
  EXPECT_EQ(values(text), (Strings{"Tags=a   b   c@f:2", "Name=x@f:6"}));
}

TEST(UnitText, AnEscapedBackslashAtTheEndContinuesNothing) {
  const UnitText text = decode_text("[X-Consul]\nName=a\\\\\nPort=1\n", "f");
  EXPECT_EQ(values(text), (Strings{"Name=a\\\\@f:2", "Port=1@f:3"}));
}

TEST(UnitText, ReadsCarriageReturnsAndAByteOrderMark) {
  const UnitText text = decode_text("\xEF\xBB\xBF[X-Consul]\r\nName=a\r\nPort=1\r", "f");
  EXPECT_EQ(values(text), (Strings{"Name=a@f:2", "Port=1@f:3"}));
}

TEST(UnitText, NotesALineThatIsNoAssignmentOnlyInOurSections) {
  const UnitText text = decode_text("lost\n[Service]\nnonsense\n[X-Consul]\nnonsense\n=x\n", "f");
  ASSERT_EQ(text.mistakes.size(), 2U);
  EXPECT_EQ(to_string(text.mistakes[0].place), "f:5");
  EXPECT_EQ(to_string(text.mistakes[1].place), "f:6");
}

// systemd 252 answers "Bad characters in section header" and loads nothing of such a unit.
TEST(UnitText, ReadsAQuotedSectionButSaysThatSystemdWillNot) {
  const UnitText text = decode_text("[X-Consul \"admin\"]\nPort=1\n", "f");
  EXPECT_EQ(values(text), (Strings{"Port=1@f:2"}));
  ASSERT_EQ(text.mistakes.size(), 1U);
  EXPECT_NE(text.mistakes[0].text.find("[X-Consul:NAME]"), std::string::npos);
}

TEST(UnitText, ABrokenHeaderTakesTheLinesBelowItOutOfEverySection) {
  const UnitText text = decode_text("[X-Consul]\nName=a\n[X-Consul\nPort=1\n", "f");
  EXPECT_EQ(values(text), (Strings{"Name=a@f:2"}));
  EXPECT_EQ(text.mistakes.size(), 1U);
}

TEST(UnitText, RefusesWhatIsNoTextAndWhatIsTooMuch) {
  const std::string head = "[X-Consul]\nName=a\n";
  std::string many = head;
  for (std::size_t i = 0; i <= kMostEntries; ++i) many += "Tags=x\n";
  for (const std::string& bad : {head + '\0', head + "\xff\xfe", head + std::string(kMostBytes, '\n'),
                                 head + std::string(kMostLineBytes + 1, 'x'), many}) {
    const UnitText text = decode_text(bad, "f");
    EXPECT_TRUE(text.entries.empty());
    EXPECT_EQ(text.mistakes.size(), 1U);
  }
}

TEST(UnitText, AContinuedLineIsBoundedAsAWhole) {
  std::string text = "[X-Consul]\nTags=a";
  for (int i = 0; i < 1000; ++i) text += std::string(100, 'x') + "\\\n";
  EXPECT_TRUE(decode_text(text, "f").entries.empty());
}

TEST(SplitWords, ReadsQuotesAndEscapesAsSystemdDoes) {
  EXPECT_EQ(split_words("a  \"b c\" 'd e' f\"g h\"i").words, (Strings{"a", "b c", "d e", "fg hi"}));
  EXPECT_EQ(split_words("a\\x20b \\u00e4 \\s \\101").words, (Strings{"a b", "\u00e4", " ", "A"}));
  EXPECT_EQ(split_words("\"\" x").words, (Strings{"", "x"}));
  EXPECT_TRUE(split_words("").sound);
}

TEST(SplitWords, KeepsTheWordsBeforeTheDamage) {
  for (const char* bad : {"a \"b", "a \\q", "a \\", "a \\x0", "a \\x00", "a \\uD800"}) {
    const Words words = split_words(bad);
    EXPECT_FALSE(words.sound) << bad;
    EXPECT_EQ(words.words, (Strings{"a"})) << bad;
  }
}

}  // namespace
}  // namespace muster::units
