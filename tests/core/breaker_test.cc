// Removals by absence, judged per source over all agents of a wave.
#include "muster/breaker.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

using namespace std::chrono_literals;

const Breaker::Time kStart = Breaker::Time{} + 1000h;

AgentKey agent(int n) { return {"http://10.0.0." + std::to_string(n) + ":8500"}; }

Wanted wanted(int n, std::uint64_t read = 1) { return {agent(n), {}, {}, {{"mesos", read}}}; }

// An agent that holds `ours` services of which the first `absent` are to go, by absence unless told otherwise.
Plan plan(std::size_t ours, std::size_t absent, Proof proof = Proof::Absent) {
  Plan out;
  out.ours["mesos"] = ours;
  for (std::size_t i = 0; i < absent; ++i) {
    Action action;
    action.verb = Verb::Deregister;
    action.service.id = "muster:web." + std::to_string(i);
    action.proof = proof;
    action.marks[kMetaSource] = "mesos";
    out.actions.push_back(action);
  }
  return out;
}

std::string outcome(const Plan& judged) {
  std::map<std::string, int> held;
  for (const Held& each : judged.held) ++held[each.reason];
  std::string out = "goes " + std::to_string(judged.actions.size());
  for (const auto& [reason, count] : held) out += ", " + reason + " " + std::to_string(count);
  return out;
}

TEST(Breaker, FewAbsencesGoAtOnce) {
  Breaker breaker({});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 5), wanted(1), kStart)), "goes 5");
}

TEST(Breaker, MoreThanFiveAndThirtyPercentAreHeldAlsoRightAfterARestart) {
  Breaker breaker({});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 6), wanted(1), kStart)), "goes 0, breaker 6");
  Breaker large({});
  EXPECT_EQ(outcome(large.judge(plan(100, 30), wanted(1), kStart)), "goes 30");
  Breaker over({});
  EXPECT_EQ(outcome(over.judge(plan(100, 31), wanted(1), kStart)), "goes 0, breaker 31");
}

TEST(Breaker, ExplicitEndsAndRulesAreNeverHeldNorCounted) {
  Breaker breaker({});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 10, Proof::Ended), wanted(1), kStart)), "goes 10");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 10, Proof::Rules), wanted(1), kStart)), "goes 10");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 5), wanted(1), kStart)), "goes 5");
}

TEST(Breaker, TheWindowCountsWhatWentBefore) {
  Breaker breaker({});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 4), wanted(1), kStart)), "goes 4");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 4), wanted(2), kStart + 1min)), "goes 0, breaker 4");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 4), wanted(2), kStart + 6min)), "goes 4") << "the window is five minutes";
}

TEST(Breaker, NoAgentOfAWaveIsWipedBeforeTheWholeWaveIsSeen) {
  Breaker breaker({});
  breaker.expect("mesos", 1, {agent(1), agent(2), agent(3)});
  EXPECT_EQ(outcome(breaker.judge(plan(5, 5), wanted(1), kStart)), "goes 0, pending 5");
  EXPECT_TRUE(breaker.take_ripe().empty());
  EXPECT_EQ(outcome(breaker.judge(plan(5, 5), wanted(2), kStart)), "goes 0, pending 5");
  EXPECT_EQ(outcome(breaker.judge(plan(5, 5), wanted(3), kStart)), "goes 0, breaker 5");
  EXPECT_EQ(breaker.take_ripe(), (std::vector<AgentKey>{agent(1), agent(2)}));
  EXPECT_EQ(outcome(breaker.judge(plan(5, 5), wanted(1), kStart)), "goes 0, breaker 5");
}

TEST(Breaker, ATaskThatMovedLeavesItsOldHostOnceTheNewOneWasPlanned) {
  Breaker breaker({});
  breaker.expect("mesos", 1, {agent(1), agent(2)});
  EXPECT_EQ(outcome(breaker.judge(plan(5, 1), wanted(1), kStart)), "goes 0, pending 1");
  EXPECT_EQ(outcome(breaker.judge(plan(5, 0), wanted(2), kStart)), "goes 0");
  EXPECT_EQ(breaker.take_ripe(), std::vector<AgentKey>{agent(1)});
  EXPECT_EQ(outcome(breaker.judge(plan(5, 1), wanted(1), kStart)), "goes 1");
}

TEST(Breaker, ADeadAgentOfTheWaveHoldsUpNobody) {
  Breaker breaker({});
  breaker.expect("mesos", 1, {agent(1), agent(2)});
  EXPECT_EQ(outcome(breaker.judge(plan(5, 1), wanted(1), kStart)), "goes 0, pending 1");
  breaker.skip(agent(2));
  EXPECT_EQ(breaker.take_ripe(), std::vector<AgentKey>{agent(1)});
}

TEST(Breaker, APlanOnOlderKnowledgeDoesNotCountForTheWave) {
  Breaker breaker({});
  breaker.expect("mesos", 2, {agent(1), agent(2)});
  breaker.judge(plan(5, 0), wanted(2, 1), kStart);
  EXPECT_EQ(outcome(breaker.judge(plan(5, 1), wanted(1, 2), kStart)), "goes 0, pending 1");
}

TEST(Breaker, TheSameAbsenceIsBelievedAfterThreeReadsOverAMinute) {
  Breaker breaker({});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 1), kStart)), "goes 0, breaker 8");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 9), kStart + 59s)), "goes 0, breaker 8") << "too soon";
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 2), kStart + 61s)), "goes 0, breaker 8") << "two reads";
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 3), kStart + 61s)), "goes 8");
}

TEST(Breaker, WhatComesBackMeanwhileStartsAnew) {
  Breaker breaker({});
  breaker.judge(plan(10, 8), wanted(1, 1), kStart);
  EXPECT_EQ(outcome(breaker.judge(plan(10, 0), wanted(1, 2), kStart + 30s)), "goes 0");
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 3), kStart + 61s)), "goes 0, breaker 8");
}

TEST(Breaker, AnOperatorConfirmsWhatIsHeldNowAndNothingLater) {
  Breaker breaker({});
  breaker.judge(plan(10, 8), wanted(1), kStart);
  breaker.confirm();
  EXPECT_EQ(outcome(breaker.judge(plan(10, 9), wanted(1), kStart + 1s)), "goes 8, breaker 1");
}

// Forty services were confirmed away, came back, and went at once when they were absent again within the window.
TEST(Breaker, WhatCameBackAfterItWasLetThroughCountsAgain) {
  Breaker breaker({});
  breaker.judge(plan(40, 40), wanted(1), kStart);
  breaker.confirm();
  EXPECT_EQ(outcome(breaker.judge(plan(40, 40), wanted(1), kStart + 1s)), "goes 40");
  EXPECT_EQ(outcome(breaker.judge(plan(40, 40), wanted(1), kStart + 2s)), "goes 40") << "it failed, and is asked again";
  EXPECT_EQ(outcome(breaker.judge(plan(40, 0), wanted(1), kStart + 3s)), "goes 0") << "they run again";
  EXPECT_EQ(outcome(breaker.judge(plan(40, 40), wanted(1), kStart + 4s)), "goes 0, breaker 40");
}

TEST(Breaker, WhatWasOverTheLimitCanBeConfirmedWhileItWaitsForANewWave) {
  Breaker breaker({});
  breaker.judge(plan(10, 8), wanted(1), kStart);
  breaker.expect("mesos", 2, {agent(2)});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 2), kStart + 1s)), "goes 0, breaker 8");
  breaker.confirm();
  EXPECT_EQ(outcome(breaker.judge(plan(10, 8), wanted(1, 2), kStart + 2s)), "goes 8");
}

TEST(Breaker, SourcesAreJudgedApart) {
  Breaker breaker({});
  breaker.expect("nomad", 1, {agent(7)});
  EXPECT_EQ(outcome(breaker.judge(plan(10, 5), wanted(1), kStart)), "goes 5");
}

}  // namespace
}  // namespace muster
