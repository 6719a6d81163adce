// Both scopes over real HTTP, against a Nomad that misleads as Nomads do.
#include "nomad/source.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <thread>

#include "fakes/fake_nomad.h"
#include "nomad/instances.h"
#include "support/wait.h"

namespace muster::nomad {
namespace {

using fakes::FakeNomad;
using fakes::Framing;
using fakes::NomadAllocation;
using fakes::NomadQuirks;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::kPatience;
using Clock = std::chrono::steady_clock;
using Ids = std::set<std::string>;

constexpr char kPolicy[] = "namespace \"*\" { capabilities = [\"read-job\"] } node { policy = \"read\" }";

// Follows a source as the Board does, and remembers what was ever said to be over.
class NomadSourceTest : public testing::TestWithParam<Scope> {
 protected:
  NomadSourceTest() {
    net::global_init();
    node_ = nomad_.add_node({.id = "", .name = "n1", .address = "127.0.0.11", .consul_name = "n1.example"});
    settings_.scope = GetParam();
    settings_.addresses = {nomad_.url()};
    settings_.node_id = GetParam() == Scope::Node ? node_ : "";
    settings_.sweep = milliseconds(300);
    settings_.timeout = seconds(5);
  }
  ~NomadSourceTest() override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  void run() {
    source_ = GetParam() == Scope::Node ? make_node_source(settings_) : make_cluster_source(settings_);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const Result<Update> update = source_->next(stop);
        const std::lock_guard lock(mutex_);
        if (!update) errors_.push_back(update.error().message);
        if (!update) continue;
        ++updates_;
        for (const HostSlice& each : update->slices) {
          slices_[each.host.id] = each;
          ended_.insert(each.slice->ended.begin(), each.slice->ended.end());
        }
        all_ = update->domain == Domain::All;
      }
    });
  }
  std::string start(NomadAllocation allocation = {}) {
    allocation.node = node_;
    return nomad_.start(std::move(allocation));
  }
  static std::string service_id(const std::string& allocation) { return id_prefix(allocation) + "web:http"; }
  bool has(const std::string& allocation) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : slices_) {
      if (each.slice->instances.contains(service_id(allocation))) return true;
    }
    return false;
  }
  std::optional<Instance> instance(const std::string& allocation) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : slices_) {
      for (std::size_t i = 0; i < each.slice->instances.size(); ++i) {
        if (each.slice->instances.id(i) == service_id(allocation)) return each.slice->instances.at(i);
      }
    }
    return std::nullopt;
  }
  bool ended(const std::string& allocation) const {
    const std::lock_guard lock(mutex_);
    return ended_.contains(service_id(allocation));
  }
  bool complete() const {
    const std::lock_guard lock(mutex_);
    return slices_.contains(node_) && slices_.at(node_).slice->complete;
  }
  // At least so many more answers have been taken in, errors included.
  bool later(std::size_t more = 2) {
    const auto count = [this] {
      const std::lock_guard lock(mutex_);
      return updates_ + errors_.size();
    };
    const std::size_t before = count();
    return support::eventually(kPatience, [&] { return count() >= before + more; });
  }
  static bool eventually(const std::function<bool()>& holds) { return support::eventually(kPatience, holds); }

  FakeNomad nomad_;
  std::string node_;
  NomadSettings settings_;
  std::unique_ptr<Source> source_;
  mutable std::mutex mutex_;
  std::map<std::string, HostSlice> slices_;
  Ids ended_;
  std::vector<std::string> errors_;
  std::size_t updates_ = 0;
  bool all_ = false;
  std::jthread thread_;
};

INSTANTIATE_TEST_SUITE_P(Scopes, NomadSourceTest, testing::Values(Scope::Node, Scope::Cluster),
                         [](const auto& each) { return each.param == Scope::Node ? "Node" : "Cluster"; });

TEST_P(NomadSourceTest, FollowsAnAllocationFromItsStartToItsEnd) {
  run();
  ASSERT_TRUE(eventually([&] { return complete(); }));
  const std::string id = start({.id = "", .node = "", .tags = {"v1"}});
  ASSERT_TRUE(eventually([&] { return has(id); }));
  EXPECT_EQ(instance(id)->tags, std::vector<std::string>{"v1"});
  nomad_.finish(id);
  EXPECT_TRUE(eventually([&] { return ended(id) && !has(id); }));
}

TEST_P(NomadSourceTest, AHostIsItsNodeWithTheNameOfItsConsulAgent) {
  start();
  run();
  ASSERT_TRUE(eventually([&] { return complete(); }));
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(slices_.at(node_).host.id, node_);
  EXPECT_EQ(slices_.at(node_).host.consul_node, "n1.example");
  EXPECT_EQ(slices_.at(node_).host.ip, GetParam() == Scope::Node ? "127.0.0.1" : "127.0.0.11");
}

TEST_P(NomadSourceTest, AStopIsSeenBeforeTheClientActs) {
  const std::string id = start({.id = "", .node = "", .shutdown_delay_ms = 1000});
  run();
  ASSERT_TRUE(eventually([&] { return has(id); }));
  nomad_.stop(id);
  ASSERT_TRUE(eventually([&] { return has(id) && !instance(id)->maintenance.empty(); }));
  EXPECT_FALSE(ended(id));
  EXPECT_TRUE(eventually([&] { return ended(id) && !has(id); })) << "its client still says that it runs";
}

TEST_P(NomadSourceTest, AnAllocationThatWasCollectedIsGoneOnceNomadSaysSo) {
  const std::string id = start(), other = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  nomad_.collect(id);
  start();  // a list is read for some other reason
  EXPECT_TRUE(eventually([&] { return ended(id); }));
  EXPECT_TRUE(has(other));
}

TEST_P(NomadSourceTest, ListsThatShrinkProveNothing) {
  const std::string shown = start(), hidden = start({.id = "", .node = "", .ns = "prod"});
  run();
  ASSERT_TRUE(eventually([&] { return has(hidden) && complete(); }));
  nomad_.quirks([](NomadQuirks& q) { q.policy = kPolicy, q.hidden = {"prod"}; });
  const std::string next = start();
  ASSERT_TRUE(eventually([&] { return has(next) && !complete(); }));
  ASSERT_TRUE(later());
  EXPECT_TRUE(has(hidden) && has(shown));
  EXPECT_FALSE(ended(hidden));
  nomad_.quirks([](NomadQuirks& q) { q.hidden.clear(); });
  EXPECT_TRUE(eventually([&] { return complete(); }));
}

TEST_P(NomadSourceTest, ATokenWithoutSightOfEverythingNeverProvesAnAbsence) {
  nomad_.quirks(
      [](NomadQuirks& q) { q.policy = "namespace \"default\" { policy = \"read\" } node { policy = \"read\" }"; });
  const std::string id = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id); }));
  ASSERT_TRUE(later());
  EXPECT_FALSE(complete());
  EXPECT_FALSE(all_);
  nomad_.finish(id);
  EXPECT_TRUE(eventually([&] { return ended(id); })) << "what ends by itself needs no list";
}

TEST_P(NomadSourceTest, EmptyListsFailuresAndMissingLeadersChangeNothing) {
  const std::string id = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  for (const auto& quirk : std::vector<std::function<void(NomadQuirks&)>>{
           [](NomadQuirks& q) { q.empty_lists = true; }, [](NomadQuirks& q) { q.lists_fail = true; },
           [](NomadQuirks& q) { q.leaderless = true; }, [](NomadQuirks& q) { q.resets = 3; }}) {
    nomad_.quirks(quirk);
    start();
    ASSERT_TRUE(later(1));
    EXPECT_TRUE(has(id));
    EXPECT_FALSE(ended(id));
    nomad_.quirks([](NomadQuirks& q) { q = {}; });
    const std::string next = start();
    ASSERT_TRUE(eventually([&] { return has(next) && complete(); }));
  }
}

TEST_P(NomadSourceTest, AClusterThatIsRestoredIsReadAnew) {
  const std::string id = start(), other = start();
  nomad_.change(id, [](NomadAllocation& each) { each.tags = {"new"}; });
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && has(other); }));
  nomad_.rewind(5);
  nomad_.change(id, [](NomadAllocation& each) { each.tags = {"old"}; });
  EXPECT_TRUE(eventually([&] { return has(id) && instance(id)->tags == std::vector<std::string>{"old"}; }));
  EXPECT_TRUE(has(other));
}

TEST_P(NomadSourceTest, BeforeNomad13AllocationsAloneAreEnough) {
  nomad_.quirks([](NomadQuirks& q) { q.old = true; });
  const std::string id = start();
  run();
  EXPECT_TRUE(eventually([&] { return has(id) && complete(); }));
}

TEST_P(NomadSourceTest, ALateRegistrationOfNomadsOwnIsTakenUp) {
  const std::string id = start({.id = "", .node = "", .tags = {"x"}, .registered = false});
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] { return has(id); }));
  nomad_.quiet(true);
  nomad_.change(id, [](NomadAllocation& each) { each.registered = true, each.tags = {"final"}; });
  EXPECT_TRUE(eventually([&] { return instance(id)->tags == std::vector<std::string>{"final"}; }));
}

// An allocation whose look was due, and that was no longer shown, was asked for without a pause: 580 times a second.
TEST_P(NomadSourceTest, OneThatIsNoLongerShownWhileWeWaitForItsServicesIsNotAskedForWithoutAPause) {
  const std::string id = start({.id = "", .node = "", .ns = "prod", .registered = false});
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  const std::string path = "/v1/allocation/" + id;
  nomad_.quirks([](NomadQuirks& q) { q.hidden = {"prod"}; });
  const std::uint64_t before = nomad_.requests(path);
  ASSERT_TRUE(eventually([&] { return nomad_.requests(path) > before; }));
  std::this_thread::sleep_for(milliseconds(500));  // in which the loop asked hundreds of times
  EXPECT_LE(nomad_.requests(path), before + 3);
  EXPECT_TRUE(has(id) && !ended(id));
  nomad_.quirks([](NomadQuirks& q) { q.hidden.clear(); });
}

// The words of a refusal in the job of an allocation, read before the status, kept it from ever being registered.
TEST_P(NomadSourceTest, AJobMayHoldTheWordsOfARefusal) {
  const std::string id = start({.id = "", .node = "", .tags = {"Unknown allocation", "alloc not found"}});
  run();
  EXPECT_TRUE(eventually([&] { return has(id); }));
}

// Nothing wakes a node's query when its client has registered the promoted canary anew.
TEST_P(NomadSourceTest, APromotedCanaryGetsItsTagsOnceItsClientHasActed) {
  const std::string id = start({.id = "", .node = "", .tags = {"v2"}, .canary_tags = {"canary"}, .canary = true});
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  EXPECT_EQ(instance(id)->tags, std::vector<std::string>{"canary"});
  nomad_.change(id, [](NomadAllocation& each) { each.canary = false, each.stale_tags = {"canary"}; });
  nomad_.quiet(true);
  ASSERT_TRUE(later(1));
  nomad_.change(id, [](NomadAllocation& each) { each.stale_tags.clear(); });
  EXPECT_TRUE(eventually([&] { return instance(id)->tags == std::vector<std::string>{"v2"}; }));
}

// The default owner said nomad:global of whatever region the agent was in: two regions shared it.
TEST_P(NomadSourceTest, AnAgentOfAnotherRegionIsNotFollowedAndTheErrorNamesTheFlag) {
  start();
  nomad_.quirks([](NomadQuirks& q) { q.region = "eu"; });
  settings_.given = {"nomad-address"};
  settings_ = nomad::complete(settings_, [](const char*) -> const char* { return nullptr; }).value();
  run();
  ASSERT_TRUE(later(1));
  const std::lock_guard lock(mutex_);
  EXPECT_TRUE(slices_.empty() && updates_ == 0);
  ASSERT_FALSE(errors_.empty());
  EXPECT_NE(errors_[0].find("--nomad-region=NAME"), std::string::npos) << errors_[0];
}

TEST_P(NomadSourceTest, AStopEndsTheWaitAtOnce) {
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] { return complete(); }));
  const auto before = Clock::now();
  thread_.request_stop();
  thread_.join();
  EXPECT_LT(Clock::now() - before, milliseconds(500));
}

class NodeScopeTest : public NomadSourceTest {};
INSTANTIATE_TEST_SUITE_P(Scopes, NodeScopeTest, testing::Values(Scope::Node), [](const auto&) { return "Node"; });

TEST_P(NodeScopeTest, TheNodeIsAskedOfTheAgentAndNothingIsAskedWhileNothingHappens) {
  settings_.node_id.clear();
  settings_.sweep = std::chrono::hours(1);
  const std::string id = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  const auto polls = [&] { return nomad_.requests("/v1/node/" + node_ + "/allocations"); };
  EXPECT_TRUE(eventually([&] { return polls() == 2; })) << "a first read, and the one that blocks: " << polls();
  const std::uint64_t before = nomad_.requests();
  std::this_thread::sleep_for(seconds(1));  // nothing happens for a while
  EXPECT_EQ(nomad_.requests(), before);
  EXPECT_EQ(nomad_.streams(), 0U);
}

TEST_P(NodeScopeTest, ChangesOfOtherNodesWakeNobody) {
  const std::string other = nomad_.add_node({.id = "", .name = "n2", .address = "127.0.0.12"});
  settings_.sweep = std::chrono::hours(1);
  const std::string id = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  const std::uint64_t before = nomad_.requests();
  for (int i = 0; i < 20; ++i) nomad_.start({.id = "", .node = other});
  const std::string mine = start();
  ASSERT_TRUE(eventually([&] { return has(mine); }));
  EXPECT_LE(nomad_.requests(), before + 2) << "one wake-up, one look at its services, and the next wait at most";
}

class ClusterScopeTest : public NomadSourceTest {};
INSTANTIATE_TEST_SUITE_P(Scopes, ClusterScopeTest, testing::Values(Scope::Cluster),
                         [](const auto&) { return "Cluster"; });

TEST_P(ClusterScopeTest, EventsAreFollowedInBothFramingsWithoutAnySweep) {
  settings_.sweep = std::chrono::hours(1);
  for (const Framing framing : {Framing::Chunked, Framing::UntilEof}) {
    nomad_.quirks([&](NomadQuirks& q) { q.framing = framing; });
    nomad_.end_streams();
    slices_.clear();
    run();
    ASSERT_TRUE(eventually([&] { return complete() && nomad_.streams() > 0; }));
    const std::uint64_t sweeps = nomad_.requests("/v1/nodes");
    const std::string id = start();
    EXPECT_TRUE(eventually([&] { return has(id); }));
    nomad_.change(id, [](NomadAllocation& each) { each.tags = {"v2"}; });
    EXPECT_TRUE(eventually([&] { return instance(id)->tags == std::vector<std::string>{"v2"}; }));
    nomad_.finish(id);
    EXPECT_TRUE(eventually([&] { return ended(id); }));
    EXPECT_EQ(nomad_.requests("/v1/nodes"), sweeps);
    thread_.request_stop();
    thread_.join();
  }
}

TEST_P(ClusterScopeTest, WithoutAStreamBlockingQueriesTakeItsPlace) {
  settings_.sweep = std::chrono::hours(1);
  for (const Framing framing : {Framing::Denied, Framing::ClosedEarly, Framing::OldProtocol, Framing::Off}) {
    SCOPED_TRACE(static_cast<int>(framing));
    nomad_.quirks([&](NomadQuirks& q) { q.framing = framing; });
    run();
    ASSERT_TRUE(eventually([&] { return complete(); }));
    const std::string id = start();
    EXPECT_TRUE(eventually([&] { return has(id); }));
    nomad_.finish(id);
    EXPECT_TRUE(eventually([&] { return ended(id); }));
    thread_.request_stop();
    thread_.join();
    slices_.clear();
  }
}

// Each try to subscribe held everything up for ten seconds, and a stop was handled when its process was long dead.
TEST_P(ClusterScopeTest, PollsAndTimesGoOnWhileASubscriptionIsAnsweredByNothing) {
  nomad_.quirks([](NomadQuirks& q) { q.framing = Framing::Silent; });
  settings_.sweep = settings_.timeout = std::chrono::hours(1);
  const std::string id = start({.id = "", .node = "", .shutdown_delay_ms = 200});
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && complete(); }));
  nomad_.stop(id);
  EXPECT_TRUE(eventually([&] { return ended(id); }));
  EXPECT_EQ(nomad_.requests("/v1/event/stream"), 1U) << "all of it in the wait for the first heartbeat";
}

// A subscription that is denied was tried again after half a second, and each try held everything up.
TEST_P(ClusterScopeTest, WhatIsDeniedIsNotAskedForAgainSoon) {
  nomad_.quirks([](NomadQuirks& q) { q.framing = Framing::Silent; });
  settings_.timeout = milliseconds(400);
  run();
  ASSERT_TRUE(eventually([&] { return complete() && nomad_.requests("/v1/event/stream") == 1; }));
  ASSERT_TRUE(later(8)) << "sweeps of 0.3 s: beyond the wait for a heartbeat and the first pauses of before";
  EXPECT_EQ(nomad_.requests("/v1/event/stream"), 1U);
}

TEST_P(ClusterScopeTest, EventsThatAreLostAreMadeUpForByTheNextSweep) {
  nomad_.quirks([](NomadQuirks& q) { q.lose_events = true; });
  const std::string id = start();
  run();
  ASSERT_TRUE(eventually([&] { return has(id) && nomad_.streams() > 0; }));
  const std::string silent = start();
  nomad_.finish(id);
  EXPECT_TRUE(eventually([&] { return has(silent) && ended(id); }));
}

TEST_P(ClusterScopeTest, EventsGoOnWhileListsFail) {
  settings_.sweep = milliseconds(300);
  run();
  ASSERT_TRUE(eventually([&] { return complete() && nomad_.streams() > 0; }));
  nomad_.quirks([](NomadQuirks& q) { q.lists_fail = true; });
  const std::string id = start();
  EXPECT_TRUE(eventually([&] { return has(id); }));
  nomad_.finish(id);
  EXPECT_TRUE(eventually([&] { return ended(id); }));
}

TEST_P(ClusterScopeTest, AStreamThatEndsIsOpenedAnewAndNothingIsMissed) {
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] { return complete() && nomad_.streams() > 0; }));
  nomad_.quiet(true);
  const std::string id = start();
  nomad_.quiet(false);
  nomad_.end_streams();
  EXPECT_TRUE(eventually([&] { return has(id); }));
  EXPECT_TRUE(eventually([&] { return nomad_.streams() > 0; }));
}

TEST_P(ClusterScopeTest, NodesComeAndGo) {
  run();
  ASSERT_TRUE(eventually([&] { return complete() && nomad_.streams() > 0; }));
  const std::string other = nomad_.add_node({.id = "", .name = "n2", .address = "127.0.0.12"});
  const std::string id = nomad_.start({.id = "", .node = other});
  ASSERT_TRUE(eventually([&] { return has(id); }));
  nomad_.remove_node(other);
  EXPECT_TRUE(eventually([&] { return ended(id); }));
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    return all_;
  })) << "a whole list of nodes: the next host that is not in it is gone";
}

TEST_P(ClusterScopeTest, ThousandsOfAllocationsAreReadPageByPageAndNodeByNode) {
  nomad_.quiet(true);
  std::vector<std::string> nodes;
  for (int i = 0; i < 20; ++i) {
    nodes.push_back(
        nomad_.add_node({.id = "", .name = "m" + std::to_string(i), .address = "127.0.1." + std::to_string(i + 1)}));
  }
  for (std::size_t i = 0; i < 2000; ++i) nomad_.start({.id = "", .node = nodes[i % nodes.size()]});
  settings_.sweep = std::chrono::hours(1);
  run();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [id, each] : slices_) sum += each.slice->instances.size();
    return sum == 2000 && all_;
  }));
  EXPECT_GE(nomad_.requests("/v1/allocations"), 4U);
}

TEST_P(ClusterScopeTest, AnotherAddressIsAskedWhenOneIsDead) {
  settings_.addresses = {"http://127.0.0.1:1", nomad_.url()};
  const std::string id = start();
  run();
  EXPECT_TRUE(eventually([&] { return has(id); }));
}

}  // namespace
}  // namespace muster::nomad
