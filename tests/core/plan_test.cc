#include "muster/plan.h"

#include <gtest/gtest.h>

#include "core/canary.h"
#include "core/notation.h"
#include "core/plan_text.h"
#include "core/report.h"
#include "muster/guard.h"

namespace muster {
namespace {

using notation::agent_with;
using notation::compat;
using notation::desired;
using notation::Lines;
using notation::modern;
using notation::show;
using notation::slice;
using notation::wanted;

const Owner kOwner{"prod", "muster"};

Service web(const std::string& text = "web.1 web 80 {tags=a; check_http=http://{host}/}") {
  return desired({text}, modern()).services.at(0);
}

Plan plan(const std::vector<Service>& services, const Actual& actual, const Owner& owner = kOwner) {
  return make_plan({services, {}}, actual, owner);
}

TEST(Plan, OfAnEmptyAgentRegistersAll) {
  const Plan got = plan({web()}, {});
  EXPECT_EQ(show(got.actions), Lines{"register muster:web.1:80 (not in the agent)"});
  EXPECT_EQ(got.actions[0].service, web());
  EXPECT_EQ(got.equal, 0u);
}

TEST(Plan, OfAnAgentThatIsRightIsEmpty) {
  const Plan got = plan({web()}, agent_with({web()}));
  EXPECT_EQ(show(got.actions), Lines{});
  EXPECT_EQ(got.equal, 1u);
  EXPECT_EQ(got.ours, (std::map<std::string, std::size_t>{{"mesos", 1}}));
}

struct Drift {
  const char* story;
  void (*change)(ActualService&);
  const char* why;
};

TEST(Plan, NamesEachDifferenceThatAnUpdateMends) {
  const std::string check = "http:muster:web.1:80";
  const Drift cases[] = {
      {"name", [](ActualService& s) { s.name = "old"; }, "name: old -> web"},
      {"tags", [](ActualService& s) { s.tags = {"x", "y"}; }, "tags: [x y] -> [a]"},
      {"tags that only look alike", [](ActualService& s) { s.tags = {}; }, "tags: [] -> [a]"},
      {"address", [](ActualService& s) { s.address = ""; }, "address:  -> 10.0.0.21"},
      {"port", [](ActualService& s) { s.port = 70000; }, "port: 70000 -> 80"},
      {"weights", [](ActualService& s) { s.weight_warning = 5; }, "weights differ"},
      {"override", [](ActualService& s) { s.enable_tag_override = true; }, "EnableTagOverride differs"},
      {"a check by hand", [](ActualService& s) { s.checks.clear(); }, "check http:muster:web.1:80 is missing"},
      {"a check's name", [](ActualService& s) { s.checks[0].name = "x"; }, "check http:muster:web.1:80 name: x -> up"},
      {"the catalog", [](ActualService& s) { s.unsynced = "the catalog lacks it"; }, "the catalog lacks it"},
      {"an address", [](ActualService& s) { s.tagged_addresses->clear(); }, "tagged address lan differs"},
      {"an address's port", [](ActualService& s) { (*s.tagged_addresses)["lan"].port = 0; },
       "tagged address lan differs"},
      {"a mark", [](ActualService& s) { s.meta[kMetaInstance] = "web.0"; }, "Meta muster_instance: web.0 -> web.1"},
      {"a mark lost", [](ActualService& s) { s.meta.erase(kMetaHost); }, "Meta muster_host:  -> S1"},
      {"Meta too much", [](ActualService& s) { s.meta["x"] = "y"; }, "Meta x is not wanted"},
      {"only the hash", [](ActualService& s) { s.meta[kMetaHash] = "0"; }, "definition changed"},
      {"the hash lost", [](ActualService& s) { s.meta.erase(kMetaHash); }, "definition changed"},
      {"two at once", [](ActualService& s) { s.port = 81, s.name = "w", s.meta[kMetaHash] = "0"; },
       "name: w -> web; port: 81 -> 80"},
  };
  for (const Drift& each : cases) {
    Service wanted = web();
    wanted.checks.at(0).name = "up";
    wanted.tagged_addresses["lan"] = {"10.0.0.9", 0};
    Actual actual = agent_with({wanted});
    (*actual.services[0].tagged_addresses)["lan_ipv4"] = {"10.0.0.21", 80};  // the agent's own
    each.change(actual.services[0]);
    const Plan got = plan({wanted}, actual);
    EXPECT_EQ(show(got.actions), Lines{std::string("update muster:web.1:80 (") + each.why + ")"}) << each.story;
    EXPECT_EQ(got.equal, 0u) << each.story;
    if (!got.actions.empty()) {
      EXPECT_EQ(got.actions[0].service, wanted);
    }
  }
}

Service unit(const std::string& status, const std::string& output = "") {
  Service out;
  out.id = "muster:a.service:80";
  out.name = "a";
  out.port = 80;
  out.meta = {{kMetaOwner, "prod"}, {kMetaSource, "systemd"}, {kMetaHash, "1"}};
  Check state;
  state.id = "ttl:muster:a.service:80";
  state.name = "unit";
  state.ttl = "720h";
  state.reported = true;
  state.status = status;
  state.output = output;
  out.checks = {state};
  return out;
}

TEST(Plan, ReportsTheStateOfAUnitOnceItDiffers) {
  const std::string head = "report_check muster:a.service:80 ttl:muster:a.service:80 (";
  const std::string enter = "register muster:a.service:80 (not in the agent)";
  EXPECT_EQ(show(plan({unit("passing")}, {}).actions), Lines{enter}) << "the status comes with the registration";
  EXPECT_EQ(show(plan({unit("passing", "running")}, {}).actions), (Lines{enter, head + "output differs)"}));
  const Actual held = agent_with({unit("passing", "running")});
  EXPECT_EQ(show(plan({unit("passing", "running")}, held).actions), Lines{});
  EXPECT_EQ(plan({unit("passing", "running")}, held).equal, 1u);
  EXPECT_EQ(show(plan({unit("passing", "exited")}, held).actions), Lines{head + "output differs)"});
  EXPECT_EQ(show(plan({unit("", "failed")}, held).actions), Lines{head + "passing -> critical)"});
  Actual expired = held;
  expired.services[0].checks[0].status = "critical";
  expired.services[0].checks[0].output = "TTL expired";
  const Plan got = plan({unit("passing", "running")}, expired);
  EXPECT_EQ(show(got.actions), Lines{head + "critical -> passing)"});
  EXPECT_EQ(got.actions.at(0).service.checks.at(0).output, "running");
  EXPECT_EQ(got.actions.at(0).check_id, "ttl:muster:a.service:80");
}

// An agent cuts what is over 4 KiB and adds words of its own; what it gives back must be what we compare with.
TEST(Plan, ReportsAnOutputThatIsTooLongOnceAndNotForEver) {
  std::string output;
  for (int i = 0; i < 2000; ++i) output += "\xc3\xa9";
  output = "\xff" + output;
  const Plan first = plan({unit("passing", output)}, agent_with({unit("passing")}));
  ASSERT_EQ(first.actions.size(), 1u);
  const std::string said = first.actions[0].service.checks.at(0).output;
  EXPECT_EQ(said.size(), 3071u) << "3072 would be half a character";
  EXPECT_TRUE(said.starts_with("?\xc3\xa9"));
  Actual held = agent_with({unit("passing")});
  held.services[0].checks[0].output = said;
  EXPECT_EQ(show(plan({unit("passing", output)}, held).actions), Lines{});
}

TEST(Plan, ReportsACheckThatCameBackWithItsService) {
  Actual held = agent_with({unit("warning", "reloading")});
  held.services[0].checks.clear();
  EXPECT_EQ(show(plan({unit("warning", "reloading")}, held).actions),
            (Lines{"update muster:a.service:80 (check ttl:muster:a.service:80 is missing)",
                   "report_check muster:a.service:80 ttl:muster:a.service:80 (output differs)"}));
}

TEST(Plan, ReportsNothingOfAServiceThatIsAnotherOwners) {
  Actual held = agent_with({unit("critical")});
  held.services[0].meta[kMetaOwner] = "other";
  held.services[0].meta[kMetaHash] = "2";
  Plan got = plan({unit("passing")}, held);
  EXPECT_EQ(got.conflicts.size(), 1u);
  EXPECT_EQ(show(renew(std::move(got), {{unit("passing")}, {}}, held, {0, std::chrono::hours(24)}).actions), Lines{});
}

TEST(Renewal, OfALongTtlComesThreeTimesATtlAndOfAShortOneAtEachAudit) {
  const auto renewals = [](const std::string& ttl, std::chrono::minutes interval, std::uint64_t rounds) {
    Service service = unit("passing");
    service.checks[0].ttl = ttl;
    const Actual held = agent_with({service});
    std::size_t count = 0;
    for (std::uint64_t round = 100; round < 100 + rounds; ++round) {
      const Plan got = renew(plan({service}, held), {{service}, {}}, held, {round, interval});
      for (const Action& action : got.actions) EXPECT_EQ(action.why, "renewed");
      count += got.actions.size();
    }
    return count;
  };
  using std::chrono::minutes;
  EXPECT_EQ(renewals("720h", minutes(10), 4320), 3u);
  EXPECT_EQ(renewals("1h", minutes(10), 6), 3u);
  EXPECT_EQ(renewals("30m", minutes(10), 6), 6u);
  EXPECT_EQ(renewals("10s", minutes(10), 6), 6u);
}

TEST(Renewal, IsOfWhatIsThereAndNotWrittenAnyway) {
  const Audit audit{0, std::chrono::hours(1000)};
  const Desired wanted{{unit("passing", "up")}, {}};
  const auto count = [&](const Actual& held) {
    return renew(plan(wanted.services, held), wanted, held, audit).actions.size();
  };
  EXPECT_EQ(count(agent_with({unit("passing", "up")})), 1u);
  EXPECT_EQ(count(agent_with({unit("critical")})), 1u) << "the report that differs, and no second";
  EXPECT_EQ(count({}), 2u) << "registered and reported";
  Actual without = agent_with({unit("passing", "up")});
  without.services[0].checks.clear();
  EXPECT_EQ(count(without), 2u) << "updated and reported";
}

TEST(Plan, LeavesTagsAloneWhereOthersMaySetThem) {
  Service overridable = web();
  overridable.enable_tag_override = true;
  Actual actual = agent_with({overridable});
  actual.services[0].tags = {"set", "by", "others"};
  EXPECT_EQ(show(plan({overridable}, actual).actions), Lines{});
}

TEST(Plan, IsNotMovedByACheckThatSomebodyHungOnOurService) {
  Actual actual = agent_with({web()});
  actual.services[0].checks.insert(actual.services[0].checks.begin(), ActualCheck{"backup"});
  EXPECT_EQ(show(plan({web()}, actual).actions), Lines{});
}

TEST(Plan, EndsChecksOfOursThatAreNoLongerWanted) {
  Actual actual = agent_with({web()});
  for (const char* id : {"http:muster:web.1:800", "other", "service:muster:web.1:80", "tcp:muster:web.1:80"}) {
    actual.services[0].checks.push_back({id});
  }
  EXPECT_EQ(
      show(plan({web()}, actual).actions),
      (Lines{"deregister_check muster:web.1:80 service:muster:web.1:80 (check service:muster:web.1:80 is not wanted)",
             "deregister_check muster:web.1:80 tcp:muster:web.1:80 (check tcp:muster:web.1:80 is not "
             "wanted)"}));
}

TEST(Plan, ClaimsAnUnmarkedServiceOfOurIdByOneUpdate) {
  const Service service = desired({"web.1 web 31000 {check_http=http://{host}/}"}, compat()).services.at(0);
  Actual actual = agent_with({service});
  actual.services[0].meta.clear();
  const Plan got = plan({service}, actual, {"prod", "mesos-consul"});
  EXPECT_EQ(show(got.actions), Lines{"update " + service.id + " (claims an unmarked service)"});
  EXPECT_EQ(got.ours, (std::map<std::string, std::size_t>{}));
}

// A PUT over a check of another kind leaves the old one running beside it: seen on 1.8.7.
TEST(Plan, EndsACheckOfAnotherKindBeforeItPutsOursInItsPlace) {
  Actual agent = agent_with({web()});
  agent.services[0].checks[0].kind = "ttl";
  EXPECT_EQ(
      show(plan({web()}, agent).actions),
      (Lines{"deregister_check muster:web.1:80 http:muster:web.1:80 (check http:muster:web.1:80 is of another kind)",
             "update muster:web.1:80 (check http:muster:web.1:80 is of another kind)"}));
  agent.services[0].checks[0].kind = "http";
  EXPECT_EQ(show(plan({web()}, agent).actions), Lines{});
}

// The hash covers the owner, so nobody else's service can bear ours.
TEST(Plan, TakesBackAServiceWhoseOwnerWasChangedByHand) {
  Actual agent = agent_with({web()});
  agent.services[0].meta[kMetaOwner] = "somebody";
  const Plan got = plan({web()}, agent);
  EXPECT_EQ(show(got.actions), Lines{"update muster:web.1:80 (Meta muster_owner: somebody -> prod)"});
  EXPECT_TRUE(got.conflicts.empty());
}

TEST(Plan, ReportsAServiceOfAnotherOwnerAndTouchesNothingOfIt) {
  Actual actual = agent_with({web()});
  actual.services[0].meta[kMetaOwner] = "other";
  actual.services[0].meta[kMetaHash] = "theirs";
  actual.services[0].maintenance = "muster: theirs";
  actual.services[0].checks = {{"tcp:muster:web.1:80"}};
  const Plan got = plan({web()}, actual);
  EXPECT_EQ(show(got.actions), Lines{});
  ASSERT_EQ(got.conflicts.size(), 1u);
  EXPECT_EQ(got.conflicts[0].service_id, "muster:web.1:80");
  EXPECT_EQ(got.conflicts[0].detail, "belongs to owner other");
}

TEST(Plan, DeregistersOnlyWhatBearsOurPrefixAndOurMark) {
  Actual actual = agent_with({web("a web 1"), web("b web 2"), web("c web 3"), web("d web 4")});
  actual.services[1].meta.clear();                // unmarked under our prefix
  actual.services[2].meta[kMetaOwner] = "other";  // another owner's
  actual.services[3].id = "musterX:d:4";          // ours by mark only
  actual.services.push_back(notation::held(web()));
  actual.services.back().id = "zookeeper";
  actual.services.back().meta.clear();  // foreign
  const Plan got = plan({}, actual);
  EXPECT_EQ(show(got.actions), Lines{"deregister muster:a:1 (not wanted)"});
  EXPECT_EQ(got.actions[0].marks, actual.services[0].meta);
  EXPECT_EQ(got.stale, Lines{"muster:b:2"});
  EXPECT_EQ(got.strays, Lines{"musterX:d:4"});
  EXPECT_TRUE(got.conflicts.empty());
}

struct MaintenanceCase {
  const char* wanted;
  const char* actual;
  Lines actions;
};

TEST(Plan, AssertsOurMaintenanceAndLeavesAnOperators) {
  const MaintenanceCase cases[] = {
      {nullptr, nullptr, {}},
      {"muster: down", nullptr, {"enable_maintenance muster:web.1:80 (muster: down)"}},
      {"muster: down", "muster: down", {}},
      {"muster: down", "operator", {}},
      {nullptr, "operator", {}},
      {nullptr, "", {}},
      {nullptr, "muster: down", {"disable_maintenance muster:web.1:80 (no longer: muster: down)"}},
  };
  for (const MaintenanceCase& each : cases) {
    Service service = web();
    if (each.wanted != nullptr) service.maintenance = each.wanted;
    Actual actual = agent_with({service});
    actual.services[0].maintenance.reset();
    if (each.actual != nullptr) actual.services[0].maintenance = each.actual;
    const Plan got = plan({service}, actual);
    EXPECT_EQ(show(got.actions), each.actions);
    EXPECT_EQ(got.equal, 1u);
  }
}

TEST(Plan, PutsANewServiceIntoMaintenanceAtOnce) {
  Service service = web();
  service.maintenance = "muster: down";
  EXPECT_EQ(show(plan({service}, {}).actions), (Lines{"register muster:web.1:80 (not in the agent)",
                                                      "enable_maintenance muster:web.1:80 (muster: down)"}));
}

TEST(Plan, RegistersAndUpdatesBeforeItRemoves) {
  Actual actual = agent_with({web("a web 1"), web("m web 2 {check_ttl=1s}"), web("z web 3")});
  const Plan got = plan({web("b web 1"), web("m web 2"), web("y web 9")}, actual);
  EXPECT_EQ(show(got.actions),
            (Lines{"register muster:b:1 (not in the agent)", "update muster:m:2 (definition changed)",
                   "register muster:y:9 (not in the agent)",
                   "deregister_check muster:m:2 ttl:muster:m:2 (check ttl:muster:m:2 is not wanted)",
                   "deregister muster:a:1 (not wanted)", "deregister muster:z:3 (not wanted)"}));
}

// --- prove, restrict ---

struct ProofCase {
  const char* story;
  Wanted knowledge;
  Proof proof;
};

TEST(Prove, AsksTheSliceThatTheServiceItselfNames) {
  const auto elsewhere = [](SlicePtr only, std::vector<std::string> settled) {
    return Wanted{AgentKey{"a"}, {{"mesos", {"S2", "10.0.0.22", "", ""}, std::move(only)}}, std::move(settled), {}};
  };
  const auto doubted = [](bool complete, std::vector<std::string> ended) {
    auto said = std::make_shared<Slice>(*slice(Lines{}, complete, std::move(ended)));
    said->doubtful = {"a", "web.1", "x"};
    return wanted(SlicePtr(std::move(said)));
  };
  const auto unsettled = [](Wanted said) {
    said.settled.clear();
    return said;
  };
  const ProofCase cases[] = {
      {"absent and complete", wanted(slice(Lines{"other web 80"}, true)), Proof::Absent},
      {"absent and complete, hosts not settled", unsettled(wanted(slice(Lines{}, true))), Proof::Absent},
      {"absent and incomplete", wanted(slice(Lines{}, false)), Proof::Unproven},
      {"incomplete, though other hosts are settled", wanted(slice(Lines{"other web 80"}, false)), Proof::Unproven},
      {"ended, though incomplete", wanted(slice(Lines{}, false, {"x", "web.1", "a"})), Proof::Ended},
      {"another one ended", wanted(slice(Lines{}, false, {"web.10"})), Proof::Unproven},
      {"runs, and the rules do not want it", wanted(slice(Lines{"web.1 web 80"}, false)), Proof::Rules},
      {"listed in a state that proves nothing", doubted(true, {}), Proof::Unproven},
      {"listed so, and ended all the same", doubted(true, {"web.1"}), Proof::Ended},
      {"its host is gone from a settled source", elsewhere(slice(Lines{}), {"mesos"}), Proof::Absent},
      {"its host is unknown to an unsettled source", elsewhere(slice(Lines{}), {}), Proof::Unproven},
      {"its host is unknown, and another source is settled", elsewhere(slice(Lines{}), {"nomad"}), Proof::Unproven},
      {"nothing is known at all", Wanted{}, Proof::Unproven},
      {"another source's host of the same id",
       Wanted{AgentKey{"a"}, {{"nomad", notation::kHost, slice(Lines{}, true)}}, {}, {}}, Proof::Unproven},
  };
  for (const ProofCase& each : cases) {
    const Plan got = prove(plan({}, agent_with({web()})), each.knowledge, kOwner);
    if (each.proof == Proof::Unproven) {
      EXPECT_EQ(show(got.actions), Lines{}) << each.story;
      EXPECT_EQ(show(got.held), Lines{"deregister muster:web.1:80: unproven"}) << each.story;
    } else {
      EXPECT_EQ(show(got.held), Lines{}) << each.story;
      ASSERT_EQ(got.actions.size(), 1u) << each.story;
      EXPECT_EQ(got.actions[0].proof, each.proof) << each.story << to_string(got.actions[0].proof);
    }
  }
}

// A reviewer's story: of a running unit whose file cannot be read only the first service was in doubt, and the one of
// its section [X-Consul:admin] was deregistered at the next start.
TEST(Prove, TakesADoubtThatEndsWithASlashForAllBelowIt) {
  const std::pair<const char*, bool> cases[] = {{"m/web.service/", true},   {"m/web.service", false},
                                                {"m/web.service/a/", true}, {"m/", true},
                                                {"m/web.servic/", false},   {"m/web.service/a/b/", false}};
  const Service service = desired(Lines{"m/web.service/a/b web 80 !service"}, modern()).services.at(0);
  for (const auto& [doubt, held] : cases) {
    auto said = std::make_shared<Slice>(*slice(Lines{}));
    said->doubtful = {"a", doubt, "x"};
    const Plan got = prove(plan({}, agent_with({service})), wanted(SlicePtr(std::move(said))), kOwner);
    EXPECT_EQ(got.held.size(), held ? 1u : 0u) << doubt;
    EXPECT_EQ(got.actions.size(), held ? 0u : 1u) << doubt;
  }
}

// A machine that another agent serves now left its services on the old one for ever.
TEST(Prove, AsksTheSliceOfAHostThatMovedToAnotherAgent) {
  const auto moved = [](SlicePtr now, std::vector<std::string> settled = {}) {
    Wanted out{AgentKey{"a"}, {}, std::move(settled), {}};
    out.moved = {{"nomad", notation::kHost, slice(Lines{}, true)}, {"mesos", notation::kHost, std::move(now)}};
    return out;
  };
  const ProofCase cases[] = {
      {"runs there", moved(slice(Lines{"web.1 web 80"}, false)), Proof::Absent},
      {"ended there", moved(slice(Lines{}, false, {"web.1"})), Proof::Ended},
      {"absent there and complete", moved(slice(Lines{}, true)), Proof::Absent},
      {"absent there and incomplete", moved(slice(Lines{}, false)), Proof::Unproven},
      {"the same, though all hosts are known", moved(slice(Lines{}, false), {"mesos"}), Proof::Unproven},
  };
  for (const ProofCase& each : cases) {
    const Plan got = prove(plan({}, agent_with({web()})), each.knowledge, kOwner);
    const bool held = each.proof == Proof::Unproven;
    ASSERT_EQ(got.held.size(), held ? 1u : 0u) << each.story;
    ASSERT_EQ(got.actions.size(), held ? 0u : 1u) << each.story;
    for (const Action& action : got.actions) EXPECT_EQ(action.proof, each.proof) << each.story;
  }
}

TEST(Prove, NeverLetsARemovalOfAForeignServicePass) {
  for (const auto& change : {+[](Action& a) { a.marks[kMetaOwner] = "other"; }, +[](Action& a) { a.marks.clear(); },
                             +[](Action& a) { a.service.id = "web"; }}) {
    Plan made = plan({}, agent_with({web()}));
    change(made.actions[0]);
    const Plan got = prove(std::move(made), wanted(Lines{}), kOwner);
    EXPECT_TRUE(got.actions.empty());
    ASSERT_EQ(got.held.size(), 1u);
    EXPECT_EQ(got.held[0].reason, "foreign");
  }
}

TEST(Prove, DoesNotTrustMarksThatAreMissing) {
  Actual actual = agent_with({web()});
  actual.services[0].meta = {{kMetaOwner, "prod"}};
  Wanted knowledge = wanted(Lines{});
  EXPECT_EQ(show(prove(plan({}, actual), knowledge, kOwner).held), Lines{"deregister muster:web.1:80: unproven"});
}

TEST(Restrict, HoldsEverythingInADryRunAndAsStandby) {
  const auto make = [] { return plan({web("b web 2")}, agent_with({web()})); };
  EXPECT_EQ(show(restrict(make(), {true, false}).held),
            (Lines{"register muster:b:2: dry-run", "deregister muster:web.1:80: dry-run"}));
  EXPECT_EQ(show(restrict(make(), {true, true}).held),
            (Lines{"register muster:b:2: standby", "deregister muster:web.1:80: standby"}));
  EXPECT_TRUE(restrict(make(), {true, false}).actions.empty());
  EXPECT_EQ(restrict(make(), {}).actions.size(), 2u);
}

TEST(Restrict, KeepsTheReasonsThatWereThereBefore) {
  const Plan proven = prove(plan({web("b web 2")}, agent_with({web()})), Wanted{}, kOwner);
  EXPECT_EQ(show(restrict(proven, {true, false}).held),
            (Lines{"deregister muster:web.1:80: unproven", "register muster:b:2: dry-run"}));
}

// --- obey ---

// Ours and proven, ours and unproven, unmarked, ours under another prefix, another owner's.
Plan mixed(const Wanted& knowledge) {
  Actual actual = agent_with({web("a web 1"), web("b web 2"), web("c web 3"), web("d web 4"), web("e web 5")});
  actual.services[1].meta[kMetaHost] = "S9";
  actual.services[2].meta.clear();
  actual.services[3].id = "other:d:4";
  actual.services[4].meta[kMetaOwner] = "other";
  std::sort(actual.services.begin(), actual.services.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return prove(plan({}, actual), knowledge, kOwner);
}

Wanted complete_but_unsettled() {
  Wanted out = wanted(Lines{});
  out.settled.clear();
  return out;
}

GuardPolicy adopt() {
  GuardPolicy out;
  out.adopt_stale = true;
  return out;
}

GuardPolicy cleanup() {
  GuardPolicy out;
  out.cleanup = true;
  return out;
}

Lines removed(const Plan& plan) {
  Lines out;
  for (const Action& action : plan.actions)
    out.push_back(action.service.id + " " + std::string(to_string(action.proof)));
  return out;
}

TEST(Obey, AddsNothingWhenNobodyAsked) {
  EXPECT_EQ(removed(obey(mixed(complete_but_unsettled()), complete_but_unsettled(), {})), Lines{"muster:a:1 absent"});
}

// Two Nomad clients share one Consul agent, and each has a muster of its own under one owner.
// It may as well be what this host left under a former id (a new machine-id), so it is not passed over in silence.
TEST(Obey, WhatAOneHostSourceHoldsForAnotherHostStaysAndIsNamed) {
  GuardPolicy policy;
  policy.one_host = {"mesos"};
  const Plan got = obey(mixed(complete_but_unsettled()), complete_but_unsettled(), policy);
  EXPECT_EQ(removed(got), Lines{"muster:a:1 absent"});
  EXPECT_EQ(show(got.held), Lines{"deregister muster:b:2: elsewhere"});
  Wanted moved = complete_but_unsettled();
  moved.moved = {{"mesos", {"S9", "10.0.0.9", "", ""}, slice(Lines{}, false)}};
  EXPECT_EQ(show(obey(mixed(moved), moved, policy).held), Lines{"deregister muster:b:2: unproven"});
  policy.one_host = {"nomad"};
  EXPECT_EQ(show(obey(mixed(complete_but_unsettled()), complete_but_unsettled(), policy).held),
            Lines{"deregister muster:b:2: unproven"});
}

TEST(Obey, AdoptEndsWhatIsUnmarkedUnderOurPrefixAndNothingElse) {
  const Plan got = obey(mixed(complete_but_unsettled()), complete_but_unsettled(), adopt());
  EXPECT_EQ(removed(got), (Lines{"muster:a:1 absent", "muster:c:3 operator"}));
  EXPECT_EQ(got.strays, Lines{"other:d:4"});
  EXPECT_EQ(show(got.held), Lines{"deregister muster:b:2: unproven"});
}

TEST(Obey, AdoptEndsNothingWhileAnySliceIsIncompleteOrNoneIsKnown) {
  Wanted incomplete = complete_but_unsettled();
  incomplete.slices[0].slice = slice(Lines{}, false);
  EXPECT_EQ(removed(obey(mixed(incomplete), incomplete, adopt())), Lines{});
  EXPECT_EQ(removed(obey(mixed(Wanted{}), Wanted{}, adopt())), Lines{});
}

// An unmarked service may be another program's; a mark of another owner certainly is.
TEST(Obey, CleanupEndsWhatBearsOurMarkAndNothingElse) {
  const Plan got = obey(mixed(complete_but_unsettled()), complete_but_unsettled(), cleanup());
  EXPECT_EQ(removed(got), (Lines{"muster:a:1 absent", "other:d:4 operator", "muster:b:2 operator"}));
  EXPECT_EQ(got.stale, Lines{"muster:c:3"});
}

TEST(Obey, CleanupDoesNotOverrideTheGuardOnForeignServices) {
  Plan made = plan({}, agent_with({web()}));
  made.actions[0].marks[kMetaOwner] = "other";
  const Plan got = obey(prove(std::move(made), Wanted{}, kOwner), Wanted{}, cleanup());
  EXPECT_EQ(removed(got), Lines{});
  EXPECT_EQ(show(got.held), Lines{"deregister muster:web.1:80: foreign"});
}

ActualService canary() { return notation::held(make_canary({"http://10.0.0.21:8500"}, kOwner)); }

TEST(Canary, GoesLastWhenTheAgentServesNobodyAnyMore) {
  Actual actual = agent_with({web()});
  actual.services.insert(actual.services.begin(), canary());
  const Wanted gone{AgentKey{"a"}, {}, {"mesos"}, {}};
  EXPECT_EQ(removed(obey(prove(plan({}, actual), gone, kOwner), gone, {})),
            (Lines{"muster:web.1:80 absent", "muster:canary:prod rules"}));
}

// Right after a restart no source has answered: without the canary the agent would never be looked at again.
TEST(Canary, StaysWhileAnythingElseOfOursDoes) {
  Actual actual = agent_with({web()});
  actual.services.insert(actual.services.begin(), canary());
  const Plan got = obey(prove(plan({}, actual), Wanted{}, kOwner), Wanted{}, {});
  EXPECT_EQ(removed(got), Lines{});
  EXPECT_EQ(show(got.held), (Lines{"deregister muster:web.1:80: unproven", "deregister muster:canary:prod: canary"}));
}

TEST(Canary, IsTheLastToGoInACleanupToo) {
  Actual actual = agent_with({web()});
  actual.services.insert(actual.services.begin(), canary());
  actual.services.push_back(notation::held(web("z web 1")));
  actual.services.back().id = "other:z";
  EXPECT_EQ(removed(obey(prove(plan({}, actual), Wanted{}, kOwner), Wanted{}, cleanup())),
            (Lines{"other:z operator", "muster:web.1:80 operator", "muster:canary:prod rules"}));
}

// --- plan_text ---

TEST(PlanText, IsEmptyWhenThereIsNothingToSay) {
  EXPECT_EQ(plan_text({"http://a:8500"}, plan({web()}, agent_with({web()}))), "");
}

TEST(PlanText, HasALineAnAction) {
  Actual actual = agent_with({web("a web 1"), web("m web 2 {check_ttl=1s}"), web("z web 3")});
  actual.services[2].meta.clear();
  Plan made = plan({web("b web 1 !failing"), web("m web 2")}, actual);
  made.conflicts.push_back({"muster:q", "belongs to owner x"});
  made.strays.push_back("old:q");
  EXPECT_EQ(plan_text({"http://a:8500"}, restrict(prove(made, Wanted{}, kOwner), {true, false})),
            "http://a:8500\n"
            "  - deregister web muster:a:1  (not seen, and nothing proves that it ended)  held: unproven\n"
            "  + register web muster:b:1  (not in the agent)  held: dry-run\n"
            "  ~ update web muster:m:2  (definition changed)  held: dry-run\n"
            "  ~ enable_maintenance web muster:b:1  (muster: the scheduler's health check fails)  held: dry-run\n"
            "  - deregister_check web muster:m:2 ttl:muster:m:2  (check ttl:muster:m:2 is not wanted)  "
            "held: dry-run\n"
            "  ! conflict muster:q  (belongs to owner x)\n"
            "  ? stale muster:z:3  (unmarked, matches nothing; kept)\n"
            "  ? stray old:q  (ours, under another prefix; kept)\n");
}

TEST(PlanText, CannotBeUsedToForgeALineOrToCommandATerminal) {
  Plan made;
  made.stale = {"a\nhttp://b:8500", "\x1b[31m",
                "\xc2\x9b"
                "31m",
                "\xff\xfe", "caf\xc3\xa9"};
  EXPECT_EQ(plan_text({"http://a:8500"}, made),
            "http://a:8500\n"
            "  ? stale a?http://b:8500  (unmarked, matches nothing; kept)\n"
            "  ? stale ?[31m  (unmarked, matches nothing; kept)\n"
            "  ? stale ?31m  (unmarked, matches nothing; kept)\n"
            "  ? stale ??  (unmarked, matches nothing; kept)\n"
            "  ? stale caf\xc3\xa9  (unmarked, matches nothing; kept)\n");
}

}  // namespace
}  // namespace muster
