#include "fleet/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace muster::fleet {
namespace {

using std::chrono::seconds;
using Strings = std::vector<std::string>;

// A cluster told in its own words: two machines, and what is said of units.
class FleetLedger : public testing::Test {
 protected:
  FleetLedger() {
    snapshot_.whole = true;
    snapshot_.machines = {{"m1", {"m1", "10.0.0.1"}}, {"m2", {"m2", "10.0.0.2"}}};
  }

  UnitRow& unit(const std::string& name, const std::string& machine) {
    UnitRow& row = snapshot_.units[name];
    row = {name, "launched", machine, {{"X-Consul", "Port", "80"}}};
    return row;
  }
  void state(const std::string& machine, const std::string& name, const std::string& active) {
    snapshot_.states[machine][name] = {name, machine, "loaded", active, active == "active" ? "running" : "dead"};
  }
  void run(const std::string& name, const std::string& machine) {
    unit(name, machine);
    state(machine, name, "active");
  }
  void lose(const std::string& machine) {
    snapshot_.machines.erase(machine);
    snapshot_.states.erase(machine);
  }
  void destroy(const std::string& name) {
    snapshot_.units.erase(name);
    snapshot_.destroyed.insert(name);
    for (auto& [machine, rows] : snapshot_.states) rows.erase(name);
  }

  void fold(int at = 0) { update_ = ledger_.fold(snapshot_, Ledger::Time(seconds(at))); }

  const Slice* slice(const std::string& machine) const {
    for (const HostSlice& each : update_.slices) {
      if (each.host.id == machine) return each.slice.get();
    }
    return nullptr;
  }
  Strings instances(const std::string& machine) const {
    Strings out;
    const Slice* found = slice(machine);
    for (std::size_t i = 0; found != nullptr && i < found->instances.size(); ++i) {
      out.emplace_back(found->instances.id(i));
    }
    return out;
  }
  Strings ended(const std::string& machine) const { return slice(machine) ? slice(machine)->ended : Strings{"none"}; }
  Strings doubtful(const std::string& machine) const {
    return slice(machine) ? slice(machine)->doubtful : Strings{"none"};
  }

  Snapshot snapshot_;
  Update update_;
  Ledger ledger_{{}};
};

TEST_F(FleetLedger, AUnitIsRegisteredAtTheMachineThatRunsIt) {
  run("web.service", "m1");
  fold();
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(instances("m2"), Strings{});
  EXPECT_TRUE(slice("m2")->complete);
  EXPECT_EQ(update_.slices[0].host, (HostRef{"m1", "10.0.0.1", "", ""}));
  const Instance instance = slice("m1")->instances.at(0);
  EXPECT_EQ(instance.key, "m1/web.service");
  EXPECT_EQ(instance.distance, 1);
  EXPECT_EQ(slice("m1")->distance, 1) << "an end that fleet tells counts for less than the host's own word";
  EXPECT_EQ(instance.ports.at(0).number, 80);
}

TEST_F(FleetLedger, AUnitWithoutASectionIsNone) {
  run("web.service", "m1");
  snapshot_.units["web.service"].options = {{"Service", "ExecStart", "/bin/true"}};
  fold();
  EXPECT_EQ(instances("m1"), Strings{});
  EXPECT_EQ(doubtful("m1"), Strings{});
}

// After a restart of muster, a unit whose row was missed was taken out as absent while its state said that it runs.
TEST_F(FleetLedger, AStateWithoutItsUnitIsInDoubtWithAllItsServices) {
  state("m1", "web.service", "active");
  state("m1", "old.service", "inactive");
  fold();
  EXPECT_EQ(instances("m1"), Strings{});
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service", "m1/web.service/"}));
}

TEST_F(FleetLedger, AStoppedUnitEndsWhileItsMachineLives) {
  run("web.service", "m1");
  fold();
  snapshot_.units["web.service"].desired = "loaded";
  state("m1", "web.service", "inactive");
  fold(2);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));  // for half a second: nobody saw it being stopped
  fold(4);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(instances("m1"), Strings{});
}

TEST_F(FleetLedger, AnEndIsSaidUntilTheUnitRunsAgain) {
  run("web.service", "m1");
  unit("other.service", "");
  fold();
  destroy("web.service");
  fold(2);
  fold(1000);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
  snapshot_.destroyed.clear();
  run("web.service", "m1");
  fold(1002);
  EXPECT_EQ(ended("m1"), Strings{});
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
}

TEST_F(FleetLedger, ADestroyedUnitThatStillRunsIsKeptUntilItStops) {
  run("web.service", "m1");
  fold();
  snapshot_.units.clear();
  snapshot_.destroyed = {"web.service"};
  fold(2);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  snapshot_.states.clear();
  fold(4);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
}

// Over an etcd that had lost its data a real fleet answered like this while all units ran: muster removed them all.
TEST_F(FleetLedger, AFleetThatHasLostItsMemoryEndsNothingBeforeEachMachineHasHadTheTimeToSayItAgain) {
  run("web.service", "m1");
  unit("log.service", "").options.push_back({"X-Fleet", "Global", "true"});
  state("m2", "log.service", "active");
  fold();
  const Snapshot before = snapshot_;
  destroy("web.service");
  destroy("log.service");
  for (const char* missing : {"m2", ""}) {  // the first machine is back, then all are
    snapshot_.machines = before.machines;
    snapshot_.machines.erase(missing);
    fold(*missing != '\0' ? 2 : 61);
    EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
    EXPECT_EQ(instances("m2"), (Strings{"m2/log.service"}));
    EXPECT_FALSE(slice("m1")->complete) << "no unit is listed any more";
  }
  fold(62);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(ended("m2"), (Strings{"m2/log.service"}));
  EXPECT_TRUE(slice("m1")->complete);
}

TEST_F(FleetLedger, AfterAReadThatFailedAUnitThatIsGoneWithItsStateIsWaitedFor) {
  run("web.service", "m1");
  run("db.service", "m1");
  fold();
  ledger_.missed(Ledger::Time(seconds(10)));
  destroy("web.service");
  fold(12);
  EXPECT_EQ(instances("m1").size(), 2U);
  EXPECT_FALSE(slice("m1")->complete);
  snapshot_.units.erase("db.service");
  snapshot_.destroyed.insert("db.service");
  fold(14);
  snapshot_.states.clear();
  fold(16);
  EXPECT_EQ(ended("m1"), (Strings{"m1/db.service"})) << "its machine told of it until it had stopped";
  fold(74);
  EXPECT_EQ(ended("m1"), (Strings{"m1/db.service", "m1/web.service"}));
}

TEST_F(FleetLedger, AMovedUnitEndsWhereItWas) {
  run("web.service", "m1");
  fold();
  snapshot_.states.clear();
  run("web.service", "m2");
  fold(2);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(instances("m2"), (Strings{"m2/web.service"}));
}

TEST_F(FleetLedger, AStateThatExpiresProvesNothing) {
  run("web.service", "m1");
  fold();
  snapshot_.states.clear();
  fold(100000);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(ended("m1"), Strings{});
}

TEST_F(FleetLedger, AUnitOfADeadMachineIsKeptAsItWasAlsoWhenItRunsElsewhere) {
  run("web.service", "m1");
  fold();
  lose("m1");
  run("web.service", "m2");
  fold(60);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_FALSE(slice("m1")->complete);
  EXPECT_EQ(instances("m2"), (Strings{"m2/web.service"}));
  EXPECT_EQ(update_.domain, Domain::Listed);
}

TEST_F(FleetLedger, AMachineThatComesBackTakesItUpAgain) {
  run("web.service", "m1");
  fold();
  const auto machines = snapshot_.machines;
  lose("m1");
  snapshot_.units["web.service"].machine = "m2";
  fold(60);
  snapshot_.machines = machines;
  fold(120);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
}

TEST_F(FleetLedger, LostUnitsMayBeCriticalOrRemoved) {
  for (const Lost lost : {Lost::Critical, Lost::Remove}) {
    LedgerSettings settings;
    settings.lost = lost;
    Ledger ledger(settings);
    run("web.service", "m1");
    ledger.fold(snapshot_, Ledger::Time(seconds(0)));
    const Snapshot before = snapshot_;
    lose("m1");
    const Update update = ledger.fold(snapshot_, Ledger::Time(seconds(60)));
    snapshot_ = before;
    const auto here = std::find_if(update.slices.begin(), update.slices.end(),
                                   [](const HostSlice& each) { return each.host.id == "m1"; });
    if (lost == Lost::Remove) {
      EXPECT_EQ(update.domain, Domain::All);
      EXPECT_EQ(here, update.slices.end());
      continue;
    }
    ASSERT_NE(here, update.slices.end());
    const Instance instance = here->slice->instances.at(0);
    EXPECT_EQ(instance.checks.at(0).status, "critical");
    EXPECT_NE(instance.checks.at(0).output.find("no longer tells"), std::string::npos);
  }
}

// After an outage of etcd the second machine was listed 4 s after the first.
TEST_F(FleetLedger, WhatIsMissingRightAfterAnOutageIsNotYetLost) {
  LedgerSettings settings;
  settings.lost = Lost::Remove;
  ledger_ = Ledger(settings);
  run("web.service", "m1");
  run("db.service", "m2");
  fold();
  ledger_.missed(Ledger::Time(seconds(10)));
  lose("m1");
  fold(69);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_FALSE(slice("m1")->complete);
  EXPECT_EQ(update_.domain, Domain::Listed);
  fold(70);
  EXPECT_EQ(slice("m1"), nullptr);
  EXPECT_EQ(update_.domain, Domain::All);
  ledger_.missed(Ledger::Time(seconds(80)));
  fold(81);
  EXPECT_EQ(instances("m1"), Strings{}) << "what is lost does not come back by an outage";
}

// muster was restarted while the states of a host had expired: what Consul holds of them may well run.
TEST_F(FleetLedger, AUnitThatWasNeverSeenToRunIsInDoubt) {
  unit("web.service", "m1");
  fold();
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service"}));
  fold(60);
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service"}));
  EXPECT_TRUE(slice("m1")->complete);
}

// Such a unit was taken out by a restarted muster as soon as its machine was listed again, though it ran.
TEST_F(FleetLedger, AUnitThatIsScheduledNowhereIsInDoubtOnAMachineThatIsListedAnew) {
  unit("web.service", "");
  const auto machines = snapshot_.machines;
  snapshot_.machines.erase("m1");
  const Strings doubts{"m2/web.service", "m2/web.service/"};
  fold();
  EXPECT_EQ(doubtful("m2"), doubts) << "muster is new here itself";
  EXPECT_TRUE(slice("m2")->complete) << "for whatever else there is";
  fold(59);
  EXPECT_EQ(doubtful("m2"), doubts);
  snapshot_.machines = machines;
  fold(60);
  EXPECT_EQ(doubtful("m2"), Strings{});
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service", "m1/web.service/"}));
  lose("m1");
  fold(100);
  snapshot_.machines = machines;
  for (const int at : {110, 169}) {
    fold(at);
    EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service", "m1/web.service/"})) << at;
  }
  fold(170);
  EXPECT_EQ(doubtful("m1"), Strings{});
  EXPECT_TRUE(slice("m1")->complete);
}

TEST_F(FleetLedger, WhatIsKnownOfAMachineIsNotDoubtedBecauseItIsScheduledNowhere) {
  run("web.service", "");
  snapshot_.states.clear();
  state("m1", "web.service", "active");
  unit("log.service", "").options.push_back({"X-Fleet", "Global", "true"});
  unit("idle.service", "").desired = "loaded";
  fold();
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/log.service"}));
  EXPECT_EQ(doubtful("m2"), (Strings{"m2/log.service", "m2/web.service", "m2/web.service/"}));
}

TEST_F(FleetLedger, TooManyUnitsThatAreScheduledNowhereMakeANewMachineIncompleteAndFillNoMemory) {
  for (int i = 0; i < 101; ++i) unit("u" + std::to_string(i) + ".service", "");
  fold();
  EXPECT_EQ(doubtful("m1"), Strings{});
  EXPECT_FALSE(slice("m1")->complete);
  fold(60);
  EXPECT_TRUE(slice("m1")->complete);
}

// Units that came back one by one after a loss of data took the others, which ran, out of Consul.
TEST_F(FleetLedger, WhileAnEmptiedClusterIsFilledAgainNothingIsAbsent) {
  fold();
  run("web.service", "m1");
  fold(2);
  EXPECT_FALSE(slice("m1")->complete);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  fold(59);
  EXPECT_FALSE(slice("m1")->complete);
  fold(60);
  EXPECT_TRUE(slice("m1")->complete);
}

TEST_F(FleetLedger, TheFirstReadProvesAbsenceUnlessItsMachinesDoNotTellOfTheirUnitsYet) {
  run("web.service", "m1");
  unit("loaded.service", "m1").desired = "loaded";
  unit("dead.service", "m9");
  Ledger other{{}};
  EXPECT_TRUE(other.fold(snapshot_, {}).slices.at(0).slice->complete);
  unit("new.service", "m1");
  fold();
  EXPECT_FALSE(slice("m1")->complete);
  EXPECT_FALSE(slice("m2")->complete);
  fold(60);
  EXPECT_TRUE(slice("m1")->complete);
  unit("newer.service", "m1");
  fold(62);
  EXPECT_TRUE(slice("m1")->complete) << "later on a new unit is nothing remarkable";
}

TEST_F(FleetLedger, AClusterWithoutMachinesWipesNothing) {
  run("web.service", "m1");
  fold();
  snapshot_ = {};
  snapshot_.whole = true;
  snapshot_.destroyed = {"web.service"};
  fold(2);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(ended("m1"), Strings{});
  EXPECT_FALSE(slice("m1")->complete);
}

TEST_F(FleetLedger, AListingThatMayHaveShiftedIsNotComplete) {
  run("web.service", "m1");
  snapshot_.whole = false;
  fold();
  EXPECT_FALSE(slice("m1")->complete);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
}

TEST_F(FleetLedger, AGlobalUnitRunsOnEachMachineThatSaysSo) {
  unit("log.service", "").options.push_back({"X-Fleet", "Global", "true"});
  state("m1", "log.service", "active");
  fold();
  EXPECT_EQ(instances("m1"), (Strings{"m1/log.service"}));
  EXPECT_EQ(doubtful("m2"), (Strings{"m2/log.service"}));
  state("m2", "log.service", "failed");
  fold(2);
  EXPECT_EQ(ended("m2"), (Strings{"m2/log.service"}));
}

TEST_F(FleetLedger, ATemplatesInstanceExpandsItsSpecifiers) {
  run("hello@8001.service", "m1");
  snapshot_.units["hello@8001.service"].options = {
      {"Service", "Environment", "PORT=%i"}, {"X-Consul", "Port", "${PORT}"}, {"X-Consul", "Tags", "%m"}};
  fold();
  const Instance instance = slice("m1")->instances.at(0);
  EXPECT_EQ(instance.name, "hello");
  EXPECT_EQ(instance.ports.at(0).number, 8001);
  EXPECT_EQ(instance.tags, (Strings{"m1"}));
}

TEST_F(FleetLedger, APortOfASocketUnitIsFound) {
  run("web.service", "m1");
  snapshot_.units["web.service"].options = {{"X-Consul", "Port", "socket"}};
  snapshot_.units["web.socket"] = {"web.socket", "launched", "m1", {{"Socket", "ListenStream", "8080"}}};
  fold();
  EXPECT_EQ(slice("m1")->instances.at(0).ports.at(0).number, 8080);
}

TEST_F(FleetLedger, AMistakeIsCountedAndItsServiceIsInDoubt) {
  run("web.service", "m1");
  snapshot_.units["web.service"].options = {{"X-Consul", "Port", "http"}};
  fold();
  EXPECT_EQ(doubtful("m1"), (Strings{"m1/web.service"}));
  ASSERT_EQ(update_.rejections.size(), 1U);
  EXPECT_NE(update_.rejections[0].detail.find("fleet:web.service:1: Port=http"), std::string::npos);
}

TEST_F(FleetLedger, AServiceThatTheUnitNoLongerAsksForEnds) {
  run("web.service", "m1");
  snapshot_.units["web.service"].options.push_back({"X-Consul:admin", "Port", "81"});
  fold();
  EXPECT_EQ(instances("m1").size(), 2U);
  snapshot_.units["web.service"].options.pop_back();
  fold(2);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service/admin"}));
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
}

TEST_F(FleetLedger, AUnitThatIsScheduledNowhereEndsOnceItsMachineHasLongBeenSilentOfIt) {
  run("web.service", "m1");
  fold();
  snapshot_.units["web.service"].machine = "";
  snapshot_.states.clear();
  fold(2);
  fold(61);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  fold(62);
  EXPECT_EQ(ended("m1"), (Strings{"m1/web.service"}));
}

TEST_F(FleetLedger, InScopeNodeOnlyTheMachineItselfIsSpokenOf) {
  LedgerSettings settings;
  settings.local = units::Machine{"m2", {{'H', "here"}}};
  Ledger ledger(settings);
  run("web.service", "m1");
  run("db.service", "m2");
  snapshot_.units["db.service"].options.push_back({"X-Consul", "Tags", "%H"});
  const Update update = ledger.fold(snapshot_, {});
  ASSERT_EQ(update.slices.size(), 1U);
  EXPECT_EQ(update.slices[0].host, (HostRef{"m2", "127.0.0.1", "", ""}));
  EXPECT_EQ(update.slices[0].slice->instances.at(0).tags, (Strings{"here"}));
  EXPECT_EQ(update.domain, Domain::Listed);
}

TEST_F(FleetLedger, AMachineWithoutAnAddressIsReportedAndKeepsTheOneItHad) {
  run("web.service", "m1");
  fold();
  snapshot_.machines["m1"].ip.clear();
  snapshot_.machines["m3"] = {"m3", ""};
  fold(2);
  EXPECT_EQ(instances("m1"), (Strings{"m1/web.service"}));
  EXPECT_EQ(slice("m3"), nullptr);
  ASSERT_EQ(update_.rejections.size(), 1U);
  EXPECT_EQ(update_.rejections[0].reason, Reason::NoAddress);
}

}  // namespace
}  // namespace muster::fleet
