#include "units/specifier.h"

#include <gtest/gtest.h>

namespace muster::units {
namespace {

const Machine kMachine{"0123456789abcdef0123456789abcdef", {{'H', "host.example"}, {'b', "b00t"}}};

std::string expanded(const std::string& text, const std::string& unit) {
  const Expanded out = expand(text, *parse_name(unit), kMachine);
  EXPECT_TRUE(out.faults.empty()) << text;
  return out.text;
}

TEST(Specifier, GivesThePartsOfTheName) {
  EXPECT_EQ(expanded("%n|%N|%p|%i|%j", "foo-bar@a-b.service"), "foo-bar@a-b.service|foo-bar@a-b|foo-bar|a-b|bar");
  EXPECT_EQ(expanded("%P|%I|%J", "foo-b\\x2dr@a-b.service"), "foo/b-r|a/b|b-r");
  EXPECT_EQ(expanded("%f", "x@a-b.service"), "/a/b");
  EXPECT_EQ(expanded("%f", "a-b.service"), "/a/b");
  EXPECT_EQ(expanded("[%i]", "web.service"), "[]");
}

TEST(Specifier, GivesTheMachine) {
  EXPECT_EQ(expanded("%m %H %b", "web.service"), "0123456789abcdef0123456789abcdef host.example b00t");
}

// A user's units had `<id>-<uid>`, which is the id of their services and of no machine.
TEST(Specifier, TheIdOfTheMachineMayBeAnotherThanThatOfItsServices) {
  const Machine user{"0123456789abcdef0123456789abcdef-1000", {{'m', "0123456789abcdef0123456789abcdef"}}};
  EXPECT_EQ(expand("%m", *parse_name("web.service"), user).text, "0123456789abcdef0123456789abcdef");
}

TEST(Specifier, APercentSignIsDoubledAndALoneOneAtTheEndIsItself) {
  EXPECT_EQ(expanded("100%% %%i 5%, 6%-7 8%", "web@1.service"), "100% %i 5%, 6%-7 8%");
}

TEST(Specifier, SaysWhichItDoesNotKnowAndLeavesThemAsTheyAre) {
  const Expanded out = expand("a%zb%l%I", *parse_name("web@\\x.service"), kMachine);
  EXPECT_EQ(out.text, "a%zb%l%I");
  ASSERT_EQ(out.faults.size(), 3U);
  EXPECT_EQ(out.faults[0].substr(0, 3), "%z:");
  EXPECT_NE(out.faults[1].find("not known to muster here"), std::string::npos);
  EXPECT_EQ(out.faults[2].substr(0, 3), "%I:");
}

TEST(UnitName, IsTakenApart) {
  EXPECT_EQ(parse_name("web@8081.service"), (UnitName{"web@8081.service", "web", "8081", "service", false}));
  EXPECT_EQ(parse_name("web@.service"), (UnitName{"web@.service", "web", "", "service", true}));
  EXPECT_EQ(parse_name("a.b.socket"), (UnitName{"a.b.socket", "a.b", "", "socket", false}));
  EXPECT_EQ(parse_name("a@b@c.service")->instance, "b@c");
  for (const char* bad : {"", "web", "web.exe", ".service", "@a.service", "a/b.service", "a b.service"}) {
    EXPECT_FALSE(parse_name(bad)) << bad;
  }
  EXPECT_FALSE(parse_name(std::string(250, 'x') + ".service"));
}

}  // namespace
}  // namespace muster::units
