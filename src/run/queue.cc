#include "run/queue.h"

#include <algorithm>

namespace muster::run {

void AgentQueue::mark(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  State& state = states_[agent];
  if (state.marked) return;
  state.marked = true;
  if (!state.busy) enqueue(agent, state);  // else done() queues it again
}

void AgentQueue::hurry(const AgentKey& agent) {
  mark(agent);
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(agent);
  if (found == states_.end()) return;
  State& state = found->second;
  state.hurried = state.busy;  // it may be about to fail for what is over
  if (state.busy || waiting_.erase({state.due, agent}) == 0) return;
  state.due = Clock::now();
  enqueue(agent, state);
}

void AgentQueue::enqueue(const AgentKey& agent, State& state) {
  if (state.failures == 0) {
    ready_.push_back(agent);
    main_.notify_one();
    queued_.notify_one();
  } else {
    waiting_.insert({state.due, agent});
    retry_.notify_all();  // each sleeps until what it knew to be first: one alone could sleep on while another is busy
  }
}

std::optional<AgentKey> AgentQueue::take(Lane lane, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  std::size_t& idle = lane == Lane::Main ? idle_main_ : idle_retry_;
  ++idle;
  std::optional<AgentKey> agent;
  while (!stop.stop_requested()) {
    if (lane == Lane::Main && !ready_.empty()) {
      agent = ready_.front();
      ready_.pop_front();
      ++busy_main_;
      ++taken_;
      break;
    }
    if (lane == Lane::Retry && (agent = take_due(Clock::now()))) break;
    if (lane == Lane::Retry && !waiting_.empty()) {
      const auto first = waiting_.begin()->first;
      retry_.wait_until(lock, stop, first, [&] { return !waiting_.empty() && waiting_.begin()->first < first; });
    } else if (lane == Lane::Retry) {
      retry_.wait(lock, stop, [&] { return !waiting_.empty(); });
    } else {
      main_.wait(lock, stop, [&] { return !ready_.empty(); });
    }
  }
  --idle;
  if (!agent) return std::nullopt;
  State& state = states_[*agent];
  state.marked = false;
  state.busy = true;
  ++busy_;
  return agent;
}

std::optional<AgentKey> AgentQueue::take_due(Clock::time_point now) {
  if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
  const AgentKey agent = waiting_.begin()->second;
  waiting_.erase(waiting_.begin());
  return agent;
}

void AgentQueue::done(const AgentKey& agent, bool succeeded) {
  const std::lock_guard lock(mutex_);
  State& state = states_[agent];
  if (state.failures == 0) --busy_main_;
  --busy_;
  state.busy = false;
  const bool hurried = std::exchange(state.hurried, false);
  if (succeeded) {
    state.failures = 0;
  } else {
    state.marked = true;  // a failure is its own reason to come back
    if (hurried) state.failures = 0;
    state.due = Clock::now() + delay(++state.failures);
  }
  if (state.marked) {
    enqueue(agent, state);
  } else {
    states_.erase(agent);
  }
  if (ready_.empty() && busy_main_ == 0) drained_.notify_all();
}

AgentQueue::Clock::duration AgentQueue::delay(unsigned failures) {
  const auto grown = kFirstDelay * (1U << std::min(failures - 1, 10U));
  const auto base = std::min<std::chrono::milliseconds>(grown, kLongestDelay);
  const auto percent = std::uniform_int_distribution<int>(75, 125)(jitter_);
  return base * percent / 100;
}

void AgentQueue::forget(const AgentKey& agent) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(agent);
  if (found == states_.end() || found->second.busy) return;
  waiting_.erase({found->second.due, agent});
  std::erase(ready_, agent);
  states_.erase(found);
  if (ready_.empty() && busy_main_ == 0) drained_.notify_all();
}

AgentQueue::Depth AgentQueue::depth() const {
  const std::lock_guard lock(mutex_);
  return {ready_.size(), waiting_.size(), busy_};
}

std::size_t AgentQueue::idle(Lane lane) const {
  const std::lock_guard lock(mutex_);
  return lane == Lane::Main ? idle_main_ : idle_retry_;
}

bool AgentQueue::starved(std::chrono::milliseconds patience, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (queued_.wait(lock, stop, [&] { return !ready_.empty(); })) {
    const std::uint64_t before = taken_;
    queued_.wait_for(lock, stop, patience, [] { return false; });
    if (stop.stop_requested()) return false;
    if (!ready_.empty() && taken_ == before) return true;
  }
  return false;
}

bool AgentQueue::drained(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return drained_.wait(lock, stop, [&] { return ready_.empty() && busy_main_ == 0; });
}

}  // namespace muster::run
