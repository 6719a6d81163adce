// What is proven to be over, and what is not, told allocation by allocation.
#include "nomad/ledger.h"

#include <gtest/gtest.h>

#include <memory>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::string>;

constexpr char kId[] = "5229c7f8-376b-3ccc-edd9-981e238f7033";
constexpr char kOther[] = "6229c7f8-376b-3ccc-edd9-981e238f7033";

std::string group_id(const std::string& id = kId) { return id_prefix(id) + "web:http"; }
std::string task_id() { return id_prefix(kId) + "side:http"; }

std::shared_ptr<const Job> job(std::int64_t shutdown_delay = 0) {
  Job out;
  out.id = out.name = "web";
  out.ns = "default";
  out.group = "api";
  out.shutdown_delay = shutdown_delay;
  out.tasks.push_back(TaskBlock{.name = "srv", .driver = "raw_exec", .meta = {}, .env = {}});
  ServiceBlock service;
  service.name = "web";
  service.provider = "nomad";
  service.port_label = "http";
  out.services.push_back(service);
  service.name = "side";
  service.task = "srv";
  out.services.push_back(service);
  return std::make_shared<const Job>(std::move(out));
}

Allocation allocation(const std::string& id = kId) {
  Allocation out;
  out.id = id;
  out.name = "web.api[0]";
  out.ns = "default";
  out.node_id = "n1";
  out.job_id = "web";
  out.group = "api";
  out.desired_status = "run";
  out.client_status = "running";
  out.task_states["srv"] = {"running", false, true};
  out.ports = {{"http", 20000, 0, "127.0.0.1"}};
  out.networks = {{"host", "127.0.0.1", out.ports}};
  out.task_networks["srv"] = out.networks;
  out.modify_index = 10;
  out.job = job();
  out.resources_known = out.task_states_known = true;
  return out;
}

class LedgerTest : public testing::Test {
 protected:
  SlicePtr fold(Allocation allocation) {
    allocation.modify_index = ++index_;
    ledger_.fold(allocation, node_, {}, now_, rejections_);
    return ledger_.slice();
  }
  static Ids ids(const SlicePtr& slice) {
    Ids out;
    for (std::size_t i = 0; i < slice->instances.size(); ++i) out.emplace_back(slice->instances.id(i));
    return out;
  }

  NomadSettings settings_;
  Node node_{.id = "n1",
             .name = "n1",
             .datacenter = "dc1",
             .pool = "",
             .node_class = "",
             .status = "ready",
             .address = "127.0.0.1",
             .version = "2.0.5",
             .drain = false,
             .eligible = true,
             .attributes = {},
             .meta = {},
             .modify_index = 1};
  Ledger ledger_{settings_};
  Ledger::Time now_{std::chrono::hours(1)};
  std::vector<Rejection> rejections_;
  std::uint64_t index_ = 100;
};

TEST_F(LedgerTest, WhatRunsIsThereAndEndsWithItsAllocation) {
  EXPECT_EQ(ids(fold(allocation())), (Ids{task_id(), group_id()}));
  Allocation over = allocation();
  over.client_status = "complete";
  const SlicePtr slice = fold(over);
  EXPECT_TRUE(slice->instances.empty());
  EXPECT_EQ(slice->ended, (Ids{task_id(), group_id()}));
}

TEST_F(LedgerTest, WhatEndedBeforeWeCameIsProvenToBeOverAsWell) {
  Allocation over = allocation();
  over.client_status = "failed";
  over.task_states["srv"].state = "dead";
  EXPECT_EQ(fold(over)->ended, (Ids{task_id(), group_id()}));
}

TEST_F(LedgerTest, AListThatLacksAnAllocationEndsNothing) {
  fold(allocation());
  ledger_.begin_list();
  ledger_.listed(false);
  const SlicePtr slice = ledger_.slice();
  EXPECT_EQ(slice->instances.size(), 2U);
  EXPECT_FALSE(slice->complete);
  EXPECT_TRUE(slice->ended.empty());
  EXPECT_EQ(ledger_.missing(), Ids{kId});
}

TEST_F(LedgerTest, AnAllocationThatNomadHasNoLongerHasEnded) {
  fold(allocation());
  fold(allocation(kOther));
  ledger_.end(kId);
  const SlicePtr slice = ledger_.slice();
  EXPECT_EQ(slice->ended, (Ids{task_id(), group_id()}));
  EXPECT_EQ(slice->instances.size(), 2U);
  EXPECT_TRUE(slice->instances.contains(group_id(kOther)));
}

TEST_F(LedgerTest, OneThatIsToldToStopIsInMaintenanceAndGoesBeforeItsClientKillsIt) {
  fold(allocation());
  Allocation stopping = allocation();
  stopping.job = job(3'000'000'000);
  stopping.desired_status = "stop";
  const SlicePtr slice = fold(stopping);
  ASSERT_EQ(slice->instances.size(), 2U);
  EXPECT_FALSE(slice->instances.at(0).maintenance.empty());
  EXPECT_EQ(ledger_.due(), now_ + milliseconds(1500));  // half of its delay
  EXPECT_FALSE(ledger_.tick(now_ + milliseconds(1499)));
  EXPECT_TRUE(ledger_.tick(now_ + milliseconds(1500)));
  EXPECT_EQ(ledger_.slice()->ended.size(), 2U);
  // Its client tells of it once more before it is over.
  EXPECT_TRUE(fold(stopping)->instances.empty());
}

TEST_F(LedgerTest, ALongDelayIsDrainedForAsLongAsTheFlagSays) {
  Allocation stopping = allocation();
  stopping.job = job(60'000'000'000);
  stopping.desired_status = "stop";
  fold(stopping);
  EXPECT_EQ(ledger_.due(), now_ + settings_.drain);
}

TEST_F(LedgerTest, WithoutADelayItGoesAtOnce) {
  fold(allocation());
  Allocation stopping = allocation();
  stopping.desired_status = "evict";
  EXPECT_EQ(fold(stopping)->ended.size(), 2U);
}

TEST_F(LedgerTest, ADrainThatWaitsForItsReplacementTakesItOutOfRotationAndEndsNothing) {
  Allocation migrating = allocation();
  migrating.migrate = true;
  const SlicePtr slice = fold(migrating);
  ASSERT_EQ(slice->instances.size(), 2U);
  EXPECT_FALSE(slice->instances.at(0).maintenance.empty());
  EXPECT_FALSE(ledger_.due());
}

TEST_F(LedgerTest, ATaskThatCrashedLeavesAndComesBackWhileItsGroupsServiceStays) {
  fold(allocation());
  Allocation crashed = allocation();
  crashed.client_status = "pending";
  crashed.task_states["srv"].state = "pending";
  const SlicePtr slice = fold(crashed);
  EXPECT_EQ(ids(slice), Ids{group_id()});
  EXPECT_EQ(slice->ended, Ids{task_id()});
  const SlicePtr again = fold(allocation());
  EXPECT_EQ(again->instances.size(), 2U);
  EXPECT_TRUE(again->ended.empty());
}

TEST_F(LedgerTest, OneThatHasNotStartedOffersNothingAndProvesNothing) {
  Allocation waiting = allocation();
  waiting.client_status = "pending";
  waiting.task_states.clear();
  const SlicePtr slice = fold(waiting);
  EXPECT_TRUE(slice->instances.empty());
  EXPECT_TRUE(slice->ended.empty());
}

TEST_F(LedgerTest, WhatIsLostOrDisconnectedIsJudgedByTheFlags) {
  struct Case {
    const char* status;
    Doubt doubt;
    std::size_t instances;
    bool maintenance;
    std::size_t ended;
  };
  for (const Case& each :
       {Case{"lost", Doubt::Remove, 0, false, 2}, Case{"lost", Doubt::Maintenance, 2, true, 0},
        Case{"lost", Doubt::Keep, 2, false, 0}, Case{"unknown", Doubt::Remove, 0, false, 2},
        Case{"unknown", Doubt::Maintenance, 2, true, 0}, Case{"unknown", Doubt::Keep, 2, false, 0}}) {
    SCOPED_TRACE(each.status + std::to_string(static_cast<int>(each.doubt)));
    settings_.lost = settings_.unknown = each.doubt;
    ledger_.restart();
    fold(allocation());
    Allocation doubted = allocation();
    doubted.client_status = each.status;
    const SlicePtr slice = fold(doubted);
    EXPECT_EQ(slice->instances.size(), each.instances);
    EXPECT_EQ(slice->ended.size(), each.ended);
    if (each.instances > 0) {
      EXPECT_EQ(!slice->instances.at(0).maintenance.empty(), each.maintenance);
    }
    EXPECT_EQ(fold(allocation())->instances.size(), 2U) << "it came back";
  }
}

TEST_F(LedgerTest, AnAllocationWhoseJobCannotBeReadStaysAsItIsAndProvesNothing) {
  fold(allocation());
  Allocation jobless = allocation();
  jobless.job = nullptr;
  fold(jobless);
  ledger_.begin_list();
  ledger_.see(kId);
  ledger_.listed(true);
  const SlicePtr slice = ledger_.slice();
  EXPECT_EQ(slice->instances.size(), 2U);
  EXPECT_FALSE(slice->complete);
  EXPECT_FALSE(rejections_.empty());
}

TEST_F(LedgerTest, AnOlderWordChangesNothingUntilTheClusterIsRestored) {
  fold(allocation());
  Allocation old = allocation();
  old.client_status = "complete";
  old.modify_index = 50;
  ledger_.fold(old, node_, {}, now_, rejections_);
  EXPECT_EQ(ledger_.slice()->instances.size(), 2U);
  ledger_.restart();
  ledger_.fold(old, node_, {}, now_, rejections_);
  EXPECT_TRUE(ledger_.slice()->instances.empty());
}

TEST_F(LedgerTest, ASliceThatDidNotChangeIsTheSameObject) {
  const SlicePtr first = fold(allocation());
  EXPECT_EQ(fold(allocation()), first);
}

}  // namespace
}  // namespace muster::nomad
