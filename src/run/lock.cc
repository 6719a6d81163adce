#include "run/lock.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "log/log.h"
#include "net/http.h"

namespace muster::run {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestLease{60'000};  // Consul's longest lock delay
constexpr milliseconds kFarewell{400};         // a request, when leaving

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string to_text(const consul::Holder& holder) {
  if (holder.host.empty()) return "unknown";
  return "host " + holder.host + " pid " + std::to_string(holder.pid);
}

milliseconds period_of(milliseconds ttl) { return lease_of(ttl) / 2; }

}  // namespace

milliseconds lease_of(milliseconds ttl) { return std::min(ttl * 2 / 3, kLongestLease); }

Lock::Lock(std::string key, milliseconds ttl, consul::Session session)
    : key_(std::move(key)), lease_(lease_of(ttl)), self_{host_name(), getpid()}, session_(std::move(session)) {}

// CLOCK_MONOTONIC stands still while the machine is suspended, and Consul's TTL does not.
Lock::Time Lock::now() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::optional<std::uint64_t> Lock::permit() const {
  if (now().count() >= fence_.load()) return std::nullopt;
  return epoch_.load();
}

void Lock::run(std::stop_token stop, const std::function<void()>& on_gain) {
  on_gain_ = on_gain;
  while (!stop.stop_requested()) {
    const Result<void> outcome = step(stop);
    if (stop.stop_requested()) break;
    tell(outcome);
    if (!outcome) pause(stop);
  }
  lose("stopping");
  if (auto left = session_.leave(key_, kFarewell); !left) log::warn("lock", {{"error", left.error().message}});
}

Result<void> Lock::step(const std::stop_token& stop) {
  const Time start = now();
  auto alive = keep_session(stop);
  if (!alive) return tl::unexpected(alive.error());
  if (!*alive) {
    lose("the session is gone");
    return {};
  }
  if (holding_) hold(start, epoch_);
  auto state = session_.wait(key_, index_, stop);
  if (!state) return tl::unexpected(state.error());
  index_ = state->index;
  if (state->session == session_.id()) {
    hold(start, state->lock_index);
    if (index_ == 0) pause(stop);  // a proxy that drops X-Consul-Index must not make us spin
    return {};
  }
  lose("another session has the key");
  {
    const std::lock_guard lock(mutex_);
    status_.holder = state->session.empty() ? "" : to_text(state->holder);
  }
  if (state->session.empty()) return take(stop);
  if (index_ == 0) pause(stop);
  return {};
}

// False: there was one, and it is gone.
Result<bool> Lock::keep_session(const std::stop_token& stop) {
  if (!session_.id().empty()) return session_.renew(stop);
  if (auto made = session_.create(stop); !made) return tl::unexpected(made.error());
  return true;
}

// Only the next read says under which LockIndex it is held.
Result<void> Lock::take(const std::stop_token& stop) {
  auto taken = session_.acquire(key_, self_, stop);
  if (!taken) return tl::unexpected(taken.error());
  index_ = 0;
  if (!*taken) pause(stop);  // the key is in its lock delay, or another was quicker
  return {};
}

void Lock::hold(Time renewed, std::uint64_t epoch) {
  const bool before = may_write();
  holding_ = true;
  epoch_ = epoch;
  fence_ = (renewed + lease_).count();
  if (before || !may_write()) return;
  {
    const std::lock_guard lock(mutex_);
    proven_ = session_.id();
    status_.holder.clear();
  }
  changed_.notify_all();
  log::info("lock", {{"role", "active"}, {"key", key_}, {"epoch", std::to_string(epoch)}});
  if (on_gain_) on_gain_();
}

void Lock::lose(const std::string& why) {
  fence_ = 0;
  if (!std::exchange(holding_, false)) return;
  log::info("lock", {{"role", "standby"}, {"key", key_}, {"why", why}});
}

void Lock::tell(const Result<void>& outcome) {
  const std::string error = outcome ? "" : outcome.error().message;
  const std::lock_guard lock(mutex_);
  if (error != status_.error && !error.empty()) log::warn("lock", {{"key", key_}, {"error", error}});
  status_.error = error;
}

void Lock::pause(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::min(lease_ / 10, milliseconds(1000)), [] { return false; });
}

bool Lock::wait(milliseconds deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::move(stop), deadline, [this] { return may_write(); });
}

Lock::Status Lock::status() const {
  const auto permitted = permit();
  const std::lock_guard lock(mutex_);
  Status out = status_;
  out.held = permitted.has_value();
  out.epoch = permitted.value_or(0);
  return out;
}

std::optional<consul::LockProof> Lock::proof() const {
  const std::lock_guard lock(mutex_);
  if (!may_write() || proven_.empty()) return std::nullopt;
  return consul::LockProof{key_, proven_};
}

std::unique_ptr<Lock> make_lock(const RunSettings& settings, const std::string& owner,
                                const consul::ConsulSettings& consul,
                                std::shared_ptr<const consul::Credentials> credentials) {
  const LockSettings& lock = settings.lock;
  // A dry run writes nothing, and a lock is something.
  if (!lock.enabled || settings.dry_run) return nullptr;
  const milliseconds period = period_of(lock.ttl);
  consul::SessionSettings session{.url = lock.agent.empty() ? consul::agent_at(consul, "127.0.0.1").url : lock.agent,
                                  .name = "muster " + owner,
                                  .ttl = lock.ttl,
                                  .lock_delay = lease_of(lock.ttl),
                                  .longest_wait = period,
                                  // Two tries after a wait must fit into the lease.
                                  .timeout = std::min(consul.timeout, period / 2)};
  // An owner may hold slashes; escaped, no two owners have one key.
  std::string key = lock.key.empty() ? "muster/" + net::escape(owner) + "/leader" : lock.key;
  return std::make_unique<Lock>(std::move(key), lock.ttl,
                                consul::Session(std::move(session), consul, std::move(credentials)));
}

}  // namespace muster::run
