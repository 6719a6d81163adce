// What every source last said of every host, and which agent serves it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "muster/host.h"
#include "muster/source.h"
#include "muster/wanted.h"

namespace muster::run {

// Which Consul agent serves a host. Pure.
using Resolver = std::function<AgentKey(const HostRef&)>;

// Thread: every member may be called from any thread. Slices are shared, never copied.
class Board {
 public:
  explicit Board(Resolver resolver) : resolver_(std::move(resolver)) {}

  // Takes an update in; the agents whose hosts changed, which must be planned again. `before` hears of them, with the
  // number of full reads so far, before any call of wanted() can see the update.
  using Before = std::function<void(const std::vector<AgentKey>& dirty, std::uint64_t reads)>;
  std::vector<AgentKey> post(const std::string& source, const Update& update, const Before& before = {});

  Wanted wanted(const AgentKey& agent) const;
  // For Wanted::moved: of the hosts that the removals of a plan for `agent` name, those that other agents serve.
  std::vector<WantedSlice> moved(const AgentKey& agent, const Plan& plan) const;
  // Every agent that serves a host, or served one and has not yet been seen clean.
  std::vector<AgentKey> agents() const;
  // An agent that may hold something of ours though no source mentions it.
  void visit(const AgentKey& agent);
  bool serves(const AgentKey& agent) const;
  // Those that serve no host.
  std::vector<AgentKey> hostless() const;
  // After a clean run: an agent that serves no host any more need not be visited again.
  void retire(const AgentKey& agent);
  std::size_t instances(const std::string& source) const;

 private:
  struct Entry {
    HostRef host;
    SlicePtr slice;
    AgentKey agent;
  };
  struct Known {
    bool settled = false;  // some update said that its list of hosts is whole
    std::uint64_t reads = 0;
    std::map<std::string, Entry> hosts;
  };
  using Served = std::set<std::pair<std::string, std::string>>;  // (source, host id)

  void put(const std::string& source, Known& known, const HostSlice& said, std::set<AgentKey>& dirty);
  void drop_unlisted(const std::string& source, Known& known, const Update& update, std::set<AgentKey>& dirty);

  const Resolver resolver_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> sources_;
  std::map<AgentKey, Served> agents_;
};

}  // namespace muster::run
