// Loss found in seconds: long polls on agents, which say when one must be looked at again and never what is wrong.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "consul/settings.h"
#include "consul/synced.h"
#include "muster/host.h"
#include "muster/wanted.h"

namespace muster::consul {

// Two polls an agent, through the agent itself: the services and the checks of its node in the catalog (somebody's
// hand). In their place, while they cannot be waited on, one on its canary (the agent lost its data, or was away).
// Reads only. An agent that does not answer is asked again every 1 to 1.5 s; 403 rests a poll for a minute; while there
// is no canary nothing but the canary is asked for. Costs some 30 kB an agent.
//
// Thread: every member from any thread, but run(), which one thread calls.
class Watch {
 public:
  enum class Sighting : std::uint8_t {
    Changed,  // something is not as it was when last looked at
    Back,     // answers again: worth asking now, whatever delay it was given
  };
  using Mark = std::function<void(const AgentKey&, Sighting)>;  // called on the thread of run()

  struct Totals {
    std::size_t agents = 0;  // watched
    std::size_t lost = 0;    // of these, that do not answer
    std::uint64_t requests = 0;
    std::uint64_t marks = 0;
  };

  // Watches `limit` agents at most. `suspects` hears of those whose lists changed, and says when to mark them; without
  // (null) they are marked at once.
  Watch(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Owner owner, std::size_t limit,
        std::shared_ptr<Suspects> suspects = {});
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // These from now on: the first of them, as many as the limit allows. How many are left out, to the audit.
  std::size_t follow(std::vector<AgentKey> agents);
  // Until stopped.
  void run(const Mark& mark, std::stop_token stop);

  Totals totals() const;

 private:
  struct Loop;

  const std::size_t limit_;
  const std::unique_ptr<Loop> loop_;
  mutable std::mutex mutex_;
  std::optional<std::vector<AgentKey>> wanted_;
  Totals totals_;
};

// Raises the soft limit of open files as far as may be, and says how many agents, of those asked for, can be watched.
std::size_t affordable_watch(std::size_t wanted);

}  // namespace muster::consul
