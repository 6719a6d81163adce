#include "nomad/subscription.h"

#include <algorithm>
#include <utility>

#include "log/log.h"

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRenewal{600'000};  // a subscription does not see namespaces that are newer than it
constexpr milliseconds kRetry{60'000};     // longest pause before the next try
constexpr milliseconds kFirstBeat{200};    // it comes at once, where it comes
constexpr milliseconds kGlance{100};       // between two looks at a stream that is opening

}  // namespace

bool Subscription::keep(Client& client, const std::stop_token& stop) {
  if (stream_.is_opening()) return settle(client, Clock::now(), stop);
  if (Clock::now() < due()) return false;
  const Result<void> begun = stream_.begin(client, stop);
  if (stop.stop_requested()) return false;
  if (begun) return settle(client, Clock::now() + kFirstBeat, stop);
  lost(begun.error());
  return false;
}

Subscription::Clock::time_point Subscription::due() const {
  if (stream_.is_opening()) return Clock::now() + kGlance;
  return stream_.is_open() ? renew_at_ : retry_at_;
}

bool Subscription::settle(Client& client, Clock::time_point until, const std::stop_token& stop) {
  const std::optional<Result<void>> opened = stream_.opened(client, until, stop);
  if (!opened || stop.stop_requested()) return false;
  if (!*opened) {
    lost(opened->error());
    return false;
  }
  client.drop();
  backoff_.reset();
  if (!streaming_) log::info("source", {{"source", "nomad"}, {"events", "followed"}});
  renew_at_ = Clock::now() + jittered(kRenewal);
  streaming_ = true;
  return true;
}

std::optional<std::vector<EventBatch>> Subscription::read(JobPool& pool, const std::stop_token& stop) {
  Result<std::vector<EventBatch>> batches = stream_.read(pool, stop);
  if (stop.stop_requested()) return std::nullopt;
  if (batches) return *std::move(batches);
  lost(batches.error());
  return std::nullopt;
}

// Once a change, not once a try. What was denied stays so for a while.
void Subscription::lost(const Error& error) {
  if (streaming_ || !told_) {
    log::warn(
        "source",
        {{"source", "nomad"}, {"events", "none; changes are seen by blocking queries"}, {"error", error.message}});
  }
  told_ = true;
  streaming_ = false;
  const bool denied = error.fault == Fault::Keep;
  retry_at_ = Clock::now() + (denied ? jittered(kRetry) : std::min(backoff_.next() * 2, kRetry));
}

}  // namespace muster::nomad
