// What a read may prove, and what it must not.
#include "mesos/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fakes/mesos_state.h"
#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

using fakes::MesosAgent;
using fakes::MesosCluster;
using fakes::MesosTask;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

constexpr double kElected = 1700000000.5;

MesosAgent agent(const std::string& name, const std::string& ip) {
  MesosAgent out;
  out.id = "S-" + name;
  out.ip = ip;
  out.hostname = name;
  return out;
}

MesosTask task(const std::string& id, const std::string& ip) {
  MesosTask out;
  out.id = id;
  out.name = "web";
  out.agent = ip;
  out.ports = {31000};
  return out;
}

// Two agents, three tasks, elected long ago.
MesosCluster cluster() {
  MesosCluster out;
  out.elected_time = kElected;
  out.agents = {agent("n1", "10.0.0.1"), agent("n2", "10.0.0.2")};
  out.tasks = {task("a", "10.0.0.1"), task("b", "10.0.0.1"), task("c", "10.0.0.2")};
  return out;
}

class LedgerTest : public ::testing::Test {
 protected:
  Result<Update> try_fold(const std::string& document) {
    Result<State> state = decode_state(document, ledger_.groups());
    EXPECT_TRUE(state) << state.error().message;
    return ledger_.fold(*std::move(state), masters_, {now_, elected_for_});
  }
  Update fold(const std::string& document) {
    Result<Update> update = try_fold(document);
    EXPECT_TRUE(update) << update.error().message;
    return update.value_or(Update{});
  }
  Update fold(const MesosCluster& mesos) { return fold(render_state(mesos)); }

  void pass(std::chrono::nanoseconds time) {
    now_ += time;
    elected_for_ += std::chrono::duration_cast<milliseconds>(time);
  }
  void elect(MesosCluster& mesos) {
    mesos.elected_time += 100000;
    mesos.master_id = "another-id";
    elected_for_ = milliseconds(30);
  }

  static SlicePtr slice(const Update& update, const std::string& ip) {
    for (const HostSlice& each : update.slices) {
      if (each.host.id == ip) {
        EXPECT_EQ(each.host.ip, ip);
        return each.slice;
      }
    }
    return nullptr;
  }
  // Ids of the tasks on a host; "-" when nothing is said of it.
  static Strings tasks(const Update& update, const std::string& ip) {
    const SlicePtr found = slice(update, ip);
    if (!found) return {"-"};
    Strings out;
    for (std::size_t i = 0; i < found->instances.size(); ++i) {
      if (found->instances.at(i).kind == Kind::Task) out.emplace_back(found->instances.id(i));
    }
    return out;
  }
  static bool complete(const Update& update, const std::string& ip) {
    const SlicePtr found = slice(update, ip);
    return found && found->complete;
  }

  LedgerSettings settings_;
  Ledger ledger_{settings_};
  Masters masters_;
  std::chrono::steady_clock::time_point now_{hours(1000)};
  milliseconds elected_for_ = hours(48);
};

TEST_F(LedgerTest, TellsEveryHostWholeWhenAllAgentsAreThere) {
  const Update update = fold(cluster());
  EXPECT_EQ(update.domain, Domain::All);
  EXPECT_TRUE(update.full);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
  EXPECT_TRUE(complete(update, "10.0.0.1") && complete(update, "10.0.0.2"));
}

TEST_F(LedgerTest, GivesTheSameObjectsWhileNothingChanges) {
  const Update first = fold(cluster());
  pass(seconds(10));
  const Update second = fold(cluster());
  EXPECT_EQ(slice(first, "10.0.0.1"), slice(second, "10.0.0.1"));
  MesosCluster changed = cluster();
  changed.tasks.pop_back();
  const Update third = fold(changed);
  EXPECT_EQ(slice(first, "10.0.0.1"), slice(third, "10.0.0.1"));
  EXPECT_NE(slice(first, "10.0.0.2"), slice(third, "10.0.0.2"));
}

TEST_F(LedgerTest, LetsATaskGoWhenItsAgentNoLongerHasIt) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.tasks.erase(mesos.tasks.begin());
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"b"});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
}

TEST_F(LedgerTest, NamesWhatEndedItself) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.tasks[0].state = "TASK_FAILED";
  const Update update = fold(mesos);
  EXPECT_EQ(slice(update, "10.0.0.1")->ended, Strings{"a"});
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"b"});
}

// The recorded failover: a frozen agent, a restarted leader.
// Between two reads tasks end and are listed as completed: that is the master's own word, and never an absence.
TEST_F(LedgerTest, TakesACompletedTaskForEndedAlsoAfterARestart) {
  MesosCluster mesos = cluster();
  mesos.completed = {task("x", "10.0.0.1")};
  mesos.completed.back().state = "TASK_KILLED";
  EXPECT_EQ(slice(fold(mesos), "10.0.0.1")->ended, Strings{"x"}) << "the first read: what ended while we were away";
  mesos.completed.push_back(mesos.tasks[0]);
  mesos.completed.back().state = "TASK_FINISHED";
  mesos.tasks.erase(mesos.tasks.begin());
  EXPECT_EQ(slice(fold(mesos), "10.0.0.1")->ended, (Strings{"a", "x"}));
}

TEST_F(LedgerTest, AListOfCompletedTasksThatTurnsOverChangesNoSlice) {
  MesosCluster mesos = cluster();
  mesos.completed = {task("x", "10.0.0.1")};
  mesos.completed.back().state = "TASK_KILLED";
  const SlicePtr before = slice(fold(mesos), "10.0.0.1");
  mesos.completed = {task("batch.1", "10.0.0.1"), task("batch.2", "10.0.0.1")};  // came and went between two reads
  for (MesosTask& each : mesos.completed) each.state = "TASK_FINISHED";
  EXPECT_EQ(slice(fold(mesos), "10.0.0.1"), before);
}

// A master before 1.3 lists running tasks of frameworks that have not come back as orphans, without the framework's
// name: with --fw-whitelist a muster that had just started took them for unwanted, and removed them.
TEST_F(LedgerTest, IsInDoubtAboutATaskWhoseFrameworkNobodyKnows) {
  MesosCluster mesos = cluster();
  mesos.orphans = {mesos.tasks[0]};
  mesos.orphans[0].framework = "unheard-of";
  mesos.tasks.erase(mesos.tasks.begin());
  const SlicePtr got = slice(fold(mesos), "10.0.0.1");
  EXPECT_TRUE(got->instances.contains("a"));
  EXPECT_EQ(got->doubtful, Strings{"a"});
}

TEST_F(LedgerTest, ACompletedTaskThatIsOnlyLostProvesNothing) {
  MesosCluster mesos = cluster();
  mesos.completed = {task("x", "10.0.0.1")};
  mesos.completed.back().state = "TASK_LOST";
  EXPECT_EQ(slice(fold(mesos), "10.0.0.1")->ended, Strings{});
}

TEST_F(LedgerTest, RemovesNothingDuringTheRecordedFailover) {
  const Update before = fold(recorded("state.json"));
  const Strings one = tasks(before, "127.0.0.11");
  const Strings two = tasks(before, "127.0.0.12");
  ASSERT_EQ(one, (Strings{"web.0", "web.1"}));
  ASSERT_EQ(two, (Strings{"KafkaMesos-0.b1", "web.2"}));
  elected_for_ = milliseconds(0);
  for (const char* file : {"failover-1-empty.json", "failover-2-recovered.json", "failover-3-partial.json"}) {
    for (int read = 0; read < 3; ++read) {
      pass(seconds(10));
      const Update during = fold(recorded(file));
      EXPECT_EQ(during.domain, Domain::Listed) << file;
      EXPECT_EQ(tasks(during, "127.0.0.11"), one) << file;
      EXPECT_EQ(tasks(during, "127.0.0.12"), two) << file;
      EXPECT_FALSE(complete(during, "127.0.0.12")) << file;
      EXPECT_EQ(complete(during, "127.0.0.11"), file == std::string("failover-3-partial.json")) << file;
      EXPECT_EQ(slice(during, "127.0.0.12")->instances, slice(before, "127.0.0.12")->instances) << file;
    }
  }
}

TEST_F(LedgerTest, KeepsTheTasksOfASilentAgentUntilItsGraceHasRunOut) {
  fold(cluster());
  MesosCluster mesos = cluster();
  elect(mesos);
  mesos.agents[1].registered = false;
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.2"), Strings{"c"});
  // In neither list while the election is young.
  mesos.agents.pop_back();
  mesos.tasks.pop_back();
  pass(minutes(5));
  Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
  EXPECT_FALSE(complete(update, "10.0.0.2"));
  EXPECT_TRUE(complete(update, "10.0.0.1"));
  EXPECT_EQ(update.domain, Domain::Listed);
  pass(minutes(7));
  update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{});
  EXPECT_TRUE(complete(update, "10.0.0.2"));
  EXPECT_EQ(update.domain, Domain::All);
  EXPECT_EQ(slice(fold(mesos), "10.0.0.2"), nullptr) << "said once";
}

TEST_F(LedgerTest, KeepsTheTasksOfARecoveredAgentForAsLongAsItIsListed) {
  fold(cluster());
  MesosCluster mesos = cluster();
  elect(mesos);
  mesos.agents[1].registered = false;
  for (int i = 0; i < 5; ++i) {
    pass(hours(1));
    const Update update = fold(mesos);
    EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
    EXPECT_FALSE(complete(update, "10.0.0.2"));
    EXPECT_EQ(update.domain, Domain::Listed);
  }
}

TEST_F(LedgerTest, BelievesAnAgentAgainOnceItHasComeBack) {
  fold(cluster());
  MesosCluster mesos = cluster();
  elect(mesos);
  mesos.agents[0].registered = mesos.agents[1].registered = false;
  fold(mesos);
  mesos.agents[0].registered = true;
  mesos.tasks.erase(mesos.tasks.begin());  // a died meanwhile
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"b"});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
  EXPECT_FALSE(complete(update, "10.0.0.2"));
}

TEST_F(LedgerTest, DoesNotBelieveAnAgentWhoseRegistrationIsOlderThanTheElection) {
  fold(cluster());
  std::string stale = render_state(cluster());
  const std::string needle = "\"elected_time\":1700000000.5";
  ASSERT_NE(stale.find(needle), std::string::npos);
  MesosCluster gone = cluster();
  gone.tasks.clear();
  stale = render_state(gone);
  stale.replace(stale.find(needle), needle.size(), "\"elected_time\":1800000000.5");
  elected_for_ = milliseconds(0);
  const Update update = fold(stale);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_FALSE(complete(update, "10.0.0.1"));
}

TEST_F(LedgerTest, TakesAnEmptyAnswerForNothingAtAnyAge) {
  fold(cluster());
  MesosCluster empty = cluster();
  empty.agents.clear();
  empty.tasks.clear();
  for (int i = 0; i < 3; ++i) {
    pass(hours(24));
    const Update update = fold(empty);
    EXPECT_EQ(update.domain, Domain::Listed);
    EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
    EXPECT_FALSE(complete(update, "10.0.0.1"));
  }
}

// The only agent of a cluster died, and its tasks stood for ever.
TEST_F(LedgerTest, LetsTasksOfTheLastAgentGoThatTheMasterListsAsUnreachableForTheirGrace) {
  MesosCluster mesos = cluster();
  fold(mesos);
  mesos.agents.clear();
  mesos.tasks.clear();
  for (const MesosTask& each : cluster().tasks) {
    if (each.id == "b") continue;
    mesos.unreachable.push_back(each);
    mesos.unreachable.back().state = "TASK_UNREACHABLE";
  }
  for (MesosAgent each : cluster().agents) {
    each.registered = false;
    each.unreachable = true;
    mesos.agents.push_back(each);
  }
  for (int i = 0; i < 9; ++i) {
    const Update update = fold(mesos);
    EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
    EXPECT_FALSE(complete(update, "10.0.0.2"));
    pass(minutes(1));
  }
  pass(minutes(1));
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{});
  EXPECT_TRUE(complete(update, "10.0.0.2"));
  EXPECT_EQ(slice(update, "10.0.0.2")->ended, Strings{}) << "an absence, which the breaker counts";
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"})) << "of b nothing is said";
  EXPECT_EQ(update.domain, Domain::Listed);
  EXPECT_EQ(tasks(fold(cluster()), "10.0.0.2"), Strings{"c"}) << "it came back";
}

TEST_F(LedgerTest, FreezesAllWhileAnOldMasterThatCannotNameRecoveredAgentsIsYoung) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.knows_recovered = false;
  elect(mesos);
  mesos.tasks.erase(mesos.tasks.begin());
  mesos.agents.pop_back();
  mesos.tasks.pop_back();
  Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_FALSE(complete(update, "10.0.0.1"));
  EXPECT_EQ(tasks(update, "10.0.0.2"), Strings{"c"});
  pass(minutes(12));
  update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"b"});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
}

TEST_F(LedgerTest, StartsWithoutClaimingToKnowAllHostsOfAYoungMaster) {
  MesosCluster mesos = cluster();
  elected_for_ = seconds(5);
  EXPECT_EQ(fold(mesos).domain, Domain::Listed);
  pass(minutes(12));
  EXPECT_EQ(fold(mesos).domain, Domain::All);
}

TEST_F(LedgerTest, DoesNotClaimToKnowTheHostOfAnUnreachableAgentItNeverMet) {
  MesosCluster mesos = cluster();
  mesos.agents[1].registered = false;
  mesos.agents[1].unreachable = true;
  EXPECT_EQ(fold(mesos).domain, Domain::Listed);
  pass(minutes(12));
  EXPECT_EQ(fold(mesos).domain, Domain::All);
}

TEST_F(LedgerTest, KeepsLostTasksForTheirGraceAndThenLetsThemGo) {
  fold(cluster());
  for (const char* state : {"TASK_LOST", "TASK_UNREACHABLE", "TASK_UNKNOWN", "TASK_GONE_BY_OPERATOR"}) {
    MesosCluster mesos = cluster();
    mesos.tasks[0].state = state;
    Update update = fold(mesos);
    EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"})) << state;
    EXPECT_TRUE(complete(update, "10.0.0.1")) << "the others can be proved absent";
    pass(minutes(9));
    EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), (Strings{"a", "b"})) << state;
    pass(minutes(2));
    EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), Strings{"b"}) << state;
    fold(cluster());  // it came back
  }
}

// After a restart, and in every --once, the ledger carries nothing: what was listed as lost went as absent.
TEST_F(LedgerTest, DoubtsALostTaskThatItNeverSawRunningUntilItsGraceHasRunOut) {
  for (const char* state : {"TASK_LOST", "TASK_UNREACHABLE", "TASK_UNKNOWN", "TASK_GONE_BY_OPERATOR", ""}) {
    ledger_ = Ledger(settings_);
    MesosCluster mesos = cluster();
    mesos.tasks[0].state = state;
    const SlicePtr first = slice(fold(mesos), "10.0.0.1");
    EXPECT_EQ(first->doubtful, Strings{"a"}) << state;
    EXPECT_TRUE(first->complete) << "the others can be proved absent";
    pass(minutes(9));
    EXPECT_EQ(slice(fold(mesos), "10.0.0.1"), first) << "the same object: nothing changed";
    pass(minutes(2));
    EXPECT_EQ(slice(fold(mesos), "10.0.0.1")->doubtful, Strings{}) << state;
    fold(cluster());  // it came back, and the grace begins anew
    EXPECT_EQ(slice(fold(mesos), "10.0.0.1")->doubtful, Strings{"a"}) << state;
  }
}

TEST_F(LedgerTest, DoubtsATaskThatHasNotBegunYetForAsLongAsItIsListed) {
  for (const char* state : {"TASK_STAGING", "TASK_STARTING"}) {
    ledger_ = Ledger(settings_);
    MesosCluster mesos = cluster();
    mesos.tasks[0].state = state;
    for (int read = 0; read < 3; ++read) {
      const Update update = fold(mesos);
      EXPECT_EQ(slice(update, "10.0.0.1")->doubtful, Strings{"a"}) << state;
      EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"b"}) << "not registered yet";
      pass(hours(1));
    }
    EXPECT_EQ(slice(fold(cluster()), "10.0.0.1")->doubtful, Strings{}) << "it runs";
  }
}

// The id of an ended task may be given again: its end must not remove the one that is only out of reach.
TEST_F(LedgerTest, AnEndedTaskOfTheSameIdProvesNothingOfOneThatIsLost) {
  MesosCluster mesos = cluster();
  mesos.completed = {task("a", "10.0.0.1")};
  mesos.completed[0].state = "TASK_FINISHED";
  fold(mesos);
  mesos.tasks[0].state = "TASK_UNREACHABLE";
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_EQ(slice(update, "10.0.0.1")->ended, Strings{});
}

// Masters before 1.4 do not count their unreachable agents, and a restarted muster has met none of them.
TEST_F(LedgerTest, DoesNotClaimToKnowTheHostOfALostTaskWhoseAgentItNeverMet) {
  MesosCluster mesos = cluster();
  mesos.agents[1].registered = false;
  mesos.agents[1].unreachable = true;
  mesos.unreachable = {mesos.tasks[2]};
  mesos.tasks.pop_back();
  std::string text = render_state(mesos);
  const std::string count = "\"unreachable_slaves\":1";
  ASSERT_NE(text.find(count), std::string::npos);
  text.replace(text.find(count), count.size(), "\"unreachable_slaves\":0");
  EXPECT_EQ(fold(text).domain, Domain::Listed);
  pass(minutes(12));
  EXPECT_EQ(fold(text).domain, Domain::All);
}

TEST_F(LedgerTest, KeepsTheTasksOfAnUnreachableAgentAndDropsThoseThatEndedThere) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.agents[0].registered = false;
  mesos.agents[0].unreachable = true;
  mesos.unreachable = {mesos.tasks[0]};
  mesos.unreachable[0].state = "TASK_UNREACHABLE";
  mesos.tasks = {mesos.tasks[2]};  // b is nowhere
  Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"a"});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
  pass(minutes(9));
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), Strings{"a"});
  pass(minutes(2));
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), Strings{});
}

TEST_F(LedgerTest, RefusesAClusterThatSharesNoAgent) {
  fold(cluster());
  MesosCluster other = cluster();
  for (MesosAgent& each : other.agents) {
    each.id = "T-" + each.id;
    each.ip = "10.9" + each.ip.substr(4);
  }
  Result<Update> update = try_fold(render_state(other));
  ASSERT_FALSE(update);
  EXPECT_EQ(update.error().fault, Fault::Keep);
  EXPECT_NE(update.error().message.find("another cluster"), std::string::npos);
  other.agents.push_back(agent("n2", "10.0.0.2"));
  other.agents.back().registered = false;
  EXPECT_TRUE(try_fold(render_state(other))) << "one recovered agent of ours is enough";
}

// A cluster of one agent, or a wholly re-imaged one, was refused until muster was restarted.
TEST_F(LedgerTest, FollowsAgentsThatAllCameBackUnderNewIdsAtTheirAddresses) {
  fold(cluster());
  MesosCluster mesos = cluster();
  for (MesosAgent& each : mesos.agents) each.id += "-wiped";
  mesos.tasks = {task("new", "10.0.0.1")};
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"new"});
  EXPECT_TRUE(complete(update, "10.0.0.1") && complete(update, "10.0.0.2"));
  EXPECT_EQ(update.domain, Domain::All);
  mesos.agents[0].port = mesos.agents[1].port = 5052;
  for (MesosAgent& each : mesos.agents) each.id += "-other";
  EXPECT_FALSE(try_fold(render_state(mesos))) << "the host alone may serve two clusters";
}

// Of two clusters that shared a name the one took the place of the other, whose services went after a minute.
TEST_F(LedgerTest, RefusesAClusterThatSharesNoAgentWhateverItsName) {
  const auto named = [](const MesosCluster& mesos, const std::string& name) {
    return "{\"cluster\":\"" + name + "\"," + render_state(mesos).substr(1);
  };
  MesosCluster other = cluster();
  other.agents = {agent("n8", "10.0.0.8")};
  other.tasks.clear();
  for (const auto& [ours, theirs] :
       {std::pair{"prod", "test"}, {"", ""}, {"prod", ""}, {"", "prod"}, {"prod", "prod"}}) {
    ledger_ = Ledger(settings_);
    fold(named(cluster(), ours));
    EXPECT_FALSE(try_fold(named(other, theirs))) << ours << " " << theirs;
  }
  EXPECT_TRUE(try_fold(named(cluster(), "renamed")));
}

TEST_F(LedgerTest, LetsAnAgentTakeThePlaceOfAnotherAtItsAddress) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.agents[0].id = "S-n1-rebooted";
  mesos.tasks = {task("new", "10.0.0.1"), mesos.tasks[2]};
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{"new"});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
  EXPECT_EQ(update.domain, Domain::All);
}

TEST_F(LedgerTest, UnitesTwoAgentsOfOneAddressAndBelievesThemOnlyTogether) {
  MesosCluster mesos = cluster();
  mesos.agents[1].ip = "10.0.0.1";
  mesos.agents[1].port = 5052;
  std::string text = render_state(mesos);
  // The fake places tasks by address: give the second agent one by hand.
  MesosCluster twin = mesos;
  Update update = fold(text);
  EXPECT_EQ(update.slices.size(), 1U);
  EXPECT_TRUE(complete(update, "10.0.0.1"));
  elect(twin);
  twin.agents[1].registered = false;
  twin.tasks.clear();
  update = fold(twin);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"})) << "they may be the silent one's";
  EXPECT_FALSE(complete(update, "10.0.0.1"));
}

TEST_F(LedgerTest, FollowsAnAgentToItsNewAddress) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.agents[0].ip = "10.0.0.9";
  mesos.tasks = {task("a", "10.0.0.9"), mesos.tasks[2]};
  const Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.9"), Strings{"a"});
  EXPECT_EQ(tasks(update, "10.0.0.1"), Strings{});
  EXPECT_TRUE(complete(update, "10.0.0.1"));
}

TEST_F(LedgerTest, WaitsForAsManyMissesAsAsked) {
  settings_.misses_before_remove = 3;
  ledger_ = Ledger(settings_);
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.tasks.erase(mesos.tasks.begin());
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), (Strings{"a", "b"}));
  fold(cluster());  // seen again: the count begins anew
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_EQ(tasks(fold(mesos), "10.0.0.1"), Strings{"b"});
  MesosCluster ended = mesos;
  ended.tasks[0].state = "TASK_FINISHED";
  EXPECT_EQ(tasks(fold(ended), "10.0.0.1"), Strings{}) << "an end needs no second word";
}

TEST_F(LedgerTest, RegistersAgentsAndMastersWhereTheyAre) {
  masters_.all = {{"http://10.0.0.1:5050", "10.0.0.1", 5050, "m1"}, {"http://10.0.0.7:5050", "10.0.0.7", 5050, "m2"}};
  masters_.leader = masters_.all[1];
  const Update update = fold(cluster());
  const SlicePtr both = slice(update, "10.0.0.1");
  ASSERT_EQ(both->instances.size(), 4U);
  const Instance master = both->instances.at(0);
  EXPECT_EQ(master.id, "10.0.0.1:5050");
  EXPECT_EQ(master.kind, Kind::Host);
  EXPECT_EQ(master.tags, Strings{"master"});
  EXPECT_EQ(master.checks.at(0).http, "http://10.0.0.1:5050/master/health");
  const Instance slave = both->instances.at(1);
  EXPECT_EQ(slave.id, "S-n1:n1");
  EXPECT_EQ(slave.tags, (Strings{"agent", "follower"}));
  EXPECT_EQ(slave.ports.at(0).number, 5051);
  EXPECT_EQ(slave.checks.at(0).http, "http://10.0.0.1:5051/slave(1)/health");
  EXPECT_EQ(slave.checks.at(0).interval, "10s");
  EXPECT_EQ(slice(update, "10.0.0.7")->instances.at(0).tags, (Strings{"leader", "master"}));
}

TEST_F(LedgerTest, LetsAMasterGoWhenItHasLeft) {
  masters_.all = {{"http://10.0.0.7:5050", "10.0.0.7", 5050, "m2"}};
  EXPECT_EQ(slice(fold(cluster()), "10.0.0.7")->instances.size(), 1U);
  masters_.all.clear();
  const Update update = fold(cluster());
  EXPECT_TRUE(slice(update, "10.0.0.7")->instances.empty());
  EXPECT_TRUE(complete(update, "10.0.0.7"));
  EXPECT_EQ(slice(fold(cluster()), "10.0.0.7"), nullptr);
}

// Two masters, the leader is killed: it stayed registered as `leader` beside the new one for the whole failover grace.
TEST_F(LedgerTest, TakesAMasterThatLeftTheListForEndedDuringAFailover) {
  const Master one = {"http://10.0.0.1:5050", "10.0.0.1", 5050, "m1"};
  const Master two = {"http://10.0.0.7:5050", "10.0.0.7", 5050, "m2"};
  const Master three = {"http://10.0.0.8:5050", "10.0.0.8", 5050, "m3"};
  masters_ = {{one, two, three}, one};
  fold(cluster());
  MesosCluster mesos = cluster();
  elect(mesos);
  mesos.agents[0].registered = mesos.agents[1].registered = false;
  mesos.tasks.clear();
  masters_ = {{two}, two};
  const Update update = fold(mesos);
  const SlicePtr beside = slice(update, "10.0.0.1");  // a silent agent on the same host keeps all that is its own
  EXPECT_FALSE(beside->instances.contains("10.0.0.1:5050"));
  EXPECT_EQ(beside->ended, Strings{"10.0.0.1:5050"});
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_TRUE(beside->instances.contains("S-n1:n1"));
  EXPECT_FALSE(beside->complete);
  EXPECT_TRUE(slice(update, "10.0.0.8")->instances.empty());
  EXPECT_EQ(slice(update, "10.0.0.8")->ended, Strings{"10.0.0.8:5050"});
  EXPECT_EQ(slice(update, "10.0.0.7")->instances.at(0).tags, (Strings{"leader", "master"})) << "only its role changed";
  masters_ = {{two, one}, two};
  const SlicePtr back = slice(fold(mesos), "10.0.0.1");
  EXPECT_TRUE(back->instances.contains("10.0.0.1:5050"));
  EXPECT_EQ(back->ended, Strings{});
}

TEST_F(LedgerTest, ProvesNoAbsenceWhereATaskCouldNotBeRead) {
  fold(cluster());
  MesosCluster mesos = cluster();
  mesos.tasks[0].id = "";
  Update update = fold(mesos);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_FALSE(complete(update, "10.0.0.1"));
  EXPECT_TRUE(complete(update, "10.0.0.2"));
  EXPECT_EQ(update.rejections.size(), 1U);
}

TEST_F(LedgerTest, KeepsAnAgentWhosePidCannotBeReadWhereItWas) {
  fold(cluster());
  std::string text = render_state(cluster());
  const std::string pid = "slave(1)@10.0.0.1:5051";
  text.replace(text.find(pid), pid.size(), "slave(1)@node1:5051");
  const Update update = fold(text);
  EXPECT_EQ(tasks(update, "10.0.0.1"), (Strings{"a", "b"}));
  EXPECT_FALSE(complete(update, "10.0.0.1"));
  EXPECT_EQ(update.domain, Domain::Listed);
  EXPECT_EQ(update.rejections.size(), 1U);
}

}  // namespace
}  // namespace muster::mesos
