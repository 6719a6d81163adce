// The threads that work on agents: started when there is work for them, and no more than asked for, unless agents that
// hang hold all of them: then as many again, up to eight times, so that those that answer do not wait for the rest.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "run/queue.h"
#include "run/reconciler.h"

namespace muster::run {

// Thread: poke() from any thread. Destruction stops and joins all of them.
class Workers {
 public:
  using MakeReconciler = std::function<Reconciler()>;  // one for each thread
  using Sink = std::function<void(const Report&)>;     // called on the workers' threads, before done()

  Workers(AgentQueue& queue, std::size_t limit, MakeReconciler make, Sink sink);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // After agents were marked: starts threads while agents wait and all that exist are busy.
  void poke();
  // --once: failing agents are not tried again.
  void no_retries();
  void stop();

 private:
  void start(Lane lane);
  void relieve(std::stop_token stop);
  void work(Lane lane, std::stop_token stop);

  AgentQueue& queue_;
  const std::size_t limit_;
  const std::size_t retry_limit_;
  const MakeReconciler make_;
  const Sink sink_;
  std::mutex mutex_;
  bool retries_ = true;
  bool stopped_ = false;
  std::size_t main_ = 0;
  std::size_t retry_ = 0;
  std::vector<std::jthread> threads_;
  std::jthread relief_;
};

}  // namespace muster::run
