// Consul agents in memory that behave: each a value, and each can be made to refuse, to fail or to hang.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "laws/simulated_agent.h"
#include "muster/agent.h"

namespace muster::run {

// Thread: every member from any thread. Outlives all agents made of it.
class MemoryWorld {
 public:
  enum class Mood { Well, Failing, Hanging };

  void set(const std::string& url, Mood mood) {
    const std::lock_guard lock(mutex_);
    hosts_[url].mood = mood;
    changed_.notify_all();
  }
  // PUTs of services whose id holds `part` are answered 400.
  void refuse(const std::string& part) {
    const std::lock_guard lock(mutex_);
    refused_ = part;
  }
  template <typename Change>
  void change(const std::string& url, Change change) {
    const std::lock_guard lock(mutex_);
    change(hosts_[url].agent);
  }

  std::set<std::string> ids(const std::string& url) const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> out;
    const auto found = hosts_.find(url);
    if (found == hosts_.end()) return out;
    for (const auto& [id, service] : found->second.agent.services()) out.insert(id);
    return out;
  }
  Service service(const std::string& url, const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return hosts_.at(url).agent.services().at(id);
  }
  std::size_t reads(const std::string& url) const { return count(url, &Host::reads); }
  std::size_t writes(const std::string& url) const { return count(url, &Host::writes); }
  bool two_workers_met() const {
    const std::lock_guard lock(mutex_);
    return met_;
  }

 private:
  friend class MemoryAgent;

  struct Host {
    laws::SimulatedAgent agent;
    Mood mood = Mood::Well;
    std::size_t reads = 0;
    std::size_t writes = 0;
    bool busy = false;
  };

  std::size_t count(const std::string& url, std::size_t Host::* of) const {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(url);
    return found == hosts_.end() ? 0 : found->second.*of;
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Host> hosts_;
  std::string refused_ = "\n";
  bool met_ = false;
};

class MemoryAgent : public Agent {
 public:
  MemoryAgent(MemoryWorld& world, std::string url) : world_(world), url_(std::move(url)) {
    const std::lock_guard lock(world_.mutex_);
    bool& busy = world_.hosts_[url_].busy;
    world_.met_ = world_.met_ || busy;
    busy = true;
  }
  ~MemoryAgent() override {
    const std::lock_guard lock(world_.mutex_);
    world_.hosts_[url_].busy = false;
  }

  Result<Actual> read(std::stop_token stop) override {
    std::unique_lock lock(world_.mutex_);
    MemoryWorld::Host& host = world_.hosts_[url_];
    ++host.reads;
    if (!answers(host, lock, stop)) return fail(Fault::Retry, url_ + ": no answer");
    return host.agent.read();
  }

  Applied apply(const Plan& plan, std::stop_token stop) override {
    Applied out;
    for (const Action& action : plan.actions) {
      std::unique_lock lock(world_.mutex_);
      MemoryWorld::Host& host = world_.hosts_[url_];
      ++host.writes;
      if (!answers(host, lock, stop)) {
        out.failures.push_back({action.service.id, {Fault::Retry, url_ + ": no answer"}});
        return out;
      }
      if (action.service.id.find(world_.refused_) != std::string::npos || !host.agent.perform(action)) {
        out.failures.push_back({action.service.id, {Fault::Item, url_ + ": 400"}});
      } else {
        out.done.push_back(action);
      }
    }
    return out;
  }

 private:
  bool answers(MemoryWorld::Host& host, std::unique_lock<std::mutex>& lock, std::stop_token stop) {
    world_.changed_.wait(lock, std::move(stop), [&] { return host.mood != MemoryWorld::Mood::Hanging; });
    return host.mood == MemoryWorld::Mood::Well;
  }

  MemoryWorld& world_;
  const std::string url_;
};

class MemoryAgents : public Agents {
 public:
  explicit MemoryAgents(MemoryWorld& world) : world_(world) {}
  std::unique_ptr<Agent> at(const AgentKey& key) override { return std::make_unique<MemoryAgent>(world_, key.url); }

 private:
  MemoryWorld& world_;
};

}  // namespace muster::run
