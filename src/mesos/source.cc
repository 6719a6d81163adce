#include "mesos/source.h"

#include <algorithm>
#include <random>
#include <utility>

#include "mesos/fetch.h"

namespace muster::mesos {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{250};
constexpr int kMostDoublings = 20;

class MesosSource final : public Source {
 public:
  MesosSource(SourceSettings settings, std::unique_ptr<Leaders> leaders)
      : settings_(std::move(settings)),
        leaders_(std::move(leaders)),
        fetcher_(settings_.http, settings_.limits, settings_.auth),
        ledger_(settings_.ledger) {}

  Result<Update> next(std::stop_token stop) override {
    Result<Masters> masters = await_turn(stop);
    if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
    const Clock::time_point begun = Clock::now();
    Result<Update> update = masters ? read(*masters, stop) : tl::unexpected(masters.error());
    failures_ = update ? 0 : failures_ + 1;
    due_ = update ? begun + settings_.refresh : Clock::now() + backoff();
    return update;
  }

 private:
  // Returns at the next tick, or earlier when the masters have changed.
  Result<Masters> await_turn(const std::stop_token& stop) {
    for (;;) {
      const bool changed = leaders_->wait(due_, stop);
      if (stop.stop_requested()) return Masters{};
      Result<Masters> masters = leaders_->find(stop);
      const bool news = changed && masters && *masters != seen_;
      if (news) failures_ = 0;
      if (masters) seen_ = *masters;
      if (news || !changed || Clock::now() >= due_) return masters;
    }
  }

  Result<Update> read(const Masters& masters, const std::stop_token& stop) {
    std::vector<Master> candidates;
    if (masters.leader) candidates.push_back(*masters.leader);
    for (const Master& each : masters.all) {
      if (!masters.leader || each.base != masters.leader->base) candidates.push_back(each);
    }
    std::optional<Error> first;  // of the likeliest leader: the others' only repeat it
    for (const Master& each : candidates) {
      Result<Fetched> fetched = fetcher_.fetch(each, masters, ledger_.groups(), stop);
      if (fetched) return fold(*std::move(fetched), masters);
      if (stop.stop_requested()) break;
      if (!first) first = std::move(fetched.error());
    }
    leaders_->heard_from(nullptr);
    return tl::unexpected(first.value_or(Error{Fault::Keep, "no Mesos master is known"}));
  }

  // The answer itself says who leads, and which IP is behind a name that was given to us.
  Result<Update> fold(Fetched fetched, Masters masters) {
    Master& leader = fetched.master;
    if (const std::optional<Pid> pid = parse_pid(fetched.state.master.pid); pid && leader.ip.empty())
      leader.ip = pid->ip;
    for (Master& each : masters.all) {
      if (each.base == leader.base) each = leader;
    }
    masters.leader = leader;
    leaders_->heard_from(&leader);
    return ledger_.fold(std::move(fetched.state), masters, {Clock::now(), fetched.elected_for});
  }

  milliseconds backoff() {
    const milliseconds longest = kFirstBackoff * (1 << std::min(failures_ - 1, kMostDoublings));
    const milliseconds limit = std::min(longest, settings_.refresh);
    return milliseconds(std::uniform_int_distribution<std::int64_t>(limit.count() / 2, limit.count())(random_));
  }

  SourceSettings settings_;
  std::unique_ptr<Leaders> leaders_;
  Fetcher fetcher_;
  Ledger ledger_;
  Masters seen_;
  Clock::time_point due_{};  // the first read is due at once
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

std::unique_ptr<Source> make_source(SourceSettings settings, std::unique_ptr<Leaders> leaders) {
  return std::make_unique<MesosSource>(std::move(settings), std::move(leaders));
}

}  // namespace muster::mesos
