#include "cli/parse.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/duration.h"

namespace muster::cli {
namespace {

using Strings = std::vector<std::string>;

// A small program with one flag of each kind.
struct Fixture {
  std::string refresh = "10s";
  Strings patterns;
  std::string token;
  std::string once = "unset";
  std::string config;
  std::map<std::string, std::string> variables;
  std::vector<FlagGroup> groups;
  Program program{"muster", "1.2.3", "keeps Consul true", {}, "  muster --refresh=5s\n"};

  Fixture() {
    const auto into = [](std::string& target) {
      return [&target](const std::string& value) -> Result<void> {
        target = value;
        return {};
      };
    };
    const auto duration = [this](const std::string& value) -> Result<void> {
      const auto parsed = parse_duration(value);
      if (!parsed) return tl::unexpected(parsed.error());
      refresh = value;
      return {};
    };
    const auto pattern = [this](const std::string& value) -> Result<void> {
      if (value.empty()) return fail(Fault::Leave, "empty pattern; remove the flag to allow every name");
      patterns.push_back(value);
      return {};
    };
    const auto refuse = [](const std::string&) { return fail(Fault::Leave, "not a token"); };
    groups = {{"General", {{"config", "FILE", "Read settings from FILE", "", false, false, into(config)}}},
              {"Source",
               {{"refresh", "DURATION", "Time between two full reads", "10s", false, false, duration},
                {"blacklist", "REGEX", "Leave out services that match", "", true, false, pattern},
                {"api-token", "TOKEN", "Secret", "", false, true, into(token)},
                {"bad-token", "TOKEN", "Secret that is always refused", "", false, true, refuse},
                {"once", "", "Make everything true once and exit", "", false, false, into(once)}}}};
  }

  Parsed parse(const Strings& arguments) {
    return cli::parse(program, groups, arguments, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  }

  std::string file(const std::string& text) {
    path = testing::TempDir() + "muster_parse_" + std::to_string(getpid()) + ".conf";
    std::ofstream(path) << text;
    return path;
  }
  std::string path;
};

TEST(Parse, ValuesComeBehindAnEqualsSignOrABlank) {
  Fixture f;
  EXPECT_EQ(f.parse({"--refresh=5s"}).err, "");
  EXPECT_EQ(f.refresh, "5s");
  EXPECT_EQ(f.parse({"--refresh", "6s"}).err, "");
  EXPECT_EQ(f.refresh, "6s");
}

TEST(Parse, ASwitchStandsAloneOrTakesATruthValue) {
  for (const auto& [argument, expected] : std::map<std::string, std::string>{{"--once", "true"},
                                                                             {"--once=true", "true"},
                                                                             {"--once=1", "true"},
                                                                             {"--once=false", "false"},
                                                                             {"--once=F", "false"}}) {
    Fixture f;
    EXPECT_EQ(f.parse({argument}).err, "") << argument;
    EXPECT_EQ(f.once, expected) << argument;
  }
  Fixture f;
  EXPECT_EQ(f.parse({"--once=maybe"}).err,
            "muster: --once=maybe: not a truth value; give true or false\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"--once="}).code, 2);
  EXPECT_EQ(f.parse({"--once", "false"}).code, 2) << "as in pflag, a switch takes its value behind '=' only";
}

TEST(Parse, RepeatedFlagsAccumulateAndAreNeverSplit) {
  Fixture f;
  EXPECT_EQ(f.parse({"--blacklist=a{1,3}", "--blacklist", "b c", "--blacklist=[x,y]", "--blacklist", "[d,e]",
                     "--blacklist=x=y", "--blacklist", "++", "--blacklist={}"})
                .err,
            "");
  EXPECT_EQ(f.patterns, (Strings{"a{1,3}", "b c", "[x,y]", "[d,e]", "x=y", "++", "{}"}));
}

TEST(Parse, OfAFlagThatIsNotRepeatableTheLastCounts) {
  Fixture f;
  EXPECT_EQ(f.parse({"--refresh=bad", "--refresh=7s"}).err, "");
  EXPECT_EQ(f.refresh, "7s");
}

TEST(Parse, ValuesMayBeginWithADash) {
  Fixture f;
  EXPECT_EQ(f.parse({"--blacklist=-a", "--blacklist=--once", "--blacklist", "-b"}).err, "");
  EXPECT_EQ(f.patterns, (Strings{"-a", "--once", "-b"}));
  EXPECT_EQ(f.once, "unset");
}

// CLI11 takes `--x=` for `--x` and eats the next argument.
TEST(Parse, AnEmptyValueIsAValueAndDoesNotEatTheNextArgument) {
  Fixture f;
  const Parsed parsed = f.parse({"--blacklist=", "--once"});
  EXPECT_EQ(parsed.err,
            "muster: --blacklist=: empty pattern; remove the flag to allow every name\nTry 'muster --help'.\n");
  EXPECT_EQ(f.once, "true");
  EXPECT_EQ(f.parse({"--blacklist", ""}).code, 2);
}

TEST(Parse, AForgottenValueDoesNotEatTheNextFlag) {
  Fixture f;
  EXPECT_EQ(f.parse({"--refresh", "--once"}).err,
            "muster: --refresh: missing value; write --refresh=DURATION\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"--refresh"}).err,
            "muster: --refresh: missing value; write --refresh=DURATION\nTry 'muster --help'.\n");
}

TEST(Parse, ErrorsNameFlagValueAndRemedyWhereverTheValueCameFrom) {
  const std::string what =
      "missing unit in duration; give a number with a unit, such as 500ms, 10s or 1m30s\nTry 'muster --help'.\n";
  Fixture line;
  const Parsed parsed = line.parse({"--refresh=10"});
  EXPECT_EQ(parsed.next, Parsed::Next::Exit);
  EXPECT_EQ(parsed.code, 2);
  EXPECT_EQ(parsed.out, "");
  EXPECT_EQ(parsed.err, "muster: --refresh=10: " + what);
  Fixture variable;
  variable.variables["MUSTER_REFRESH"] = "10";
  EXPECT_EQ(variable.parse({}).err, "muster: MUSTER_REFRESH=10: " + what);
  Fixture file;
  const std::string path = file.file("\nrefresh = 10\n");
  EXPECT_EQ(file.parse({"--config=" + path}).err, "muster: " + path + ":2: refresh = 10: " + what);
}

TEST(Parse, EveryErrorIsReportedAtOnce) {
  Fixture f;
  const std::string err = f.parse({"--refresh=10", "--once=x", "--nonsense"}).err;
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 4) << err;
}

TEST(Parse, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  Fixture f;
  const std::string path = f.file("refresh = 1s\nblacklist = ['f1', 'f2']\nonce = true\napi-token = file\n");
  f.variables = {
      {"MUSTER_CONFIG", path}, {"MUSTER_REFRESH", "2s"}, {"MUSTER_BLACKLIST", "e1\ne2"}, {"MUSTER_ONCE", ""}};
  const Parsed parsed = f.parse({"--refresh=3s"});
  EXPECT_EQ(parsed.err, "");
  EXPECT_EQ(f.refresh, "3s");
  EXPECT_EQ(f.patterns, (Strings{"e1", "e2"})) << "a layer replaces the ones below it, it does not add to them";
  EXPECT_EQ(f.once, "true") << "an empty variable counts as unset";
  EXPECT_EQ(f.token, "file");
  EXPECT_EQ(f.config, path);
  EXPECT_EQ(parsed.given.at("refresh"), "--refresh");
  EXPECT_EQ(parsed.given.at("blacklist"), "MUSTER_BLACKLIST");
  EXPECT_EQ(parsed.given.at("once"), path + ":3: once");
}

TEST(Parse, RepeatableSettingsOfAFileMayBeRepeatedLinesOrArrays) {
  Fixture f;
  EXPECT_EQ(f.parse({"--config=" + f.file("blacklist = a,b\nblacklist = \"c d\"\nblacklist = [e, 'f']\n")}).err, "");
  EXPECT_EQ(f.patterns, (Strings{"a,b", "c d", "e", "f"}));
}

TEST(Parse, AFileMayNotSetASingleValueTwice) {
  Fixture f;
  const std::string path = f.file("refresh = 1s\nrefresh = 2s\n");
  EXPECT_EQ(f.parse({"--config=" + path}).err,
            "muster: " + path +
                ":2: refresh: takes exactly one value; write it once, without brackets\nTry 'muster --help'.\n");
}

TEST(Parse, AnUnreadableOrMalformedFileIsAUsageError) {
  Fixture f;
  EXPECT_EQ(
      f.parse({"--config=/nonexistent/muster.conf"}).err,
      "muster: --config=/nonexistent/muster.conf: cannot be read: No such file or directory\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"--config=/"}).code, 2);
  const std::string path = f.file("refresh: 10s\n");
  EXPECT_EQ(f.parse({"--config=" + path}).err,
            "muster: " + path + ":1: not a setting; write name = value\nTry 'muster --help'.\n");
}

TEST(Parse, UnknownNamesSuggestTheNearest) {
  Fixture f;
  EXPECT_EQ(f.parse({"--refrsh=1s"}).err,
            "muster: --refrsh: unknown flag; did you mean --refresh?\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"--frobnicate"}).err, "muster: --frobnicate: unknown flag\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"-once"}).err, "muster: -once: unknown flag; did you mean --once?\nTry 'muster --help'.\n");
  const std::string path = f.file("blaclist = x\n");
  EXPECT_EQ(f.parse({"--config=" + path}).err,
            "muster: " + path + ":1: blaclist: unknown setting; did you mean blacklist?\nTry 'muster --help'.\n");
}

TEST(Parse, SecretsAreNotEchoed) {
  Fixture f;
  f.variables["MUSTER_BAD_TOKEN"] = "hunter2";
  for (const Strings& arguments : {Strings{}, Strings{"--bad-token=hunter2"}, Strings{"--bad-tokn=hunter2"},
                                   Strings{"--bad-tokn", "hunter2"}, Strings{"--refresh=zk://user:hunter2@host/x"}}) {
    const Parsed parsed = f.parse(arguments);
    EXPECT_EQ(parsed.code, 2);
    EXPECT_EQ(parsed.err.find("hunter2"), std::string::npos) << parsed.err;
  }
}

TEST(Parse, ControlCharactersOfAValueDoNotReachTheTerminal) {
  Fixture f;
  EXPECT_EQ(f.parse({"--refresh=1\n\x1b[2J"}).err.find('\x1b'), std::string::npos);
}

TEST(Parse, PositionalArgumentsAreAnError) {
  Fixture f;
  EXPECT_EQ(
      f.parse({"zk://localhost"}).err,
      "muster: 'zk://localhost': unexpected argument; every setting is written --name=value\nTry 'muster --help'.\n");
  EXPECT_EQ(f.parse({"--", "--once"}).code, 2);
  EXPECT_EQ(f.parse({"++", "--once"}).code, 2);
  EXPECT_EQ(f.parse({"-"}).code, 2);
  EXPECT_EQ(f.parse({""}).code, 2);
}

TEST(Parse, TheFirstWordMayBeAVerbOfTheTable) {
  Fixture f;
  f.program.verbs = {{"cleanup", "", "Remove what is ours"}, {"lint", "FILE", "Check a config file"}};
  EXPECT_EQ(f.parse({"cleanup", "--refresh=2s"}).verb, "cleanup");
  EXPECT_EQ(f.refresh, "2s");
  const Parsed lint = f.parse({"--refresh", "3s", "lint", "a.conf"});
  EXPECT_EQ(lint.verb, "lint");
  EXPECT_EQ(lint.operands, Strings{"a.conf"});
  EXPECT_EQ(f.parse({"cleanup", "extra"}).code, 2);
  EXPECT_EQ(f.parse({"unknown"}).code, 2);
}

TEST(Parse, HelpAndVersionGoToStdoutWithExitCodeZero) {
  Fixture f;
  for (const char* flag : {"--help", "-h"}) {
    const Parsed help = f.parse({"--nonsense", flag, "--refresh=bad"});
    EXPECT_EQ(help.next, Parsed::Next::Exit);
    EXPECT_EQ(help.code, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_NE(help.out.find("--refresh=DURATION"), std::string::npos);
    EXPECT_NE(help.out.find("[default: 10s]"), std::string::npos);
    EXPECT_TRUE(help.out.ends_with("Examples:\n  muster --refresh=5s\n"));
  }
  const Parsed version = f.parse({"--version"});
  EXPECT_EQ(version.out, "muster 1.2.3\n");
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(f.parse({}).next, Parsed::Next::Run);
}

}  // namespace
}  // namespace muster::cli
