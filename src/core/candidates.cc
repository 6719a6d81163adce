#include "core/candidates.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/text.h"

namespace muster {
namespace {

bool has_capitals(const std::string& id) {
  return std::any_of(id.begin(), id.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// The catalog's index of ids knows no case, and the agent's does: of two such the catalog holds the one written last,
// and to mend the one is to lose the other. The first by id stays.
void drop_twins(Desired& out) {
  std::map<std::string, std::string> kept;       // ids with capitals, by what they are without
  for (const Service& service : out.services) {  // capitals come before small letters
    if (has_capitals(service.id)) kept.try_emplace(lower(service.id), service.id);
  }
  if (kept.empty()) return;
  std::erase_if(out.services, [&](const Service& service) {
    const auto first = kept.find(lower(service.id));
    if (first == kept.end() || first->second == service.id) return false;
    out.rejections.push_back({Reason::IdCollision, service.meta.at(kMetaInstance),
                              "service id " + service.id + " is that of " + first->second + " but for its case, and " +
                                  "Consul's catalog can hold only one of them"});
    return true;
  });
}

}  // namespace

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
  drop_twins(out);
}

}  // namespace muster
