// Agents whose services the servers' catalog holds as they do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consul/repairs.h"
#include "consul/self.h"
#include "consul/settings.h"
#include "muster/agent.h"
#include "muster/wanted.h"
#include "net/http.h"

namespace muster::consul {

// When to compare an agent with the catalog: some time after something changed on its node there, since most changes
// are our own writes that arrive. No run over an agent waits for that time. Two looks a change, so that what is on its
// way is not written twice and no answer of the catalog makes a loop. Thread: any.
class Suspects {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Look {
    std::string node;
    std::set<std::string> differed;  // ids, in the look before, and not written by us since
    unsigned left = 0;               // looks, this one among them
    unsigned failed = 0;             // in a row, that the catalog did not answer
  };

  // `audit`: the time between two audits.
  explicit Suspects(std::chrono::milliseconds audit = std::chrono::minutes(10)) : repairs(audit) {}

  Repairs repairs;  // of what differed

  static constexpr std::chrono::milliseconds kSettling{200};  // from the last change on
  static constexpr std::chrono::milliseconds kLongest{600};   // from the first
  static constexpr std::chrono::milliseconds kMoment{150};    // between two looks
  // A look that the catalog does not answer is tried again after 1, 2, 4, 8, 16 and 32 s; by then the agent looks
  // itself.
  static constexpr std::chrono::seconds kRetry{1};
  static constexpr unsigned kRetries = 6;

  // Something changed on the node, at `now`.
  void raise(const AgentKey& agent, const std::string& node, Time now);
  // The look that is due, once.
  std::optional<Look> take(const AgentKey& agent, Time now);
  // `look`, which must have one left, at `when`.
  void again(const AgentKey& agent, Look look, Time when);
  // `look` got no answer at `now`: later again, unless that has been tried often enough.
  void retry(const AgentKey& agent, Look look, Time now);
  // Of these services it is known why they differed.
  void wrote(const AgentKey& agent, const std::vector<Action>& done);
  // How many times something was written to the agent.
  std::uint64_t writes(const AgentKey& agent) const;

  // Whether the watch would hear at once of the agent's node that it has left the catalog: it saw the node there, and
  // waits on it.
  void stands(const AgentKey& agent, bool stands);
  bool stands(const AgentKey& agent) const;

  // Agents whose look is due and that were not named yet for it: they need a run.
  std::vector<AgentKey> take_due(Time now);
  // When to ask take_due() next. `wake` is called, on any thread, when that comes to be earlier.
  std::optional<Time> next() const;
  void on_change(std::function<void()> wake);

 private:
  struct Pending {
    Look look;
    Time first, due;
    bool named = false;
  };

  mutable std::mutex mutex_;
  std::map<AgentKey, Pending> pending_;
  std::set<AgentKey> standing_;
  std::map<AgentKey, std::uint64_t> writes_;
  std::function<void()> wake_;
};

// What of the owner's services the catalog lacks or holds otherwise goes into ActualService::unsynced. Statuses and
// outputs are not compared: agents send those on in their own time. A catalog without our canary is a wiped one or a
// blind token: then the canary alone is unsynced, and its return lets the rest be compared. Pure.
void compare(Actual& actual, const Actual& catalog, const Owner& owner);

// An agent compares itself with the catalog every one or two minutes and a service edited there stays wrong so long. A
// PUT makes it write at once, also one that changes nothing (1.8.7; later versions may keep an equal one to
// themselves, and then it is as if this class did not exist). read(): asks the catalog when a look at the agent is due,
// with two GETs, and calls unsynced what differs in two looks that follow each other, unless it was repaired a short
// while ago and did not stay so (Repairs): then it is a remark, and looked at later. What cannot be asked is as if it
// were equal, and asked again a few times.
//
// An agent that leaves its cluster (SIGTERM, consul leave) takes what it is sent for seconds after its node has left
// the catalog, and would put it there again, to stand as passing without its serfHealth until the leader's next
// reconcile. apply(): where anything is to be registered and the watch does not see the node stand in the catalog, one
// GET of /v1/agent/self before it, unless the agent has just been asked; Fault::Retry, and nothing sent, while it
// leaves. read(): a catalog without the node is believed only of an agent that says that it is alive. One that does not
// tell (no agent:read) is written to.
class SyncedAgents : public Agents {
 public:
  // `client` and `selves` are those of `agents` and their thread, and outlive this object with them.
  SyncedAgents(std::unique_ptr<Agents> agents, net::HttpClient& client, Selves& selves,
               std::shared_ptr<const Credentials> credentials, std::shared_ptr<Suspects> suspects, Owner owner);
  std::unique_ptr<Agent> at(const AgentKey& key) override;

 private:
  const std::unique_ptr<Agents> agents_;
  net::HttpClient& client_;
  Selves& selves_;
  const std::shared_ptr<const Credentials> credentials_;
  const std::shared_ptr<Suspects> suspects_;
  const Owner owner_;
};

}  // namespace muster::consul
