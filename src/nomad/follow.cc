#include "nomad/follow.h"

#include <algorithm>
#include <utility>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{250}, kLongest{30'000};
constexpr int kMostDoublings = 10;
constexpr milliseconds kLook{500};  // after a task has started its client registers its native services
constexpr int kLooks = 4;           // each twice as long after the last: 7.5 s in all

constexpr char kConsulName[] = "unique.consul.name";

bool names_attribute(std::string_view text) {
  return text.find("${attr.") != std::string_view::npos || text.find("${meta.") != std::string_view::npos;
}

bool names_attribute(const Meta& pairs) {
  return std::any_of(pairs.begin(), pairs.end(),
                     [](const auto& each) { return names_attribute(each.first) || names_attribute(each.second); });
}

bool names_attribute(const CheckBlock& check) {
  const auto in_header = [](const Header& each) { return names_attribute(each.value); };
  return names_attribute(check.name) || names_attribute(check.path) || names_attribute(check.port_label) ||
         names_attribute(check.notes) || std::any_of(check.header.begin(), check.header.end(), in_header);
}

bool names_attributes(const Job& job) {
  const auto in_text = [](const std::string& text) { return names_attribute(text); };
  const auto in_check = [](const CheckBlock& check) { return names_attribute(check); };
  return std::any_of(job.services.begin(), job.services.end(), [&](const ServiceBlock& each) {
    return in_text(each.name) || in_text(each.port_label) || in_text(each.address) || names_attribute(each.meta) ||
           names_attribute(each.canary_meta) || names_attribute(each.tagged_addresses) ||
           std::any_of(each.tags.begin(), each.tags.end(), in_text) ||
           std::any_of(each.canary_tags.begin(), each.canary_tags.end(), in_text) ||
           std::any_of(each.checks.begin(), each.checks.end(), in_check);
  });
}

std::minstd_rand& chance() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return random;
}

}  // namespace

milliseconds Backoff::next() {
  const milliseconds most = std::min(kFirst * (1 << std::min(failures_++, kMostDoublings)), kLongest);
  return milliseconds(std::uniform_int_distribution<std::int64_t>(most.count() / 2, most.count())(random_));
}

milliseconds jittered(milliseconds most) {
  return most - milliseconds(std::uniform_int_distribution<std::int64_t>(0, most.count() / 10)(chance()));
}

void Followed::be_slim() {
  slim_ = true;
  const std::string consul(attribute(node_, kConsulName));
  node_.attributes = Meta{};
  if (!consul.empty()) node_.attributes->emplace(kConsulName, consul);
  node_.meta.clear();
}

// An attribute that cannot be had stays literal, as one that the node lacks; the next audit asks again.
Node Followed::whole_node(const Allocation& allocation, Reader& reader, const std::stop_token& stop) const {
  if (!slim_ || !allocation.job || !names_attributes(*allocation.job)) return node_;
  return reader.node(node_.id, stop).value_or(node_);
}

void Followed::fold(const Allocation& allocation, bool again, Reader& reader, const std::stop_token& stop,
                    std::vector<Rejection>& rejections) {
  if (!again && !ledger_.news(allocation)) return;
  const Phase phase = phase_of(allocation);
  const bool up = phase == Phase::Running || phase == Phase::Unknown;
  const bool asks = up || (phase == Phase::Stopping && !ledger_.holds(allocation.id));
  std::vector<NativeService> rows;
  if (asks) rows = reader.rows(allocation, stop);
  const Ledger::Time now = std::chrono::steady_clock::now();
  ledger_.fold(allocation, whole_node(allocation, reader, stop), rows, now, rejections, again);
  // The client registers anew after the scheduler has changed it in place: a promoted canary's tags, for one.
  const auto older = [&](const NativeService& row) { return row.modify_index < allocation.alloc_modify_index; };
  const bool stale = std::any_of(rows.begin(), rows.end(), older);
  const bool late = phase == Phase::Running && (stale || rows.size() < rows_expected(allocation));
  if (!late) {
    late_.erase(allocation.id);
    return;
  }
  Late& look = late_[allocation.id];
  look.at = now + kLook * (1 << look.tries);
  if (++look.tries > kLooks) late_.erase(allocation.id);
}

void Followed::end(const std::string& id) {
  ledger_.end(id);
  late_.erase(id);
}

// False: what is missing may be there all the same.
Result<bool> Followed::account(const std::vector<std::string>& missing, Reader& reader, const std::stop_token& stop,
                               std::vector<Rejection>& rejections) {
  for (const std::string& id : missing) {
    Result<Found> found = reader.allocation(id, stop);
    if (!found) return tl::unexpected(found.error());
    if (found->gone) {
      end(id);
    } else if (found->allocation) {
      fold(*found->allocation, false, reader, stop, rejections);
    } else {
      return false;  // our rights have shrunk: the others would say the same
    }
  }
  return true;
}

Result<void> Followed::take_list(Listed listed, Sight sight, Reader& reader, std::stop_token stop,
                                 std::vector<Rejection>& rejections) {
  Allocations& list = listed.allocations;
  std::move(list.rejections.begin(), list.rejections.end(), std::back_inserter(rejections));
  ledger_.begin_list();
  for (const std::string& id : list.unreadable) ledger_.see(id);
  for (const Allocation& each : list.items) {
    ledger_.see(each.id);
    fold(each, false, reader, stop, rejections);
  }
  const bool whole = sight == Sight::All && list.whole && list.unreadable.empty() && listed.index > 0;
  return settle(whole, reader, std::move(stop), rejections);
}

Result<void> Followed::settle(bool whole, Reader& reader, std::stop_token stop, std::vector<Rejection>& rejections) {
  ledger_.doubt();
  const Result<bool> accounted = account(ledger_.missing(), reader, stop, rejections);
  ledger_.listed(whole && accounted && *accounted);
  if (!accounted) return tl::unexpected(accounted.error());
  return {};
}

Result<void> Followed::take(const std::string& id, bool again, Reader& reader, std::stop_token stop,
                            std::vector<Rejection>& rejections) {
  Result<Found> found = reader.allocation(id, stop);
  if (!found) return tl::unexpected(found.error());
  if (found->gone) end(id);
  if (found->allocation) fold(*found->allocation, again, reader, stop, rejections);
  return {};
}

Result<void> Followed::look_again(Reader& reader, std::stop_token stop, std::vector<Rejection>& rejections) {
  const Ledger::Time now = std::chrono::steady_clock::now();
  std::vector<std::string> ids;
  for (auto& [id, late] : late_) {
    if (late.at > now) continue;
    ids.push_back(id);
    late.at = now + kLongest;  // fold says otherwise of what can be read: what stays in the past is asked for at once
  }
  for (const std::string& id : ids) {
    if (auto taken = take(id, true, reader, stop, rejections); !taken) return taken;
  }
  return {};
}

std::optional<Followed::Time> Followed::due() const {
  std::optional<Time> out = ledger_.due();
  for (const auto& [id, late] : late_) {
    if (!out || late.at < *out) out = late.at;
  }
  return out;
}

}  // namespace muster::nomad
