#include "run/board.h"

#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster::run {
namespace {

using notation::Lines;
using notation::slice;

HostRef host(const std::string& id, const std::string& ip) { return {id, ip, "", ""}; }

AgentKey by_ip(const HostRef& of) { return {of.ip}; }

Lines urls(const std::vector<AgentKey>& agents) {
  Lines out;
  for (const AgentKey& each : agents) out.push_back(each.url);
  return out;
}

Update said(Domain domain, std::vector<HostSlice> slices) { return {domain, true, std::move(slices), {}}; }

TEST(Board, MarksTheAgentsWhoseHostsChangedAndNoOther) {
  Board board(by_ip);
  const auto both =
      said(Domain::Listed, {{host("S1", "1"), slice(Lines{"a web"})}, {host("S2", "2"), slice(Lines{"b web"})}});
  EXPECT_EQ(urls(board.post("mesos", both)), (Lines{"1", "2"}));
  EXPECT_EQ(urls(board.post("mesos", both)), Lines{});
  // The same again, but not the same object.
  EXPECT_EQ(urls(board.post("mesos", said(Domain::Listed, {{host("S1", "1"), slice(Lines{"a web"})}}))), Lines{});
  EXPECT_EQ(urls(board.post("mesos", said(Domain::Listed, {{host("S2", "2"), slice(Lines{"b web"}, false)}}))),
            Lines{"2"});
  EXPECT_EQ(board.instances("mesos"), 2u);
  EXPECT_EQ(board.instances("nomad"), 0u);
}

TEST(Board, TakesInAHostWhoseAddressChangedThoughItsAgentAndTasksDidNot) {
  Board board([](const HostRef&) { return AgentKey{"fixed"}; });
  const SlicePtr same = slice(Lines{"a web 80"});
  board.post("mesos", said(Domain::All, {{host("S1", "1"), same}}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {{host("S1", "2"), same}}))), Lines{"fixed"});
  EXPECT_EQ(board.wanted({"fixed"}).slices.at(0).host.ip, "2");
}

TEST(Board, UnitesHostsAndSourcesThatOneAgentServes) {
  Board board([](const HostRef&) { return AgentKey{"fixed"}; });
  board.post("nomad", said(Domain::Listed, {{host("n1", "1"), slice(Lines{"c web"})}}));
  board.post("mesos",
             said(Domain::All, {{host("S2", "2"), slice(Lines{"b web"})}, {host("S1", "1"), slice(Lines{"a web"})}}));
  const Wanted wanted = board.wanted({"fixed"});
  ASSERT_EQ(wanted.slices.size(), 3u);
  EXPECT_EQ(wanted.slices[0].source + wanted.slices[0].host.id, "mesosS1");
  EXPECT_EQ(wanted.slices[1].source + wanted.slices[1].host.id, "mesosS2");
  EXPECT_EQ(wanted.slices[2].source + wanted.slices[2].host.id, "nomadn1");
  EXPECT_EQ(wanted.settled, Lines{"mesos"});
  EXPECT_EQ(urls(board.agents()), Lines{"fixed"});
}

TEST(Board, MarksEveryAgentWhenASourceFirstKnowsAllItsHosts) {
  Board board(by_ip);
  board.post("nomad", said(Domain::Listed, {{host("n3", "3"), slice(Lines{})}}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {{host("S1", "1"), slice(Lines{})}}))), (Lines{"1", "3"}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {{host("S1", "1"), slice(Lines{})}}))), Lines{});
}

TEST(Board, DropsHostsThatACompleteListLeavesOutAndKeepsTheirAgentUntilItIsClean) {
  Board board(by_ip);
  board.post("mesos",
             said(Domain::All, {{host("S1", "1"), slice(Lines{"a web"})}, {host("S2", "2"), slice(Lines{"b web"})}}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::Listed, {{host("S1", "1"), slice(Lines{"a web"})}}))), Lines{});
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {{host("S1", "1"), slice(Lines{"a web"})}}))), Lines{"2"});
  EXPECT_TRUE(board.wanted({"2"}).slices.empty());
  EXPECT_EQ(board.wanted({"2"}).settled, Lines{"mesos"});
  EXPECT_EQ(urls(board.agents()), (Lines{"1", "2"}));
  EXPECT_EQ(urls(board.hostless()), Lines{"2"});
  board.retire({"2"});
  board.retire({"1"});  // serves a host: stays
  EXPECT_EQ(urls(board.agents()), Lines{"1"});
}

TEST(Board, LeavesTheHostsOfOtherSourcesAlone) {
  Board board(by_ip);
  board.post("nomad", said(Domain::All, {{host("S1", "1"), slice(Lines{"n web"})}}));
  board.post("mesos", said(Domain::All, {{host("S1", "1"), slice(Lines{"m web"})}}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {}))), Lines{"1"});
  const Wanted wanted = board.wanted({"1"});
  ASSERT_EQ(wanted.slices.size(), 1u);
  EXPECT_EQ(wanted.slices[0].source, "nomad");
}

TEST(Board, CleansTheOldAgentOfAHostThatIsServedByAnother) {
  Board board(by_ip);
  const SlicePtr same = slice(Lines{"a web"});
  board.post("mesos", said(Domain::All, {{host("S1", "1"), same}}));
  EXPECT_EQ(urls(board.post("mesos", said(Domain::All, {{host("S1", "2"), same}}))), (Lines{"1", "2"}));
  EXPECT_TRUE(board.wanted({"1"}).slices.empty());
  EXPECT_EQ(board.wanted({"2"}).slices.size(), 1u);
  EXPECT_EQ(urls(board.hostless()), Lines{"1"});
}

TEST(Board, KnowsTheHostsThatMovedByTheMarksOfWhatTheyLeft) {
  Board board(by_ip);
  board.post("systemd", said(Domain::Listed, {{host("S1", "1"), slice(Lines{"a web"})}}));
  const auto removal = [](const std::string& source, const std::string& id) {
    Action out{Verb::Deregister, {}, "", "", Proof::Unproven, {{kMetaSource, source}, {kMetaHost, id}}};
    return out;
  };
  Plan plan;
  plan.actions = {removal("systemd", "S1"), removal("systemd", "S1"), removal("systemd", "S9"), removal("nomad", "S1")};
  EXPECT_TRUE(board.moved({"1"}, plan).empty()) << "it is served here";
  board.post("systemd", said(Domain::Listed, {{host("S1", "2"), slice(Lines{"a web"})}}));
  const auto moved = board.moved({"1"}, plan);
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_EQ(moved[0].source + moved[0].host.id, "systemdS1");
  EXPECT_EQ(moved[0].host.ip, "2");
  EXPECT_TRUE(board.moved({"1"}, {}).empty());
}

TEST(Board, CountsFullReadsAndTellsThemBeforeAnybodyCanPlan) {
  Board board(by_ip);
  Update event = said(Domain::Listed, {{host("S1", "1"), slice(Lines{})}});
  event.full = false;
  board.post("mesos", event);
  std::uint64_t told = 0;
  Lines dirty;
  board.post("mesos", said(Domain::All, {{host("S1", "1"), slice(Lines{"a web"})}}),
             [&](const std::vector<AgentKey>& agents, std::uint64_t reads) {
               told = reads;
               dirty = urls(agents);
             });
  EXPECT_EQ(told, 1u);
  EXPECT_EQ(dirty, Lines{"1"});
  EXPECT_EQ(board.wanted({"1"}).reads, (std::map<std::string, std::uint64_t>{{"mesos", 1}}));
}

}  // namespace
}  // namespace muster::run
