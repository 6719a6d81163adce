// A watch with its thread, and what it said.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "consul/watch.h"
#include "support/wait.h"

namespace muster::consul {

using Clock = std::chrono::steady_clock;

inline const Owner& watching_owner() {
  static const Owner owner{"blue", "muster"};
  return owner;
}

class Watching {
 public:
  explicit Watching(std::size_t limit = 1000, std::shared_ptr<Suspects> suspects = {})
      : watch(settings(), credentials(), watching_owner(), limit, std::move(suspects)) {
    thread_ = std::jthread([this](std::stop_token stop) {
      watch.run([this](const AgentKey&, Watch::Sighting sighting) { take(sighting); }, stop);
    });
  }

  std::size_t marks() const {
    const std::lock_guard lock(mutex_);
    return said_.size();
  }
  Watch::Sighting last() const {
    const std::lock_guard lock(mutex_);
    return said_.back();
  }
  // Waits until nothing was asked for a while.
  bool quiet(std::chrono::milliseconds time = std::chrono::milliseconds(700)) const {
    auto asked = watch.totals().requests;
    auto since = Clock::now();
    return support::eventually(support::kPatience, [&] {
      const auto now = watch.totals().requests;
      if (std::exchange(asked, now) != now) since = Clock::now();
      return Clock::now() - since > time;
    });
  }

  Watch watch;

 private:
  static ConsulSettings settings() {
    ConsulSettings out;
    return out;
  }
  static std::shared_ptr<const Credentials> credentials() { return Credentials::load(settings()).value(); }
  void take(Watch::Sighting sighting) {
    const std::lock_guard lock(mutex_);
    said_.push_back(sighting);
  }

  mutable std::mutex mutex_;
  std::vector<Watch::Sighting> said_;
  std::jthread thread_;
};

}  // namespace muster::consul
