#include "net/http.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/transfer.h"

namespace muster::net {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kPulled = 256u << 10;  // bytes held between the peer and a reader of a stream
constexpr milliseconds kPoll{1000};          // upper bound of one wait; a stop wakes it at once

}  // namespace

std::string escape(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

struct HttpClient::Handle {
  explicit Handle(const HttpOptions& options) : transfer(options), max_body(options.max_body) {
    transfer.sink = [this](std::string_view bytes) {
      too_large = body.size() + bytes.size() > max_body;
      if (too_large) return Transfer::Sink::Fail;
      body.append(bytes);
      return Transfer::Sink::Taken;
    };
  }

  Transfer transfer;
  std::size_t max_body;
  std::string body;
  bool too_large = false;
};

HttpClient::HttpClient(HttpOptions options) : handle_(std::make_unique<Handle>(options)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<Response> HttpClient::send(const Request& request, std::stop_token stop) {
  Transfer& transfer = handle_->transfer;
  handle_->body.clear();
  handle_->too_large = false;
  if (auto begun = transfer.begin(request, true); !begun) return tl::unexpected(begun.error());
  const std::stop_callback on_stop(stop, [&] { transfer.wake(); });
  while (!transfer.done() && !stop.stop_requested()) transfer.step(kPoll);
  transfer.end();
  if (!transfer.done()) return transfer.error("stopped");
  if (handle_->too_large) return transfer.error("answer over " + std::to_string(handle_->max_body) + " bytes");
  if (auto outcome = transfer.outcome(); !outcome) return tl::unexpected(outcome.error());
  return Response{transfer.status, std::move(handle_->body), std::move(transfer.headers)};
}

struct HttpStream::Handle {
  Handle(const Request& r, const HttpOptions& options) : request(r), silence(options.timeout), transfer(options) {
    transfer.sink = [this](std::string_view bytes) {
      paused = available() + bytes.size() > kPulled;
      if (paused) return Transfer::Sink::Later;
      if (taken > 0) pulled.erase(0, std::exchange(taken, 0));
      pulled.reserve(kPulled);  // and never more
      pulled.append(bytes);
      if (waiting) transfer.wake();
      return Transfer::Sink::Taken;
    };
  }
  std::size_t available() const { return pulled.size() - taken; }
  // Bytes that come just before the transfer lies down to wait must not lie there with it.
  void wait_for(milliseconds most) {
    waiting = true;
    transfer.step(most);
    waiting = false;
  }
  // Drives the transfer until `ready`, the end, a stop, or too long a silence.
  template <typename Ready>
  Result<void> wait(Ready ready, const std::stop_token& stop);

  Request request;
  milliseconds silence;
  std::string pulled;
  std::size_t taken = 0;
  bool paused = false;
  bool waiting = false;
  Transfer transfer;
};

template <typename Ready>
Result<void> HttpStream::Handle::wait(Ready ready, const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { transfer.wake(); });
  const auto deadline = Clock::now() + silence;
  while (!ready() && !transfer.done()) {
    if (stop.stop_requested()) return transfer.error("stopped");
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return transfer.error("silent for " + std::to_string(silence.count()) + " ms");
    // Bytes that are here already must not wait for others.
    transfer.step(milliseconds(0));
    if (!ready() && !transfer.done() && !stop.stop_requested()) wait_for(std::min(left, kPoll));
  }
  if (transfer.done() && !ready()) return transfer.outcome();
  return {};
}

HttpStream::HttpStream(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
HttpStream::~HttpStream() = default;
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&&) noexcept = default;

Result<HttpStream> HttpStream::open(const Request& request, const HttpOptions& options, std::stop_token stop) {
  auto handle = std::make_unique<Handle>(request, options);
  if (auto begun = handle->transfer.begin(handle->request, false); !begun) return tl::unexpected(begun.error());
  auto& transfer = handle->transfer;
  // A body cut short is for read() to tell: the head came whole.
  if (auto head = handle->wait([&] { return transfer.has_head(); }, stop); !head) {
    return tl::unexpected(head.error());
  }
  return HttpStream(std::move(handle));
}

int HttpStream::status() const { return handle_->transfer.status; }

std::string HttpStream::header(std::string_view lower_case_name) const {
  const auto it = handle_->transfer.headers.find(std::string(lower_case_name));
  return it == handle_->transfer.headers.end() ? "" : it->second;
}

Result<std::size_t> HttpStream::read(char* into, std::size_t size, std::stop_token stop) {
  Handle& h = *handle_;
  if (h.available() == 0 && std::exchange(h.paused, false)) h.transfer.resume();
  if (auto ready = h.wait([&] { return h.available() > 0; }, stop); !ready) return tl::unexpected(ready.error());
  const std::size_t count = std::min(size, h.available());
  std::memcpy(into, h.pulled.data() + h.taken, count);
  h.taken += count;
  return count;
}

bool HttpStream::wait(Clock::time_point until, std::stop_token stop) {
  Handle& h = *handle_;
  const auto ready = [&h] { return h.available() > 0 || h.transfer.done(); };
  if (h.available() == 0 && std::exchange(h.paused, false)) h.transfer.resume();
  const std::stop_callback on_stop(stop, [&h] { h.transfer.wake(); });
  h.transfer.step(milliseconds(0));
  while (!ready() && !stop.stop_requested()) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) break;
    h.wait_for(std::min(left, kPoll));
    h.transfer.step(milliseconds(0));
  }
  return ready();
}

}  // namespace muster::net
