#include "core/candidates.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster {

void Candidates::meet(const Instance& instance) {
  if (instance.key.empty()) return;
  const auto [known, fresh] = nearest_.try_emplace(instance.key, instance.distance);
  if (!fresh) known->second = std::min(known->second, instance.distance);
}

void Candidates::add(Candidate candidate) {
  candidate.order = all_.size();
  all_.push_back(std::move(candidate));
}

bool Candidates::outdone(const Candidate& candidate) const {
  if (candidate.key.empty()) return false;
  const auto nearest = nearest_.find(candidate.key);
  return nearest != nearest_.end() && nearest->second < candidate.distance;
}

void Candidates::finish(Desired& out) {
  if (!nearest_.empty()) std::erase_if(all_, [this](const Candidate& each) { return outdone(each); });
  const auto mark = [](const Candidate& of, const char* key) -> const std::string& { return of.service.meta.at(key); };
  std::sort(all_.begin(), all_.end(), [&](const Candidate& a, const Candidate& b) {
    return std::tie(a.service.id, a.instance, mark(a, kMetaSource), mark(a, kMetaHost), a.order) <
           std::tie(b.service.id, b.instance, mark(b, kMetaSource), mark(b, kMetaHost), b.order);
  });
  out.services.reserve(all_.size() + 1);  // and the canary
  const Candidate* winner = nullptr;
  for (Candidate& candidate : all_) {
    if (winner == nullptr || out.services.back().id != candidate.service.id) {
      winner = &candidate;
      out.services.push_back(std::move(candidate.service));
    } else if (winner->ordinal != candidate.ordinal || out.services.back().name != candidate.service.name) {
      out.rejections.push_back({Reason::IdCollision, candidate.instance,
                                "service id " + candidate.service.id + " belongs to " + winner->instance});
    }
  }
}

}  // namespace muster
