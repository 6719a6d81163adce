// One muster of several acts: the one that holds a key in Consul. See consul/session.h for what Consul promises.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "consul/session.h"
#include "consul/txn.h"
#include "run/settings.h"

namespace muster::run {

// How long a holder writes after the start of its last good renewal, and equally how long Consul keeps the key from
// others when the session goes (LockDelay): so two never write at once, whatever ended the session. Two thirds of the
// TTL, and no more than Consul's longest lock delay.
std::chrono::milliseconds lease_of(std::chrono::milliseconds ttl);

// Thread: run() is one thread's; everything else may be called from any.
class Lock {
 public:
  Lock(std::string key, std::chrono::milliseconds ttl, consul::Session session);
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Takes the key when it is free, renews twice a lease, and gives it back when stopped (within 800 ms). `on_gain` is
  // called on this thread each time that may_write() has become true.
  void run(std::stop_token stop, const std::function<void()>& on_gain);

  // The epoch to write under; nothing: start no request. By a clock that also counts suspension and SIGSTOP, so that a
  // holder that was frozen knows at its first instruction. A request that was started before is out of reach: the epoch
  // in Meta tells whose it was, and the next plan mends it.
  std::optional<std::uint64_t> permit() const;
  bool may_write() const { return permit().has_value(); }
  // Blocks until may_write(); false when stopped or at the deadline.
  bool wait(std::chrono::milliseconds deadline, std::stop_token stop);

  struct Status {
    bool held = false;
    std::uint64_t epoch = 0;  // LockIndex of the key while it is held
    std::string holder;       // "host web1 pid 42": the other one; empty: nobody, or we
    std::string error;        // why Consul could not be asked; empty: it answered
  };
  Status status() const;
  // For writes that Consul itself can tie to the lock (transactions); nothing: start none.
  std::optional<consul::LockProof> proof() const;

 private:
  using Time = std::chrono::nanoseconds;  // since boot
  static Time now();

  Result<void> step(const std::stop_token& stop);
  Result<bool> keep_session(const std::stop_token& stop);
  Result<void> take(const std::stop_token& stop);
  void hold(Time renewed, std::uint64_t epoch);
  void lose(const std::string& why);
  void tell(const Result<void>& outcome);
  void pause(const std::stop_token& stop);

  const std::string key_;
  const std::chrono::milliseconds lease_;
  const consul::Holder self_;
  consul::Session session_;
  std::function<void()> on_gain_;
  bool holding_ = false;  // Consul said so; whether it still holds is the clock's to say
  std::uint64_t index_ = 0;

  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<std::int64_t> fence_{0};  // nanoseconds since boot; 0: not held

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Status status_;
  std::string proven_;  // the session, once it was seen to hold the key
};

// Null when the settings ask for none. The Consul agent asked is --lock-agent's, else --consul-agent's, else the one on
// this machine.
std::unique_ptr<Lock> make_lock(const RunSettings& settings, const std::string& owner,
                                const consul::ConsulSettings& consul,
                                std::shared_ptr<const consul::Credentials> credentials);

}  // namespace muster::run
