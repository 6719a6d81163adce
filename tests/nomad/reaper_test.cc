// Never fights: Nomad's own anti-entropy, as a value, on one agent with muster. In the past two that shared an agent
// deregistered each other for ever.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "laws/random_world.h"
#include "nomad/instances.h"

namespace muster::nomad {
namespace {

using laws::Dice;
using laws::SimulatedAgent;

// The sync loop of a Nomad client (command/agent/consul, service_client.go) after its first minute: it looks at nothing
// but the beginning of an id.
class NomadClient {
 public:
  std::map<std::string, Service> memory;

  // True: something was changed.
  bool sync(SimulatedAgent& agent) const {
    bool changed = false;
    const auto held = agent.services();
    for (const auto& [id, service] : held) {
      if (!id.starts_with("_nomad-task-") || id.ends_with("-sidecar-proxy") || memory.contains(id)) continue;
      agent.remove(id);
      changed = true;
    }
    const auto checks = agent.checks();
    for (const auto& [id, check] : checks) {
      if (!id.starts_with("_nomad-check-") || !check.service_id.starts_with("_nomad-task-")) continue;
      if (knows_check(id)) continue;
      agent.drop_check(id);
      changed = true;
    }
    for (const auto& [id, service] : memory) {
      const auto found = agent.services().find(id);
      if (found != agent.services().end() && same(found->second, service) && has_checks(agent, service)) continue;
      agent.put(service);
      changed = true;
    }
    return changed;
  }

 private:
  static bool same(const Service& a, const Service& b) {
    return a.name == b.name && a.port == b.port && a.address == b.address && a.meta == b.meta &&
           a.enable_tag_override == b.enable_tag_override && a.tagged_addresses == b.tagged_addresses &&
           a.weight_passing == b.weight_passing && a.weight_warning == b.weight_warning &&
           std::set(a.tags.begin(), a.tags.end()) == std::set(b.tags.begin(), b.tags.end());
  }
  bool knows_check(const std::string& id) const {
    return std::any_of(memory.begin(), memory.end(), [&](const auto& each) {
      const auto& checks = each.second.checks;
      return std::any_of(checks.begin(), checks.end(), [&](const Check& check) { return check.id == id; });
    });
  }
  static bool has_checks(const SimulatedAgent& agent, const Service& service) {
    return std::all_of(service.checks.begin(), service.checks.end(),
                       [&](const Check& check) { return agent.checks().contains(check.id); });
  }
};

const std::vector<std::string> kNames{"web", "api", "_nomad-task-x", "${UNKNOWN}", "web-api"};
const std::vector<std::string> kProviders{"nomad", "nomad", "consul", ""};

ServiceBlock random_block(Dice& dice, const std::string& task) {
  ServiceBlock out;
  out.name = dice.pick(kNames);
  out.task = task;
  out.provider = dice.pick(kProviders);
  out.port_label = dice.pick(std::vector<std::string>{"http", "admin", "", "8080", "nothing"});
  out.tags = {"t" + std::to_string(dice.below(3))};
  if (dice.one_in(2)) {
    CheckBlock check;
    check.type = dice.pick(std::vector<std::string>{"http", "tcp", "script"});
    check.interval = 1'000'000'000;
    out.checks.push_back(check);
  }
  return out;
}

Allocation random_allocation(Dice& dice, std::size_t number) {
  Allocation out;
  out.id = std::to_string(number) + "229c7f8-376b-3ccc-edd9-981e238f7033";
  out.job_id = dice.pick(std::vector<std::string>{"web", "_nomad"});
  out.group = "g";
  out.desired_status = dice.one_in(5) ? "stop" : "run";
  out.client_status = dice.pick(std::vector<std::string>{"running", "running", "pending", "complete", "unknown"});
  out.task_states_known = true;
  out.task_states["t"] = {dice.one_in(3) ? "dead" : "running", false, true};
  out.ports = {{"http", 20000 + static_cast<int>(number), 0, "10.0.0.1"}, {"admin", 21000, 0, "10.0.0.1"}};
  Job job;
  job.id = out.job_id;
  job.group = "g";
  if (dice.one_in(4)) {
    job.meta = {{"muster-ports", "true"}};
  } else {
    for (std::size_t i = dice.below(4); i-- > 0;) job.services.push_back(random_block(dice, dice.one_in(2) ? "t" : ""));
  }
  out.job = std::make_shared<const Job>(std::move(job));
  return out;
}

// What the client itself puts into Consul for the other provider.
void register_own(const Allocation& allocation, NomadClient& client) {
  if (phase_of(allocation) != Phase::Running) return;
  for (const ServiceBlock& block : allocation.job->services) {
    if (block.provider == "nomad") continue;
    Service service;
    service.id = "_nomad-task-" + allocation.id + "-" + (block.task.empty() ? "group-g" : block.task) + "-" +
                 block.name + "-" + block.port_label;
    service.name = block.name;
    service.tags = block.tags;
    service.port = 20000;
    service.meta["external-source"] = "nomad";
    Check check;
    check.id = "_nomad-check-" + std::to_string(client.memory.size());
    check.http = "http://10.0.0.1:20000/";
    check.interval = "10s";
    service.checks.push_back(check);
    client.memory[service.id] = std::move(service);
  }
}

Wanted wanted_of(const std::vector<Allocation>& allocations, bool complete) {
  Slice slice;
  slice.complete = complete;
  for (const Allocation& each : allocations) {
    const Made made = make_instances(each, {}, {}, {.ports = true});
    for (const Instance& instance : made.instances) slice.instances.add(instance);
    slice.doubtful.insert(slice.doubtful.end(), made.doubtful.begin(), made.doubtful.end());
    slice.complete = slice.complete && made.whole;
  }
  slice.instances.seal();
  std::sort(slice.doubtful.begin(), slice.doubtful.end());
  Wanted out;
  out.agent = {"http://10.0.0.1:8500"};
  out.slices.push_back({"nomad", {"n1", "10.0.0.1", "", ""}, std::make_shared<const Slice>(std::move(slice))});
  return out;
}

// Left behind by clients and musters of other days, and by others.
SimulatedAgent random_agent(Dice& dice) {
  SimulatedAgent agent;
  for (const char* id : {"_nomad-task-old-group-g-web-http", "_nomad-task-old-group-g-web-http-sidecar-proxy",
                         "_nomad-client-abc", "muster:nomad:old:web:http", "zookeeper"}) {
    if (dice.one_in(2)) continue;
    Service service;
    service.id = id;
    service.name = "left";
    if (service.id.starts_with("muster:")) {
      service.meta = {
          {kMetaOwner, "prod"}, {kMetaSource, "nomad"}, {kMetaHost, "n1"}, {kMetaInstance, "nomad:old:web:http"}};
    }
    agent.put(service);
    if (dice.one_in(2)) agent.hang("_nomad-check-" + service.id, service.id);
  }
  return agent;
}

void expect_harmless(const Plan& plan) {
  for (const Action& action : plan.actions) {
    EXPECT_FALSE(action.service.id.starts_with("_nomad")) << to_string(action.verb) << " " << action.service.id;
    EXPECT_FALSE(action.check_id.starts_with("_nomad")) << action.check_id;
    for (const Check& check : action.service.checks) EXPECT_FALSE(check.id.starts_with("_nomad")) << check.id;
  }
}

void play(Dice dice) {
  std::vector<Allocation> allocations;
  NomadClient client;
  for (std::size_t i = dice.below(5); i-- > 0;) {
    allocations.push_back(random_allocation(dice, i));
    register_own(allocations.back(), client);
  }
  RuleSettings settings;
  settings.owner = "prod";
  settings.service_id_prefix = "muster";
  const laws::Muster muster(settings);
  const Wanted wanted = wanted_of(allocations, dice.one_in(2));
  SimulatedAgent agent = random_agent(dice);

  // Each may come first, and often.
  for (std::size_t turn = 0; turn < 6; ++turn) {
    if (dice.one_in(2)) {
      client.sync(agent);
    } else {
      const Plan plan = muster.plan(wanted, agent);
      expect_harmless(plan);
      laws::apply(plan, agent, dice.one_in(3) ? dice.below(3) : SIZE_MAX);
    }
  }
  client.sync(agent);
  laws::apply(muster.plan(wanted, agent), agent);

  const SimulatedAgent settled = agent;
  EXPECT_FALSE(client.sync(agent)) << "Nomad has something to mend after us";
  EXPECT_TRUE(muster.plan(wanted, agent).actions.empty()) << "we have something to mend after Nomad";
  EXPECT_EQ(agent, settled);
  for (const auto& [id, service] : client.memory) EXPECT_TRUE(agent.services().contains(id)) << id;
  for (const Service& service : muster.desired(wanted).services) {
    EXPECT_TRUE(agent.services().contains(service.id)) << service.id;
    EXPECT_FALSE(service.id.starts_with("_nomad"));
  }
}

TEST(NomadReaper, AndMusterComeToRestOnOneAgent) {
  for (std::uint64_t seed = 0; seed < 1000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    play(Dice(seed));
  }
}

TEST(NomadReaper, WouldEndWhatBorrowedItsPrefix) {
  SimulatedAgent agent;
  Service ours;
  ours.id = "_nomad-task-muster:nomad:a1:web:http";
  ours.name = "web";
  agent.put(ours);
  EXPECT_TRUE(NomadClient{}.sync(agent));
  EXPECT_TRUE(agent.services().empty()) << "so the law above can fail";
}

}  // namespace
}  // namespace muster::nomad
