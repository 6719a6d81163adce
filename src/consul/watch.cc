#include "consul/watch.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "consul/watch_loop.h"

namespace muster::consul {
namespace {

constexpr std::size_t kDescriptorsEach = 3;
constexpr std::size_t kDescriptorsKept = 1024;  // for workers, sources, the web server

}  // namespace

Watch::Watch(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Owner owner,
             std::size_t limit, std::shared_ptr<Suspects> suspects)
    : limit_(limit),
      loop_(std::make_unique<Loop>(*this, settings, std::move(credentials), std::move(owner), std::move(suspects))) {
  if (loop_->suspects != nullptr) {
    loop_->suspects->on_change([this] { loop_->polls.wake(); });
  }
}

Watch::~Watch() {
  if (loop_->suspects != nullptr) loop_->suspects->on_change({});
}

std::size_t Watch::follow(std::vector<AgentKey> agents) {
  const std::size_t left_out = agents.size() - std::min(agents.size(), limit_);
  agents.resize(agents.size() - left_out);
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(agents);
  }
  loop_->polls.wake();
  return left_out;
}

void Watch::run(const Mark& mark, std::stop_token stop) {
  loop_->on_mark = &mark;
  const std::stop_callback on_stop(stop, [this] { loop_->polls.wake(); });
  while (!stop.stop_requested()) {
    std::optional<std::vector<AgentKey>> wanted;
    {
      const std::lock_guard lock(mutex_);
      wanted.swap(wanted_);
    }
    loop_->turn(std::move(wanted));
  }
}

Watch::Totals Watch::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::size_t affordable_watch(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted * kDescriptorsEach + kDescriptorsKept;
  if (limit.rlim_cur < needed) {
    const rlimit raised{std::min<rlim_t>(needed, limit.rlim_max), limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  // With less than what is kept for the rest, half of it.
  const rlim_t kept = std::min<rlim_t>(kDescriptorsKept, limit.rlim_cur / 2);
  return std::min<std::size_t>(wanted, (limit.rlim_cur - kept) / kDescriptorsEach);
}

}  // namespace muster::consul
