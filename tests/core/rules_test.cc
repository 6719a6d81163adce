#include "muster/rules.h"

#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::Lines;
using notation::modern;
using notation::rules;

struct NameCase {
  const char* raw;
  const char* separator;
  const char* cleaned;
};

TEST(CleanName, IsMesosConsuls) {
  const NameCase cases[] = {
      {"web", "", "web"},
      {"Web", "", "web"},
      {"app.group.my", "", "app-group-my"},
      {"/my/group/app", "", "-my-group-app"},
      {"a_b_c", "", "abc"},
      {"a_b_c", "-", "a-b-c"},
      {"a_b", "__", "a__b"},
      {"a_b", "X", "axb"},
      {"--a--", "", "--a--"},
      {"a  b", "", "a--b"},
      {"caf\xc3\xa9", "", "caf-"},
      {"\xe6\x97\xa5\xe6\x9c\xac", "", "--"},
      {"a\xf0\x9f\x98\x80z", "", "a-z"},
      {"a\x01z", "", "a-z"},
      {"", "", ""},
      {"___", "", ""},
  };
  for (const NameCase& each : cases) {
    RuleSettings settings = modern();
    settings.group_separator = each.separator;
    EXPECT_EQ(rules(settings)->clean_name(each.raw), each.cleaned) << each.raw << " with '" << each.separator << "'";
  }
}

// Go's regexp takes each byte of a broken sequence for a character of its own.
TEST(CleanName, GivesADashAByteForBrokenUtf8AsGoDoes) {
  const auto compiled = rules(modern());
  EXPECT_EQ(compiled->clean_name("a\xffz"), "a-z");
  EXPECT_EQ(compiled->clean_name("a\xc3z"), "a-z");
  EXPECT_EQ(compiled->clean_name("a\xc3\xa9\xa9z"), "a--z");
  EXPECT_EQ(compiled->clean_name("a\xe6\x97z"), "a--z");
  EXPECT_EQ(compiled->clean_name("\x80\x80"), "--");
}

struct SharedCase {
  Lines patterns;
  const char* raw;
  const char* cleaned;
};

TEST(SharedServiceName, TakesTheFirstPatternInFlagOrderThatHasAGroupAndMatches) {
  const SharedCase cases[] = {
      {{"(KafkaMesos)-.*"}, "KafkaMesos-0", "kafkamesos"},
      {{"(KafkaMesos)-.*"}, "KafkaMesos-1", "kafkamesos"},
      {{"(Task)-.*"}, "Task-0", "task"},
      {{"(KafkaBroker)-.*"}, "kafkabroker-0", "kafkabroker-0"},  // case counts
      {{"(Kafka)-.*"}, "MyKafka-0", "kafka"},                    // unanchored
      {{"Kafka-.*", "(Kaf)ka-.*"}, "Kafka-0", "kaf"},            // one without a group is passed over
      {{"(Zoo)-.*", "(Kafka)-.*"}, "Kafka-0", "kafka"},
      {{"(Kafka)-.*", "(Ka)fka-.*"}, "Kafka-0", "kafka"},
      {{"(Ka)fka-.*", "(Kafka)-.*"}, "Kafka-0", "ka"},
      {{"(My_App)-.*"}, "My_App-7", "myapp"},  // cleaned afterwards
      {{"()Kafka"}, "Kafka-0", ""},            // an empty group is an empty name
      {{"Kafka(-x)?"}, "Kafka-0", ""},         // a group that took no part is empty too
      {{"(a)(b)"}, "ab", "a"},
  };
  for (const SharedCase& each : cases) {
    RuleSettings settings = modern();
    settings.shared_service_name = each.patterns;
    EXPECT_EQ(rules(settings)->clean_name(each.raw), each.cleaned) << each.raw << " by " << each.patterns.front();
  }
}

struct ListCase {
  Lines white, black;
  const char* name;
  bool allowed;
};

TEST(Lists, AreUnanchoredAndBlacklistWins) {
  const ListCase cases[] = {
      {{}, {}, "web", true},
      {{"web"}, {}, "my-web-app", true},
      {{"^web$"}, {}, "my-web-app", false},
      {{"api", "web"}, {}, "web", true},
      {{"web"}, {"web"}, "web", false},
      {{}, {"task.*"}, "task-1", false},
      {{}, {"task.*"}, "web", true},
      {{"Web"}, {}, "web", false},  // names are lower case, so this never matches
      {{"(?i)WEB"}, {}, "web", true},
      {{"^a|b$"}, {}, "xb", true},
      {{"^a", "z$"}, {}, "mmz", true},
      {{"(?i)x", "WEB"}, {}, "web", false},  // a flag inside one pattern does not leak into the next
  };
  for (const ListCase& each : cases) {
    RuleSettings settings = modern();
    settings.whitelist = each.white;
    settings.blacklist = each.black;
    EXPECT_EQ(rules(settings)->allows_name(each.name), each.allowed)
        << each.name << " white " << testing::PrintToString(each.white) << " black "
        << testing::PrintToString(each.black);
  }
}

TEST(Lists, OfFrameworksSeeTheRawName) {
  RuleSettings settings = modern();
  settings.fw_whitelist = {"^Marathon"};
  settings.fw_blacklist = {"Test$"};
  const auto compiled = rules(settings);
  EXPECT_TRUE(compiled->allows_group("Marathon-1"));
  EXPECT_FALSE(compiled->allows_group("marathon-1"));
  EXPECT_FALSE(compiled->allows_group("MarathonTest"));
  EXPECT_FALSE(compiled->allows_group(""));
}

TEST(Compile, FailsClosedAndNamesFlagAndValue) {
  struct Case {
    const char* flag;
    Lines RuleSettings::* list;
  };
  const Case cases[] = {{"--whitelist=", &RuleSettings::whitelist},
                        {"--blacklist=", &RuleSettings::blacklist},
                        {"--fw-whitelist=", &RuleSettings::fw_whitelist},
                        {"--fw-blacklist=", &RuleSettings::fw_blacklist},
                        {"--shared-service-name=", &RuleSettings::shared_service_name}};
  for (const Case& each : cases) {
    for (const std::string bad : {"(", "a)|(b", "[z-a]", "*", "(?=x)", "\\1", "\xff", ""}) {
      RuleSettings settings = modern();
      settings.*each.list = {"fine", bad};
      const auto compiled = Rules::compile(settings);
      ASSERT_FALSE(compiled) << each.flag << bad;
      EXPECT_EQ(compiled.error().fault, Fault::Leave);
      EXPECT_NE(compiled.error().message.find(each.flag + bad + ":"), std::string::npos) << compiled.error().message;
    }
  }
}

// Each is good alone; joined blindly, the second would swallow the bracket behind it or clash with the first.
TEST(Compile, TakesPatternsThatAreOnlyTroublesomeWhenJoined) {
  RuleSettings settings = modern();
  settings.shared_service_name = {"(?P<name>Kafka)-.*", "(?P<name>Zoo)-.*"};
  settings.whitelist = {"\\Qa.b", "web"};
  const auto compiled = Rules::compile(settings);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ((*compiled)->clean_name("Zoo-1"), "zoo");
  EXPECT_TRUE((*compiled)->allows_name("web"));
  EXPECT_TRUE((*compiled)->allows_name("xa.b"));
  EXPECT_FALSE((*compiled)->allows_name("a-b"));
}

TEST(Compile, RefusesAnOwnerOrPrefixThatNoServiceCouldCarry) {
  for (const std::string& bad : {std::string(513, 'o'), std::string("a\nb"), std::string("\xff")}) {
    RuleSettings settings = modern();
    settings.owner = bad;
    EXPECT_FALSE(Rules::compile(settings));
    settings = modern();
    settings.service_id_prefix = bad;
    EXPECT_FALSE(Rules::compile(settings));
  }
}

TEST(Compile, FillsTheIdPrefixByMode) {
  EXPECT_EQ(rules(modern())->settings().service_id_prefix, "muster");
  EXPECT_EQ(rules(notation::compat())->settings().service_id_prefix, "mesos-consul");
  RuleSettings settings = notation::compat();
  settings.service_id_prefix = "mine";
  EXPECT_EQ(rules(settings)->settings().service_id_prefix, "mine");
}

TEST(Compile, RefusesAnIdPrefixThatNomadWouldTakeForItsOwn) {
  RuleSettings settings = modern();
  settings.service_id_prefix = "_nomad-muster";
  const auto refused = Rules::compile(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::Leave);
  EXPECT_EQ(refused.error().message.find("--service-id-prefix=_nomad-muster: "), 0U) << refused.error().message;
  settings.service_id_prefix = "nomad";
  EXPECT_TRUE(Rules::compile(settings));
}

TEST(Warnings, NameThePatternsThatCanNeverMatch) {
  struct Case {
    const char* pattern;
    bool warns;
  };
  // clang-format off
  const Case cases[] = {
      {"Web", true}, {"^web/.*", true}, {"my_app", true}, {"a b", true}, {"(Kafka)+x", true}, {"web", false},
      {"^web-.*$", false}, {"[A-Z]web", true}, {"(?i)Web", false}, {"Web|web", false}, {"W?eb", false},
      {"W*eb", false}, {"(Web)?app", false}, {"(Web)*app", false}, {"(Web){0,1}app", false}, {"W{0}eb", false},
      {"a.b", false}, {"\\w+", false}, {"\xc3\xa9?web", false}, {"(W-?)?eb", false},
      // A reviewer's story: '^task\.' stood in our own help, and an operator who copied it never learned that it
      // matches nothing.
      {"^task\\.", true}, {"web\\.shop", true}, {"a\\/b", true}, {"my\\_app", true}, {"Web|API", true},
      {"^(Web|API)$", true}, {"(?:Web|API)-x", true}, {"[A-Z]+", true}, {"[A-Z_]", true}, {"[]A]", true},
      {"[\\.]x", true}, {"[A-Z]{2,3}", true}, {"Web|", false}, {"(Web|)app", false}, {"^(Web|api)$", false},
      {"[a-zA-Z]", false}, {"[A-Za]", false}, {"[^a-z]", false}, {"[^A]", false}, {"[A-]", false},
      {"[[:alpha:]]", false}, {"[\\d_]", false}, {"[A-Z]?web", false}, {"[A-Z]*", false}, {"web\\.?", false},
      {"web\\-1", false}, {"\\S+\\W\\bx", false}, {"\\x61", false}, {"\\QWeb\\E", false}, {"\\pL", false},
      {"((W)?|(A))*b", false}, {"(?P<x>Web)", false}, {"[]a]", false}, {"^$", false}, {"(?i:Web)", false},
  };
  // clang-format on
  for (const Case& each : cases) {
    for (auto list : {&RuleSettings::whitelist, &RuleSettings::blacklist}) {
      RuleSettings settings = modern();
      settings.*list = {each.pattern};
      const auto compiled = rules(settings);
      EXPECT_EQ(compiled->warnings().size(), each.warns ? 1u : 0u) << each.pattern;
      if (each.warns && !compiled->warnings().empty()) {
        EXPECT_NE(compiled->warnings()[0].find(each.pattern), std::string::npos) << compiled->warnings()[0];
      }
    }
  }
}

TEST(Warnings, SpareWhatTheGroupSeparatorMakesPossibleAndRawFrameworkNames) {
  RuleSettings settings = modern();
  settings.group_separator = "_";
  settings.whitelist = {"my_app"};
  settings.fw_whitelist = {"Marathon"};
  EXPECT_EQ(rules(settings)->warnings(), Lines{});
}

TEST(Warnings, TellOfASharedNameWithoutAGroup) {
  RuleSettings settings = modern();
  settings.shared_service_name = {"Kafka-.*"};
  ASSERT_EQ(rules(settings)->warnings().size(), 1u);
  EXPECT_EQ(rules(settings)->clean_name("Kafka-0"), "kafka-0");
}

TEST(TaskTag, AddsItsTagsToEveryNameThatHoldsItsText) {
  RuleSettings settings = modern();
  settings.task_tag = {"WEB:public,http", "api:rest", ":all"};
  const auto compiled = rules(settings);
  EXPECT_EQ(compiled->task_tags("my-web-api"), (Lines{"public", "http", "rest", "all"}));
  EXPECT_EQ(compiled->task_tags("worker"), Lines{"all"});
}

TEST(TaskTag, NeedsExactlyOneColonAndNoEmptyTag) {
  for (const std::string bad : {"", "web", "web:a:b", "web:", "web:a,", "web:,a", "::"}) {
    RuleSettings settings = modern();
    settings.task_tag = {bad};
    const auto compiled = Rules::compile(settings);
    ASSERT_FALSE(compiled) << bad;
    EXPECT_NE(compiled.error().message.find("--task-tag=" + bad + ":"), std::string::npos) << compiled.error().message;
  }
}

}  // namespace
}  // namespace muster
