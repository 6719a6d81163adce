// Agents whose services the servers' catalog holds as they do.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "consul/settings.h"
#include "muster/agent.h"
#include "muster/wanted.h"
#include "net/http.h"

namespace muster::consul {

// Agents of whose node something has changed in the catalog since it was last compared. Thread: any.
class Suspects {
 public:
  void raise(const AgentKey& agent, const std::string& node);
  // The node, once; empty: nothing is suspected.
  std::string take(const AgentKey& agent);

 private:
  std::mutex mutex_;
  std::map<AgentKey, std::string> nodes_;
};

// What of the owner's services the catalog lacks or holds otherwise goes into ActualService::unsynced. Statuses and
// outputs are not compared: agents send those on in their own time. A catalog without our canary is a wiped one or a
// blind token: then the canary alone is unsynced, and its return lets the rest be compared. Pure.
void compare(Actual& actual, const Actual& catalog, const Owner& owner);

// An agent compares itself with the catalog every one or two minutes and a service edited there stays wrong so long. A
// PUT makes it write at once, also one that changes nothing (1.8.7; later versions may keep an equal one to
// themselves, and then it is as if this class did not exist). read(): asks the catalog only about a suspect, with two
// GETs, and once more after a moment before anything is called unsynced, so that what is on its way is not written
// twice. What cannot be asked is as if it were equal. One comparison a suspicion: no answer of the catalog makes a
// loop.
class SyncedAgents : public Agents {
 public:
  // The client is that of `agents` and its thread, and outlives this object with them.
  SyncedAgents(std::unique_ptr<Agents> agents, net::HttpClient& client, std::shared_ptr<const Credentials> credentials,
               std::shared_ptr<Suspects> suspects, Owner owner);
  std::unique_ptr<Agent> at(const AgentKey& key) override;

 private:
  const std::unique_ptr<Agents> agents_;
  net::HttpClient& client_;
  const std::shared_ptr<const Credentials> credentials_;
  const std::shared_ptr<Suspects> suspects_;
  const Owner owner_;
};

}  // namespace muster::consul
