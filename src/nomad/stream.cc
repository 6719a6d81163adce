#include "nomad/stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "nomad/rights.h"

namespace muster::nomad {
namespace {

using std::chrono::milliseconds;

constexpr char kPath[] = "/v1/event/stream";
constexpr milliseconds kSilence{75'000};
constexpr std::size_t kLongestLine = 64u << 20;  // one raft entry may stop thousands of allocations

}  // namespace

Result<void> EventStream::begin(Client& client, std::stop_token stop) {
  close();
  std::string path = kPath;
  for (const char* topic : {"Allocation", "Service", "Node"}) add_query(path, "topic", topic);
  add_query(path, "index", "0");
  add_query(path, "namespace", settings_.ns);
  Result<net::HttpStream> stream = net::HttpStream::open(client.request(path), client.options(), stop);
  if (!stream) return tl::unexpected(stream.error());
  if (const int status = stream->status(); status != 200) {
    std::array<char, 200> said{};
    const Result<std::size_t> size = stream->read(said.data(), said.size(), stop);
    Answer answer;
    answer.status = status;
    answer.body.assign(said.data(), size.value_or(0));
    return client.refusal(path, answer);
  }
  stream_.emplace(*std::move(stream));
  heard_ = Clock::now();
  opening_ = true;
  return {};
}

std::optional<Result<void>> EventStream::opened(Client& client, Clock::time_point until, std::stop_token stop) {
  const Clock::time_point patience = heard_ + settings_.timeout;
  std::string why;
  if (stream_->wait(std::min(until, patience), stop)) {
    if (!fill(stop)) why = "closed before its first heartbeat";
  } else if (Clock::now() >= patience) {
    why = "no heartbeat within " + std::to_string(settings_.timeout.count()) + " ms";
  }
  if (stop.stop_requested()) return std::nullopt;
  if (!why.empty()) {
    close();
    return tl::unexpected(denied(why, client, stop));
  }
  if (buffer_.find('\n') == std::string::npos) return std::nullopt;
  opening_ = false;
  return Result<void>{};
}

// A list of nodes without node:read is 403; one of allocations is only shorter.
Error EventStream::denied(const std::string& what, Client& client, const std::stop_token& stop) const {
  std::string path = "/v1/nodes";
  add_query(path, "per_page", "1");
  const Result<Answer> nodes = client.get(path, stop);
  if (!nodes) return nodes.error();
  const Result<Sight> sight = read_sight(client, settings_.ns, stop);
  if (!sight) return sight.error();
  const std::string begin = kPath + (": " + what);
  if (nodes->status == 403) return {Fault::Keep, begin + ": the token lacks node:read"};
  if (nodes->status != 200) return client.refusal(path, *nodes).value();
  if (*sight == Sight::All) {
    return {Fault::Keep, begin +
                             ", while the token sees everything: the servers have enable_event_broker=false, or "
                             "are older than 1.9.6 and refuse the identity of a task"};
  }
  return {Fault::Keep, begin + ": the token lacks read-job in " +
                           (settings_.ns == "*" ? "some namespace" : "namespace " + settings_.ns)};
}

void EventStream::close() {
  stream_.reset();
  buffer_.clear();
  opening_ = false;
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
