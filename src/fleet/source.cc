#include "fleet/source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "fleet/client.h"

namespace muster::fleet {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{250};
constexpr int kMostDoublings = 10;

class FleetSource final : public Source {
 public:
  explicit FleetSource(SourceSettings settings)
      : settings_(std::move(settings)), client_(settings_.endpoints, settings_.http), ledger_(settings_.ledger) {}

  Result<Update> next(std::stop_token stop) override {
    wait(stop);
    if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
    const Clock::time_point begun = Clock::now();
    const Result<Snapshot> snapshot = client_.read(ledger_.known(), stop);
    failures_ = snapshot ? 0 : failures_ + 1;
    due_ = snapshot ? begun + settings_.refresh : Clock::now() + backoff();
    if (!snapshot) {
      if (!stop.stop_requested()) ledger_.missed(Clock::now());
      return tl::unexpected(snapshot.error());
    }
    return ledger_.fold(*snapshot, Clock::now());
  }

 private:
  void wait(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any alarm;
    std::unique_lock lock(mutex);
    alarm.wait_until(lock, stop, due_, [] { return false; });
  }

  milliseconds backoff() {
    const milliseconds longest = kFirstBackoff * (1 << std::min(failures_ - 1, kMostDoublings));
    const milliseconds limit = std::min(longest, 10 * settings_.refresh);
    return milliseconds(std::uniform_int_distribution<std::int64_t>(limit.count() / 2, limit.count())(random_));
  }

  SourceSettings settings_;
  Client client_;
  Ledger ledger_;
  Clock::time_point due_{};  // the first read is due at once
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

std::unique_ptr<Source> make_source(SourceSettings settings) {
  return std::make_unique<FleetSource>(std::move(settings));
}

}  // namespace muster::fleet
