#include "mesos/source.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>
#include <utility>

#include "mesos/fetch.h"
#include "mesos/stream.h"

namespace muster::mesos {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{250};
constexpr milliseconds kLongestStreamBackoff{60'000};
constexpr int kMostDoublings = 20;
constexpr milliseconds kStreamHead{5000};    // a master that can stream answers at once
constexpr milliseconds kSteady{30'000};      // a stream that lived so long was a good one
constexpr milliseconds kGather{100};         // questions that events raise, before all are answered by one read
constexpr milliseconds kReadInPeace{1000};   // a read gives way to no event before
constexpr milliseconds kAfterConnect{1000};  // between a read and the one that a new stream wants

// Events were lost before (MESOS-8469, MESOS-9000).
bool streams_well(std::string_view version) {
  int major = 0;
  int minor = 0;
  const char* const end = version.data() + version.size();
  const auto [dot, fine] = std::from_chars(version.data(), end, major);
  if (fine != std::errc{} || dot == end || *dot != '.') return false;
  if (std::from_chars(dot + 1, end, minor).ec != std::errc{}) return false;
  return major > 1 || (major == 1 && minor >= 7);
}

class MesosSource final : public Source {
 public:
  MesosSource(SourceSettings settings, std::unique_ptr<Leaders> leaders)
      : settings_(std::move(settings)),
        leaders_(std::move(leaders)),
        fetcher_(settings_.http, settings_.limits, settings_.auth),
        ledger_(settings_.ledger) {
    stream_settings_.http = settings_.http;
    stream_settings_.http.timeout = std::min(settings_.http.timeout, kStreamHead);
    stream_settings_.limits = settings_.records;
  }

  Result<Update> next(std::stop_token stop) override {
    while (!stop.stop_requested()) {
      if (leaders_->wait(Clock::now(), stop)) look(stop);
      if (Clock::now() >= due_) return read(stop);
      std::optional<Result<Update>> said;
      if (stream_) {
        said = listen(stop);
      } else if (wants_stream() && Clock::now() >= stream_due_) {
        said = connect(stop);
      } else if (leaders_->wait(wants_stream() ? std::min(due_, stream_due_) : due_, stop)) {
        look(stop);
      }
      if (said) return *std::move(said);
    }
    return fail(Fault::Retry, "stopped");
  }

 private:
  // Who leads now. Another one than before is asked at once.
  void look(const std::stop_token& stop) {
    if (stop.stop_requested()) return;
    masters_ = leaders_->find(stop);
    if (!masters_ || *masters_ == seen_) return;
    seen_ = *masters_;
    failures_ = stream_failures_ = 0;
    due_ = stream_due_ = Clock::now();
    if (stream_ && seen_.leader && seen_.leader->base != stream_->base()) stream_.reset();
  }

  // --- /state ---

  Result<Update> read(const std::stop_token& stop) {
    masters_ = leaders_->find(stop);
    if (masters_) seen_ = *masters_;
    if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
    begun_ = Clock::now();
    Result<Update> update = masters_ ? read_from(*masters_, stop) : tl::unexpected(masters_.error());
    learn_pace(update.has_value());
    failures_ = update ? 0 : failures_ + 1;
    const bool rare = stream_ && ledger_.calm(Clock::now());
    due_ = update ? begun_ + (rare ? std::max(settings_.resync, settings_.refresh) : settings_.refresh)
                  : Clock::now() + backoff(failures_, stream_ ? settings_.resync : settings_.refresh);
    return update;
  }

  // Events wait while /state is read: for twice as long as the last good read took, and twice as long again after each
  // read that was given up for them, so that a state which has become slow is read all the same.
  void learn_pace(bool good) {
    if (good) in_peace_ = std::max(kReadInPeace, 2 * std::chrono::duration_cast<milliseconds>(Clock::now() - begun_));
    if (!good && gave_way_) in_peace_ = std::max(in_peace_, std::min(2 * in_peace_, settings_.http.timeout));
    gave_way_ = false;
  }

  bool give_way(const std::stop_token& stop) {
    gave_way_ = stream_ && Clock::now() - begun_ > in_peace_ && stream_->ready(stop);
    return gave_way_;
  }

  Result<Update> read_from(const Masters& masters, const std::stop_token& stop) {
    std::vector<Master> candidates;
    if (masters.leader) candidates.push_back(*masters.leader);
    for (const Master& each : masters.all) {
      if (!masters.leader || each.base != masters.leader->base) candidates.push_back(each);
    }
    std::optional<Error> first;  // of the likeliest leader: the others' only repeat it
    const Held held = [this](const std::string& agent) { return ledger_.held(agent); };
    const GiveWay yield = [this, &stop] { return give_way(stop); };
    for (const Master& each : candidates) {
      Result<Fetched> fetched = fetcher_.fetch(each, masters, ledger_.groups(), stop, held, yield);
      if (fetched) return fold(*std::move(fetched), masters);
      if (gave_way_) return tl::unexpected(std::move(fetched.error()));
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
    if (stream_ && stream_->base() != leader.base) stream_.reset();
    leader_ = leader;
    streams_well_ = streams_well(fetched.state.master.version);
    return ledger_.fold(std::move(fetched.state), masters, {Clock::now(), fetched.elected_for, begun_});
  }

  // --- events ---

  bool wants_stream() const {
    if (settings_.api == Api::Poll || (!seen_.leader && !leader_)) return false;
    return settings_.api == Api::Stream || streams_well_;
  }

  std::optional<Result<Update>> connect(const std::stop_token& stop) {
    const Master target = seen_.leader ? *seen_.leader : *leader_;
    Result<EventStream> stream = EventStream::open(target, seen_, stream_settings_, settings_.auth.get(), stop);
    if (!stream) return lost(std::move(stream.error()));
    stream_.emplace(*std::move(stream));
    opened_ = Clock::now();
    // What happened between the last read and the stream was told by neither.
    due_ = std::min(due_, std::max(opened_, begun_ + std::min(settings_.refresh, kAfterConnect)));
    return std::nullopt;
  }

  std::optional<Result<Update>> listen(const std::stop_token& stop) {
    std::stop_source either;
    const auto end = [&either] { either.request_stop(); };
    const std::stop_callback on_stop(stop, end);
    const std::stop_callback on_news(leaders_->news(), end);
    const Result<std::vector<Event>> events = stream_->next(due_, either.get_token());
    const Clock::time_point now = Clock::now();
    if (!events) {
      if (now - opened_ > kSteady) stream_failures_ = 0;
      stream_.reset();
      due_ = std::min(due_, begun_ + settings_.refresh);
      return lost(events.error());
    }
    for (const Event& event : *events) ledger_.hear(event, now);
    if (events->empty()) return std::nullopt;
    told_.clear();
    if (ledger_.wants_read()) due_ = std::min(due_, std::max(now + kGather, begun_ + settings_.refresh));
    if (!ledger_.calm(now)) due_ = std::min(due_, begun_ + settings_.refresh);
    return ledger_.take_heard();
  }

  // Reads go on without the stream, so its loss is told, and told once.
  std::optional<Result<Update>> lost(Error error) {
    stream_due_ = Clock::now() + backoff(++stream_failures_, kLongestStreamBackoff);
    if (std::exchange(told_, error.message) == error.message) return std::nullopt;
    return tl::unexpected(std::move(error));
  }

  milliseconds backoff(int failures, milliseconds most) {
    const milliseconds longest = kFirstBackoff * (1 << std::min(failures - 1, kMostDoublings));
    const milliseconds limit = std::min(longest, most);
    return milliseconds(std::uniform_int_distribution<std::int64_t>(limit.count() / 2, limit.count())(random_));
  }

  SourceSettings settings_;
  StreamSettings stream_settings_;
  std::unique_ptr<Leaders> leaders_;
  Fetcher fetcher_;
  Ledger ledger_;
  Result<Masters> masters_;
  Masters seen_;
  Clock::time_point due_{};    // of the next read; the first is due at once
  Clock::time_point begun_{};  // the last one
  milliseconds in_peace_ = kReadInPeace;
  bool gave_way_ = false;
  int failures_ = 0;
  std::optional<Master> leader_;  // who answered the last good read, and whether it can stream
  bool streams_well_ = false;
  std::optional<EventStream> stream_;
  Clock::time_point opened_{};
  Clock::time_point stream_due_{};
  int stream_failures_ = 0;
  std::string told_;  // the last error of the stream
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

std::unique_ptr<Source> make_source(SourceSettings settings, std::unique_ptr<Leaders> leaders) {
  return std::make_unique<MesosSource>(std::move(settings), std::move(leaders));
}

}  // namespace muster::mesos
