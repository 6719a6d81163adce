// Where Consul agents live, so that nothing is ever written beside one.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "muster/result.h"

namespace muster::consul {

// Shared by all workers: the whole list costs three reads, and an agent is not installed from one second to the next.
// Thread: any.
class Census {
 public:
  explicit Census(std::chrono::milliseconds fresh = std::chrono::seconds(5)) : fresh_(fresh) {}

  using Get = std::function<Result<std::string>(const std::string& path)>;
  // Whether a Consul agent runs, or ran and has not been forgotten, on the host of this address or node name. Asks
  // again through `get` when what is known is older than `fresh`. A catalog without any agent is one that we may not
  // read, since its servers are agents: Fault::Keep.
  Result<bool> lives(const std::string& host, const Get& get);

 private:
  using Clock = std::chrono::steady_clock;
  const std::chrono::milliseconds fresh_;
  std::mutex mutex_;
  std::set<std::string> agents_;
  std::optional<Clock::time_point> read_;
};

}  // namespace muster::consul
