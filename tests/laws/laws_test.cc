// The laws that every plan keeps, over random states. A failure names its seed: MUSTER_SEED=n runs that one alone,
// MUSTER_LONG=1 runs many more.
#include <gtest/gtest.h>

#include <cstdlib>

#include "laws/random_world.h"

namespace muster::laws {
namespace {

using notation::Lines;
using notation::show;

template <typename Law>
void for_seeds(std::uint64_t salt, Law law) {
  if (const char* one = std::getenv("MUSTER_SEED")) {
    law(Dice(std::strtoull(one, nullptr, 10)));
    return;
  }
  const std::uint64_t rounds = std::getenv("MUSTER_LONG") != nullptr ? 10'000 : 1'000;
  for (std::uint64_t round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    const std::uint64_t seed = salt * 1'000'000 + round;
    SCOPED_TRACE("MUSTER_SEED=" + std::to_string(seed));
    law(Dice(seed));
  }
}

std::string mark(const Meta& meta, const char* key) {
  const auto found = meta.find(key);
  return found == meta.end() ? "" : found->second;
}

bool ours(const Service& service, const Owner& owner) {
  return service.id.starts_with(owner.prefix + ":") && service.meta.contains(kMetaOwner) &&
         mark(service.meta, kMetaOwner) == owner.id;
}

bool lists(const SlicePtr& slice, const std::string& id) {
  for (std::size_t i = 0; i < slice->instances.size(); ++i) {
    if (slice->instances.at(i).id == id) return true;
  }
  return false;
}

// Does the knowledge prove that this service of ours may go? Written out again, apart from the guard.
bool proven(const Service& service, const Wanted& wanted) {
  const std::string source = mark(service.meta, kMetaSource);
  const std::string instance = mark(service.meta, kMetaInstance);
  if (source == kCanarySource) return wanted.slices.empty();
  bool host_known = false;
  for (const WantedSlice& each : wanted.slices) {
    if (each.source != source || each.host.id != mark(service.meta, kMetaHost)) continue;
    host_known = true;
    if (lists(each.slice, instance)) return true;  // it runs, and we know that it is not wanted
    if (std::count(each.slice->ended.begin(), each.slice->ended.end(), instance) > 0) return true;
    const auto& doubtful = each.slice->doubtful;
    if (each.slice->complete && std::count(doubtful.begin(), doubtful.end(), instance) == 0) return true;
  }
  return !host_known && std::count(wanted.settled.begin(), wanted.settled.end(), source) > 0;
}

// Bears the owner's mark, and is not the canary, which stays for it.
bool anything_else(const SimulatedAgent& agent, const Owner& owner) {
  return std::any_of(agent.services().begin(), agent.services().end(), [&](const auto& entry) {
    const Meta& meta = entry.second.meta;
    return mark(meta, kMetaOwner) == owner.id && !entry.first.starts_with(owner.prefix + ":canary:");
  });
}

const Service* find(const std::vector<Service>& services, const std::string& id) {
  for (const Service& each : services) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

struct State {
  RuleSettings settings;
  Muster muster;
  Wanted wanted;
  SimulatedAgent agent;
  Desired desired;
  Plan plan;

  explicit State(Dice& dice)
      : settings(random_rules(dice, dice.pick(kOwners))),
        muster(settings),
        wanted(random_wanted(dice)),
        agent(random_agent(dice, settings, wanted)),
        desired(muster.desired(wanted)),
        plan(muster.plan(wanted, agent)) {}

  std::string story() const { return "plan:\n  " + notation::joined(show(plan.actions), "\n  "); }
};

void expect_right(const Service& wanted, const SimulatedAgent& agent) {
  ASSERT_TRUE(agent.services().contains(wanted.id)) << wanted.id;
  Service held = agent.services().at(wanted.id);
  held.checks = wanted.checks;
  held.maintenance = wanted.maintenance;
  EXPECT_EQ(held, wanted) << show(held) << " is not " << show(wanted);
  for (const Check& check : wanted.checks) {
    ASSERT_TRUE(agent.checks().contains(check.id)) << check.id;
    EXPECT_EQ(agent.checks().at(check.id).service_id, wanted.id) << check.id;
    const SimulatedAgent::HeldCheck& held_check = agent.checks().at(check.id);
    Check definition = check;
    definition.status.clear();
    definition.output.clear();
    EXPECT_EQ(held_check.definition, definition) << check.id;
    if (check.reported) {
      EXPECT_EQ(held_check.status, as_reported(check).status) << check.id;
      EXPECT_EQ(held_check.output, as_reported(check).output) << check.id;
    }
  }
  const auto maintenance = agent.checks().find("_service_maintenance:" + wanted.id);
  const bool down = maintenance != agent.checks().end();
  EXPECT_TRUE(down || !wanted.maintenance) << wanted.id << " is in rotation";
  EXPECT_TRUE(!down || wanted.maintenance || !maintenance->second.notes.starts_with("muster: ")) << wanted.id;
}

TEST(Law, ConvergenceOursIsWhatIsDesiredAfterOneRun) {
  for_seeds(1, [](Dice dice) {
    State state(dice);
    SimulatedAgent after = state.agent;
    EXPECT_TRUE(apply(state.plan, after)) << "the agent refused an action";
    for (const Service& service : state.desired.services) {
      const auto before = state.agent.services().find(service.id);
      const bool foreign = before != state.agent.services().end() && before->second.meta.contains(kMetaOwner) &&
                           mark(before->second.meta, kMetaOwner) != state.muster.owner.id;
      if (foreign) {
        EXPECT_EQ(after.services().at(service.id), before->second);
      } else {
        expect_right(service, after);
      }
    }
    for (const auto& [id, service] : after.services()) {
      if (!ours(service, state.muster.owner) || find(state.desired.services, id) != nullptr) continue;
      if (mark(service.meta, kMetaSource) == kCanarySource && anything_else(after, state.muster.owner)) continue;
      EXPECT_FALSE(proven(service, state.wanted)) << id << " is proven to be over and still there";
    }
    EXPECT_FALSE(testing::Test::HasFailure()) << state.story();
  });
}

TEST(Law, QuietPlanningAgainYieldsNothing) {
  for_seeds(2, [](Dice dice) {
    State state(dice);
    SimulatedAgent after = state.agent;
    apply(state.plan, after);
    const Plan again = state.muster.plan(state.wanted, after);
    EXPECT_EQ(show(again.actions), Lines{}) << state.story();
    EXPECT_EQ(again.equal + again.conflicts.size(), state.desired.services.size());
    EXPECT_EQ(show(again.held), show(state.plan.held));
  });
}

// One action of the plan, against the agent as it was.
void expect_safe(const State& state, const Action& action) {
  const Service& on = action.service;
  const auto found = state.agent.services().find(on.id);
  const Service* before = found == state.agent.services().end() ? nullptr : &found->second;
  const bool wanted = find(state.desired.services, on.id) != nullptr;
  EXPECT_TRUE(on.id.starts_with(state.muster.owner.prefix + ":"));
  if (before != nullptr && before->meta.contains(kMetaOwner)) {
    EXPECT_EQ(mark(before->meta, kMetaOwner), state.muster.owner.id) << "touches another owner's " << on.id;
  }
  switch (action.verb) {
    case Verb::Register:
      EXPECT_EQ(before, nullptr);
      [[fallthrough]];
    case Verb::Update:
      EXPECT_TRUE(wanted);
      EXPECT_EQ(mark(on.meta, kMetaOwner), state.muster.owner.id);
      break;
    case Verb::DeregisterCheck: {
      ASSERT_TRUE(state.agent.checks().contains(action.check_id));
      EXPECT_EQ(state.agent.checks().at(action.check_id).service_id, on.id);
      EXPECT_TRUE(action.check_id.ends_with(":" + on.id)) << "somebody else's check";
      EXPECT_TRUE(wanted);
      break;
    }
    case Verb::ReportCheck:
    case Verb::EnableMaintenance:
    case Verb::DisableMaintenance:
      EXPECT_TRUE(wanted);
      break;
    case Verb::Deregister:
      ASSERT_NE(before, nullptr);
      EXPECT_TRUE(ours(*before, state.muster.owner));
      EXPECT_FALSE(wanted);
      EXPECT_TRUE(proven(*before, state.wanted)) << "removed without proof";
      break;
  }
}

TEST(Law, SafetyNothingIsTouchedThatIsNotOursAndNothingRemovedWithoutProof) {
  for_seeds(3, [](Dice dice) {
    const State state(dice);
    for (const Action& action : state.plan.actions) {
      SCOPED_TRACE(show(action));
      expect_safe(state, action);
    }
    SimulatedAgent after = state.agent;
    apply(state.plan, after);
    for (const auto& [id, service] : state.agent.services()) {
      const bool claimed = !service.meta.contains(kMetaOwner) && find(state.desired.services, id) != nullptr;
      if (ours(service, state.muster.owner) || claimed) continue;
      ASSERT_TRUE(after.services().contains(id)) << id;
      EXPECT_EQ(after.services().at(id), service) << id;
    }
    for (const auto& [id, check] : state.agent.checks()) {
      const bool hung = id.starts_with("theirs:") || check.notes == "operator";
      if (!hung || !after.services().contains(check.service_id)) continue;
      ASSERT_TRUE(after.checks().contains(id)) << id << " was not ours to end";
      EXPECT_EQ(after.checks().at(id), check);
    }
  });
}

// The check goes so that its service may bring one of another kind under the same id.
bool replaces(const Action& action, const Desired& desired) {
  const Service* service = find(desired.services, action.service.id);
  return service != nullptr && std::any_of(service->checks.begin(), service->checks.end(),
                                           [&](const Check& check) { return check.id == action.check_id; });
}

TEST(Law, RegistrationsAndUpdatesComeBeforeRemovals) {
  for_seeds(4, [](Dice dice) {
    const State state(dice);
    bool removing = false;
    for (const Action& action : state.plan.actions) {
      const bool put = action.verb == Verb::Register || action.verb == Verb::Update;
      EXPECT_FALSE(put && removing) << state.story();
      removing = removing || action.verb == Verb::Deregister ||
                 (action.verb == Verb::DeregisterCheck && !replaces(action, state.desired));
    }
  });
}

TEST(Law, OrderShuffledKnowledgeGivesTheSamePlan) {
  for_seeds(5, [](Dice dice) {
    const State state(dice);
    Wanted shuffled = state.wanted;
    for (WantedSlice& each : shuffled.slices) {
      std::vector<Instance> instances;
      for (std::size_t i = 0; i < each.slice->instances.size(); ++i) instances.push_back(each.slice->instances.at(i));
      dice.shuffle(instances);
      each.slice = doubting(notation::slice(instances, each.slice->complete, each.slice->ended), each.slice->doubtful);
    }
    dice.shuffle(shuffled.slices);
    dice.shuffle(shuffled.settled);
    const Desired desired = state.muster.desired(shuffled);
    EXPECT_TRUE(desired.services == state.desired.services);
    EXPECT_EQ(show(state.muster.plan(shuffled, state.agent).actions), show(state.plan.actions));
  });
}

TEST(Law, CrashKilledAfterAnyActionTheNextRunReachesTheSameEnd) {
  for_seeds(6, [](Dice dice) {
    const State state(dice);
    SimulatedAgent end = state.agent;
    apply(state.plan, end);
    for (std::size_t count = 0; count < state.plan.actions.size(); ++count) {
      SimulatedAgent crashed = state.agent;
      apply(state.plan, crashed, count);
      apply(state.muster.plan(state.wanted, crashed), crashed);
      ASSERT_TRUE(crashed == end) << "killed after " << count << " of\n" << state.story();
    }
  });
}

// Runs each in turn until neither has anything to do; false when they never agree.
bool settle(const std::vector<std::pair<Muster, Wanted>>& company, SimulatedAgent& agent) {
  std::size_t quiet = 0;
  for (std::size_t turn = 0; turn < 4 * company.size(); ++turn) {
    const auto& [muster, wanted] = company[turn % company.size()];
    const Plan plan = muster.plan(wanted, agent);
    quiet = plan.actions.empty() ? quiet + 1 : 0;
    if (quiet == company.size()) return true;
    apply(plan, agent);
  }
  return false;
}

TEST(Law, CompanyTwoOwnersOnOneAgentReachAFixedPointAndLeaveEachOtherAlone) {
  for_seeds(7, [](Dice dice) {
    std::vector<std::pair<Muster, Wanted>> company;
    RuleSettings settings = random_rules(dice, kOwners[0]);
    company.emplace_back(Muster(settings), random_wanted(dice));
    SimulatedAgent agent = random_agent(dice, settings, company[0].second);
    if (dice.one_in(2)) settings = random_rules(dice, kOwners[1]);
    settings.owner = kOwners[1];
    company.emplace_back(Muster(settings), dice.one_in(2) ? random_wanted(dice) : vary(dice, company[0].second));
    ASSERT_TRUE(settle(company, agent));
    const SimulatedAgent settled = agent;
    // One of them hears news: the other's services stay as they are.
    const std::string other = company[1].first.owner.id;
    apply(company[0].first.plan(random_wanted(dice), agent), agent);
    for (const auto& [id, service] : settled.services()) {
      if (mark(service.meta, kMetaOwner) != other) continue;
      ASSERT_TRUE(agent.services().contains(id)) << id;
      EXPECT_EQ(agent.services().at(id), service);
    }
  });
}

// Two processes of one owner, each with one source, on ids that only one of them gives.
TEST(Law, CompanyASourceThatIsNotConfiguredHereIsLeftAlone) {
  for_seeds(8, [](Dice dice) {
    RuleSettings settings = random_rules(dice, "prod");
    settings.compat = false;
    settings.canary = false;  // there is one an owner: whoever serves the agent sets it, and who does not takes it away
    std::vector<std::pair<Muster, Wanted>> company;
    for (const std::string& source : kSources) {
      Wanted wanted = random_wanted(dice, {source});
      for (WantedSlice& each : wanted.slices) {
        std::vector<Instance> instances;
        for (std::size_t i = 0; i < each.slice->instances.size(); ++i) {
          instances.push_back(each.slice->instances.at(i));
          instances.back().id = source + instances.back().id;
          instances.back().kind = Kind::Task;
        }
        each.slice = notation::slice(instances, each.slice->complete, each.slice->ended);
      }
      company.emplace_back(Muster(settings), wanted);
    }
    SimulatedAgent agent;
    ASSERT_TRUE(settle(company, agent));
    for (const auto& [muster, wanted] : company) {
      for (const Service& service : muster.desired(wanted).services) expect_right(service, agent);
    }
  });
}

}  // namespace
}  // namespace muster::laws
