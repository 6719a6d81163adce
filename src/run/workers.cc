#include "run/workers.h"

#include <algorithm>
#include <utility>

namespace muster::run {

Workers::Workers(AgentQueue& queue, std::size_t limit, MakeReconciler make, Sink sink)
    : queue_(queue),
      limit_(std::max<std::size_t>(limit, 1)),
      retry_limit_(std::clamp<std::size_t>(limit / 4, 1, 8)),
      make_(std::move(make)),
      sink_(std::move(sink)),
      relief_([this](std::stop_token stop) { relieve(std::move(stop)); }) {}

Workers::~Workers() { stop(); }

void Workers::no_retries() {
  const std::lock_guard lock(mutex_);
  retries_ = false;
}

void Workers::poke() {
  const AgentQueue::Depth depth = queue_.depth();
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  for (std::size_t waiting = depth.main; waiting > queue_.idle(Lane::Main) && main_ < limit_; --waiting) {
    ++main_;
    start(Lane::Main);
  }
  for (std::size_t waiting = depth.retry; retries_ && waiting > queue_.idle(Lane::Retry) && retry_ < retry_limit_;
       --waiting) {
    ++retry_;
    start(Lane::Retry);
  }
}

void Workers::start(Lane lane) {
  threads_.emplace_back([this, lane](std::stop_token stop) { work(lane, std::move(stop)); });
}

void Workers::relieve(std::stop_token stop) {
  constexpr std::chrono::milliseconds kPatience{500};  // no run over an agent that answers takes so long to be followed
  while (queue_.starved(kPatience, stop)) {
    const std::lock_guard lock(mutex_);
    for (std::size_t more = 0; more < limit_ && !stopped_ && main_ < 8 * limit_; ++more) {
      ++main_;
      start(Lane::Main);
    }
  }
}

void Workers::work(Lane lane, std::stop_token stop) {
  Reconciler reconciler = make_();
  while (const auto agent = queue_.take(lane, stop)) {
    const auto start = std::chrono::steady_clock::now();
    Report report = reconciler.reconcile(*agent, stop);
    report.duration = std::chrono::steady_clock::now() - start;
    if (!stop.stop_requested()) sink_(report);
    queue_.done(*agent, report.reachable());
    if (!report.reachable()) poke();
  }
}

void Workers::stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
    stopped_ = true;
  }
  relief_.request_stop();
  for (std::jthread& thread : threads) thread.request_stop();
}

}  // namespace muster::run
