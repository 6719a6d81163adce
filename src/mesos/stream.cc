#include "mesos/stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mesos/fetch.h"

namespace muster::mesos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostRedirects = 2;
constexpr int kSilentHeartbeats = 5;
constexpr std::size_t kMostEvents = 1000;  // at once, so that what they change is posted soon
constexpr std::size_t kPiece = 64u << 10;

Error about(const std::string& base, const std::string& what) {
  return {Fault::Keep, "event stream of Mesos master " + base + " " + what};
}

std::string refusal(int status, const Authorizer* auth) {
  std::string what = "was refused with " + std::to_string(status);
  if (status == 401 || status == 403) what += ": it wants credentials for /api/v1 (realm mesos-master-readwrite)";
  if (status == 401 || status == 403) what += auth == nullptr ? "" : "; " + auth->describe();
  if (status == 404) what += ": it has no /api/v1 (before Mesos 1.0)";
  if (status == 503) what += ": the master has not finished recovery";
  return what;
}

Result<net::HttpStream> subscribe(const Master& master, const Masters& known, const StreamSettings& settings,
                                  Authorizer* auth, const std::stop_token& stop) {
  for (bool again = false;; again = true) {
    net::Request request;
    request.method = "POST";
    request.base = master.base;
    request.path = "/api/v1";
    request.body = R"({"type":"SUBSCRIBE"})";
    request.headers = {"Content-Type: application/json", "Accept: application/json"};
    std::vector<std::string> shown;
    if (auth != nullptr) {
      Result<std::vector<std::string>> headers = auth->headers(master, known, stop);
      if (!headers) return tl::unexpected(headers.error());
      shown = *std::move(headers);
    }
    request.headers.insert(request.headers.end(), shown.begin(), shown.end());
    Result<net::HttpStream> stream = net::HttpStream::open(request, settings.http, stop);
    if (!stream || again || auth == nullptr || !auth->refused(stream->status(), shown)) return stream;
  }
}

}  // namespace

EventStream::EventStream(net::HttpStream stream, std::string base, const RecordLimits& limits)
    : stream_(std::move(stream)), base_(std::move(base)), decoder_(limits), heard_(Clock::now()) {}

Result<EventStream> EventStream::open(const Master& master, const Masters& known, const StreamSettings& settings,
                                      Authorizer* auth, std::stop_token stop) {
  const Master* asked = &master;
  for (int redirects = 0;; ++redirects) {
    Result<net::HttpStream> stream = subscribe(*asked, known, settings, auth, stop);
    if (!stream) return tl::unexpected(stream.error());
    const int status = stream->status();
    if (status == 200) return EventStream(*std::move(stream), asked->base, settings.limits);
    if (status != 307 && status != 302) return tl::unexpected(about(asked->base, refusal(status, auth)));
    const std::string target = stream->header("location").substr(0, 200);
    if (redirects == kMostRedirects) return tl::unexpected(about(asked->base, "redirects once more, to " + target));
    const Master* next = find_master(known, target);
    if (next == nullptr) {
      return tl::unexpected(about(asked->base, "points to " + target + ", which is no master that we know"));
    }
    asked = next;
  }
}

tl::unexpected<Error> EventStream::broken(const std::string& what) const {
  return fail(Fault::Retry, about(base_, what).message);
}

Clock::time_point EventStream::deadline() const {
  return heartbeat_.count() == 0 ? Clock::time_point::max() : heard_ + kSilentHeartbeats * heartbeat_;
}

bool EventStream::ready(std::stop_token stop) { return end_ || stream_.wait(Clock::now(), std::move(stop)); }

Result<void> EventStream::pull(std::vector<Event>& into, const std::stop_token& stop) {
  std::array<char, kPiece> piece;
  Result<std::size_t> got = stream_.read(piece.data(), piece.size(), stop);
  if (!got) return broken("broke off: " + got.error().message);
  if (*got == 0) return broken(decoder_.between_records() ? "was ended by the master" : "ended within a record");
  heard_ = Clock::now();
  std::deque<Record> records;
  const Result<void> framed = decoder_.feed({piece.data(), *got}, records);
  for (const Record& record : records) {
    Result<Event> event = decode_event(record);
    if (!event) return broken("makes no sense: " + event.error().message);
    // A snapshot so large that it was passed over is one all the same: it always comes first.
    if (std::exchange(first_, false) && !record.whole) event->kind = EventKind::Subscribed;
    if (event->kind == EventKind::Subscribed) heartbeat_ = event->heartbeat;
    into.push_back(*std::move(event));
  }
  if (!framed) return broken("makes no sense: " + framed.error().message);
  return {};
}

Result<std::vector<Event>> EventStream::next(Clock::time_point until, std::stop_token stop) {
  if (end_) return tl::unexpected(*end_);
  std::vector<Event> events;
  if (!stream_.wait(std::min(until, deadline()), stop)) {
    if (Clock::now() < deadline() || stop.stop_requested()) return events;
    return broken("was silent for " + std::to_string(kSilentHeartbeats) + " heartbeats of " +
                  std::to_string(heartbeat_.count()) + " ms");
  }
  do {
    if (Result<void> pulled = pull(events, stop); !pulled) end_ = std::move(pulled.error());
    if (end_ && events.empty()) return tl::unexpected(*end_);
    if (end_) break;  // what came before the break still counts
  } while (events.size() < kMostEvents && stream_.wait(Clock::now(), stop));
  return events;
}

}  // namespace muster::mesos
