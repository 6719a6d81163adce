// Random knowledge, rules and agents, all from one seed.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/notation.h"
#include "laws/simulated_agent.h"
#include "muster/guard.h"
#include "muster/wanted.h"

namespace muster::laws {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    std::shuffle(items.begin(), items.end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

// Few ids, names and ports, so that things meet; some that only a hostile scheduler would send.
inline const std::vector<std::string> kIds{
    "a",     "b",           "c",      "d",  "e",       "a:80",     "a:80:http", "a:2", "a:80:udp", "canary:prod",
    "b/c d", "caf\xc3\xa9", "%2e%2e", "..", "x?y=1#z", "\xff bad", "ctl\n",     "",    "A"};
inline const std::vector<std::string> kNames{"web",    "Web",    "api.v1", "Kafka-0", "Kafka-1",
                                             "my_app", "task-1", "",       "-",       "caf\xc3\xa9"};
inline const std::vector<std::string> kTags{"v1", "v2", "http", "", " x", "a,b", "\xff", "t\n", "caf\xc3\xa9"};
inline const std::vector<std::string> kPorts{"80",           "81",         "http:80", ":81",
                                             "dns:53/udp+x", "dns:53/tcp", "n:0",     "a:80+a+b"};
inline const std::vector<std::string> kLabels{"tags=v1,http",
                                              "tags=",
                                              "check_http=http://{host}:{port}/",
                                              "check_tcp={host}:{port}",
                                              "check_ttl=30s",
                                              "check_ttl=x",
                                              "check_interval=5s",
                                              "check_interval=-1",
                                              "check_script=/bin/x",
                                              "ports=0",
                                              "ports=1,7",
                                              "overrideTaskName=Other.Name",
                                              "CHECK_HTTP=http://b",
                                              "overrideTaskName=\xff"};
inline const std::vector<std::string> kAddresses{"host:10.0.0.21", "netinfo:172.17.0.2", "netinfo:172.17.0.3",
                                                 "mesos:fd00::7",  "docker:1.2.3.4",     "netinfo:no",
                                                 "host:0.0.0.0"};
inline const std::vector<std::string> kOwners{"prod", "test"};
inline const std::vector<std::string> kSources{"mesos", "nomad"};
inline const std::vector<std::string> kStatuses{"passing", "warning", "critical", ""};
inline const std::vector<HostRef> kHosts{
    {"S1", "10.0.0.21", "", ""}, {"S2", "10.0.0.22", "", ""}, {"S3", "10.0.0.22", "", ""}};

inline Check random_check(Dice& dice) {
  Check out;
  if (dice.one_in(4)) out.name = dice.one_in(2) ? "up" : "state";
  if (dice.one_in(3)) {
    out.ttl = dice.one_in(2) ? "720h" : "30s";
    out.reported = true;
    out.status = dice.pick(kStatuses);
    if (dice.one_in(2)) out.output = dice.one_in(3) ? std::string(5000, 'x') : dice.pick(kTags);
    return out;
  }
  (dice.one_in(2) ? out.http : out.tcp) = dice.one_in(2) ? "x" : "y";
  out.interval = "10s";
  return out;
}

inline Instance random_instance(Dice& dice) {
  Instance out;
  out.id = dice.pick(kIds);
  out.kind = dice.one_in(4) ? (dice.one_in(3) ? Kind::Host : Kind::Service) : Kind::Task;
  out.name = dice.pick(kNames);
  out.group = dice.one_in(2) ? "marathon" : "chronos";
  for (std::size_t i = dice.below(4); i > 0; --i) {
    for (const Label& label : notation::labels(dice.pick(kLabels))) out.labels.push_back(label);
  }
  for (std::size_t i = dice.below(3); i > 0; --i) out.tags.push_back(dice.pick(kTags));
  for (std::size_t i = dice.below(3); i > 0; --i) out.addresses.push_back(notation::address(dice.pick(kAddresses)));
  for (std::size_t i = dice.below(4); i > 0; --i) out.ports.push_back(notation::port(dice.pick(kPorts)));
  for (std::size_t i = dice.below(3); i > 0; --i) out.meta.push_back({dice.pick(kTags), dice.pick(kTags)});
  for (std::size_t i = out.kind == Kind::Task ? 0 : dice.below(3); i > 0; --i) out.checks.push_back(random_check(dice));
  out.health = dice.one_in(4) ? Health::Failing : Health::Unknown;
  out.draining = dice.one_in(8);
  if (out.kind == Kind::Service && dice.one_in(2)) out.tagged_addresses["lan"] = {"10.1.1.1", 0};
  if (out.kind == Kind::Service && dice.one_in(3)) out.tagged_addresses["virtual"] = {"10.1.1.2", 81};
  return out;
}

inline SlicePtr doubting(const SlicePtr& slice, std::vector<std::string> doubtful) {
  std::sort(doubtful.begin(), doubtful.end());
  Slice out = *slice;
  out.doubtful = std::move(doubtful);
  return std::make_shared<const Slice>(std::move(out));
}

inline SlicePtr random_slice(Dice& dice) {
  std::vector<Instance> instances;
  std::vector<std::string> ids = kIds;  // unique within a slice
  dice.shuffle(ids);
  for (std::size_t i = dice.below(7); i > 0; --i) {
    instances.push_back(random_instance(dice));
    instances.back().id = ids[i];
  }
  std::vector<std::string> ended;
  for (std::size_t i = dice.below(4); i > 0; --i) ended.push_back(dice.pick(kIds));
  std::vector<std::string> doubtful;
  for (std::size_t i = dice.below(4); i > 0; --i) doubtful.push_back(dice.pick(kIds));
  return doubting(notation::slice(instances, dice.one_in(2), ended), doubtful);
}

// What the schedulers say of one agent that serves several hosts.
inline Wanted random_wanted(Dice& dice, const std::vector<std::string>& sources = kSources) {
  Wanted out;
  out.agent.url = "http://10.0.0.21:8500";
  for (const std::string& source : sources) {
    for (const HostRef& host : kHosts) {
      if (!dice.one_in(3)) out.slices.push_back({source, host, random_slice(dice)});
    }
    if (dice.one_in(2)) out.settled.push_back(source);
  }
  return out;
}

inline RuleSettings random_rules(Dice& dice, const std::string& owner) {
  RuleSettings out;
  out.owner = owner;
  out.compat = dice.one_in(2);
  out.canary = !dice.one_in(3);
  if (dice.one_in(4)) out.service_id_prefix = "shared";
  if (dice.one_in(4)) out.blacklist = {"task.*"};
  if (dice.one_in(4)) out.whitelist = {"web", "api", "kafka"};
  if (dice.one_in(4)) out.fw_blacklist = {"chronos"};
  if (dice.one_in(3)) out.shared_service_name = {"(Kafka)-.*"};
  if (dice.one_in(3)) out.task_tag = {"web:public,v1"};
  if (dice.one_in(3)) out.group_separator = "-";
  if (dice.one_in(3)) out.service_port_label = "ports";
  if (dice.one_in(4)) out.ip_order = {AddressKind::Docker, AddressKind::Host};
  if (dice.one_in(4)) out.service_tags = {"x", "y"};
  out.enable_script_checks = dice.one_in(2);
  return out;
}

struct Muster {
  std::shared_ptr<const Rules> rules;
  Owner owner;

  explicit Muster(const RuleSettings& settings) : rules(notation::rules(settings)), owner(notation::owner(settings)) {}

  Desired desired(const Wanted& wanted) const { return make_desired(wanted, *rules); }
  Plan plan(const Wanted& wanted, const SimulatedAgent& agent) const {
    return obey(prove(make_plan(desired(wanted), agent.read(), owner), wanted, owner), wanted, {});
  }
};

// The first `count` actions; false when the agent refused one of them.
inline bool apply(const Plan& plan, SimulatedAgent& agent, std::size_t count = SIZE_MAX) {
  bool accepted = true;
  for (std::size_t i = 0; i < std::min(count, plan.actions.size()); ++i)
    accepted = agent.perform(plan.actions[i]) && accepted;
  return accepted;
}

// Something happens to the agent that no muster did.
inline void meddle(Dice& dice, SimulatedAgent& agent) {
  if (agent.services().empty() || dice.one_in(5)) {
    Service foreign;
    foreign.id = dice.pick(std::vector<std::string>{"zookeeper", "muster", "muster:", "muster:x", "muster:a:80",
                                                    "mesos-consul:x", "shared:y"});
    foreign.name = "foreign";
    if (dice.one_in(3)) foreign.meta[kMetaOwner] = "stranger";
    agent.put(foreign);
    return;
  }
  auto at = agent.services().begin();
  std::advance(at, static_cast<std::ptrdiff_t>(dice.below(agent.services().size())));
  const std::string id = at->first;
  switch (dice.below(11)) {
    case 0:
      at->second.meta.clear();
      break;  // as mesos-consul left it
    case 1:
      at->second.tags = {"edited"};
      break;
    case 2:
      at->second.meta.erase(dice.one_in(2) ? kMetaHash : kMetaSource);
      break;
    case 3:
      agent.maintain(id, "operator");
      break;
    case 4:
      agent.maintain(id, "muster: the scheduler's health check fails");
      break;
    case 5:
      agent.hang("theirs:" + id, id);
      break;
    case 6:
      agent.hang("grpc-9:" + id, id);  // looks like one of ours
      break;
    case 7:
      agent.remove(id);
      break;
    case 8:
      if (!agent.checks().empty()) agent.drop_check(agent.checks().begin()->first);
      break;
    case 9:
      if (!agent.checks().empty()) agent.expire(std::prev(agent.checks().end())->first);
      break;
    case 10:
      at->second.tagged_addresses.clear();
      break;
  }
}

// Much like `wanted`, as the schedulers may have said it a while before.
inline Wanted vary(Dice& dice, Wanted wanted) {
  for (WantedSlice& each : wanted.slices) {
    if (dice.one_in(2)) continue;
    std::vector<Instance> instances;
    const InstanceList& known = each.slice->instances;
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (dice.one_in(4)) continue;
      instances.push_back(known.at(i));
      if (!dice.one_in(4)) continue;
      instances.back() = random_instance(dice);  // the id is used again by another
      instances.back().id = known.at(i).id;
    }
    Instance gone = random_instance(dice);
    if (!known.contains(gone.id)) instances.push_back(std::move(gone));
    each.slice = notation::slice(instances, dice.one_in(2));
  }
  if (!wanted.slices.empty() && dice.one_in(4)) wanted.slices.erase(wanted.slices.begin());
  return wanted;
}

// An agent with a past: earlier runs of ours and of others, with other knowledge and other rules, some cut short.
inline SimulatedAgent random_agent(Dice& dice, const RuleSettings& settings, const Wanted& wanted) {
  SimulatedAgent out;
  for (std::size_t i = dice.below(5); i > 0; --i) {
    RuleSettings before = dice.one_in(4) ? random_rules(dice, dice.pick(kOwners)) : settings;
    if (dice.one_in(4)) before.blacklist = {dice.one_in(2) ? "web" : "api"};
    const Muster earlier(before);
    const Wanted known = dice.one_in(4) ? random_wanted(dice) : vary(dice, wanted);
    apply(earlier.plan(known, out), out, dice.one_in(3) ? dice.below(6) : SIZE_MAX);
    for (std::size_t j = dice.below(3); j > 0; --j) meddle(dice, out);
  }
  return out;
}

}  // namespace muster::laws
