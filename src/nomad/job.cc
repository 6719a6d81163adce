#include "nomad/job.h"

#include <algorithm>
#include <utility>

namespace muster::nomad {

const TaskBlock* find_task(const Job& job, std::string_view name) {
  if (name.empty()) return nullptr;
  const auto found =
      std::find_if(job.tasks.begin(), job.tasks.end(), [&](const TaskBlock& task) { return task.name == name; });
  return found == job.tasks.end() ? nullptr : &*found;
}

std::shared_ptr<const Job> JobPool::share(Job job) {
  constexpr std::size_t kSweepEvery = 1024;
  if (++shares_ % kSweepEvery == 0) sweep();
  std::string key = job.ns + '\n' + job.id + '\n' + job.group;
  const auto [begin, end] = jobs_.equal_range(key);
  for (auto each = begin; each != end; ++each) {
    if (std::shared_ptr<const Job> held = each->second.lock(); held && *held == job) return held;
  }
  auto held = std::make_shared<const Job>(std::move(job));
  jobs_.emplace(std::move(key), held);
  return held;
}

void JobPool::sweep() {
  std::erase_if(jobs_, [](const auto& each) { return each.second.expired(); });
}

}  // namespace muster::nomad
