#include "nomad/stream.h"

#include <algorithm>
#include <array>
#include <utility>

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSilence{75'000};
constexpr std::size_t kLongestLine = 64u << 20;  // one raft entry may stop thousands of allocations

}  // namespace

Result<void> EventStream::open(Client& client, std::stop_token stop) {
  close();
  path_ = "/v1/event/stream";
  for (const char* topic : {"Allocation", "Service", "Node"}) add_query(path_, "topic", topic);
  add_query(path_, "index", "0");
  add_query(path_, "namespace", settings_.ns);
  Result<net::HttpStream> stream = net::HttpStream::open(client.request(path_), client.options(), stop);
  if (!stream) return tl::unexpected(stream.error());
  if (const int status = stream->status(); status != 200) {
    std::array<char, 200> said{};
    const Result<std::size_t> size = stream->read(said.data(), said.size(), stop);
    Answer answer;
    answer.status = status;
    answer.body.assign(said.data(), size.value_or(0));
    return client.refusal(path_, answer);
  }
  stream_.emplace(*std::move(stream));
  heard_ = Clock::now();
  auto beats = await_heartbeat(client, stop);
  if (!beats) close();
  return beats;
}

Result<void> EventStream::await_heartbeat(Client& client, const std::stop_token& stop) {
  const Clock::time_point until = Clock::now() + settings_.timeout;
  while (buffer_.find('\n') == std::string::npos) {
    if (!stream_->wait(until, stop)) return fail(Fault::Retry, path_ + ": no heartbeat after the subscription");
    if (auto filled = fill(stop); !filled) return tl::unexpected(denied(client, stop));
  }
  return {};
}

Error EventStream::denied(Client& client, const std::stop_token& stop) const {
  std::string path = "/v1/allocations";
  add_query(path, "namespace", settings_.ns);
  add_query(path, "per_page", "1");
  const Result<Answer> probe = client.get(path, stop);
  if (!probe) return probe.error();
  if (probe->status != 200) return client.refusal(path, *probe).value();
  return {Fault::Retry,
          "/v1/event/stream: closed before its first heartbeat, while lists answer; either the token lacks read-job in "
          "some namespace or node:read, or the servers have enable_event_broker=false"};
}

void EventStream::close() {
  stream_.reset();
  buffer_.clear();
}

bool EventStream::wait(Clock::time_point until, std::stop_token stop) {
  if (buffer_.find('\n') != std::string::npos) return true;
  return stream_->wait(std::min(until, heard_ + kSilence), stop) || Clock::now() >= heard_ + kSilence;
}

// At least one byte more.
Result<void> EventStream::fill(std::stop_token stop) {
  std::array<char, 16384> bytes;
  const Result<std::size_t> size = stream_->read(bytes.data(), bytes.size(), stop);
  if (!size) return tl::unexpected(size.error());
  if (*size == 0) return fail(Fault::Retry, "/v1/event/stream: closed by the server");
  heard_ = Clock::now();
  buffer_.append(bytes.data(), *size);
  if (buffer_.size() > kLongestLine) return fail(Fault::Retry, "/v1/event/stream: a line over 64 MiB");
  return {};
}

std::optional<std::string> EventStream::take_line() {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

Result<std::vector<EventBatch>> EventStream::read(JobPool& pool, std::stop_token stop) {
  std::vector<EventBatch> out;
  if (stream_->wait(Clock::now(), stop)) {
    if (auto filled = fill(stop); !filled) {
      close();
      return tl::unexpected(filled.error());
    }
  } else if (buffer_.empty() && Clock::now() >= heard_ + kSilence) {
    close();
    return fail(Fault::Retry, "/v1/event/stream: silent for 75 s");
  }
  while (auto line = take_line()) {
    if (line->empty()) continue;
    Result<EventBatch> batch = decode_events(*line, pool);
    // What cannot be read may have said anything: the stream is opened anew, and what runs is read whole.
    if (!batch) {
      close();
      return fail(Fault::Retry, "/v1/event/stream: " + batch.error().message);
    }
    out.push_back(*std::move(batch));
  }
  return out;
}

}  // namespace muster::nomad
