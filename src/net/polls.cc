#include "net/polls.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/easy.h"

namespace muster::net {
namespace {

using std::chrono::milliseconds;

// libcurl 7.88 looks at every connection of a multi handle for each transfer: from some 600 on that is what it does.
constexpr std::size_t kShard = 500;
// A host that lost its power says nothing: ask soon, and often, so that it is missed in half a minute.
constexpr milliseconds kLongest{60'000};  // of one wait
constexpr Holding kHolding{.probe_after = 15, .probe_again = 2, .buffer = 1024};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// One multi handle. Its sockets are watched through an epoll that all shards share, since curl_multi_poll waits for
// one.
class Shard {
 public:
  Shard(int epoll, std::uint32_t number);
  ~Shard() { curl_multi_cleanup(multi_); }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  bool add(CURL* easy);
  void remove(CURL* easy);
  void act(curl_socket_t socket, int events);
  template <typename Ended>
  void reap(Ended ended);
  std::size_t running() const { return running_; }
  std::optional<Polls::Clock::time_point> due() const { return due_; }

  std::size_t members = 0;  // polls that begin here, running or not

 private:
  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* shard, void* known);
  void look_at_clock();

  const int epoll_;
  const std::uint32_t number_;
  CURLM* const multi_ = curl_multi_init();
  std::size_t running_ = 0;
  std::optional<Polls::Clock::time_point> due_;  // when libcurl wants to act without an event
};

Shard::Shard(int epoll, std::uint32_t number) : epoll_(epoll), number_(number) {
  if (multi_ == nullptr) return;
  // What is kept idle are the connections of polls between two exchanges.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kShard));
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
}

bool Shard::add(CURL* easy) {
  if (multi_ == nullptr || curl_multi_add_handle(multi_, easy) != CURLM_OK) return false;
  ++running_;
  look_at_clock();
  return true;
}

void Shard::remove(CURL* easy) {
  curl_multi_remove_handle(multi_, easy);
  --running_;
  look_at_clock();
}

// CURL_SOCKET_TIMEOUT as the socket: what was due.
void Shard::act(curl_socket_t socket, int events) {
  int active = 0;
  curl_multi_socket_action(multi_, socket, events, &active);
  look_at_clock();
}

void Shard::look_at_clock() {
  long wait_ms = -1;
  curl_multi_timeout(multi_, &wait_ms);
  due_.reset();
  if (wait_ms >= 0) due_ = Polls::Clock::now() + milliseconds(wait_ms);
}

template <typename Ended>
void Shard::reap(Ended ended) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    remove(easy);
    ended(easy, code);
  }
}

int Shard::on_socket(CURL*, curl_socket_t socket, int what, void* shard, void*) {
  const Shard& self = *static_cast<Shard*>(shard);
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(self.epoll_, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  event.data.u64 = (std::uint64_t{self.number_} << 32) | static_cast<std::uint32_t>(socket);
  if (epoll_ctl(self.epoll_, EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  return epoll_ctl(self.epoll_, EPOLL_CTL_ADD, socket, &event);
}

int curl_events(std::uint32_t events) {
  int out = 0;
  if (events & (EPOLLIN | EPOLLHUP)) out |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) out |= CURL_CSELECT_OUT;
  if (events & EPOLLERR) out |= CURL_CSELECT_ERR;
  return out;
}

constexpr std::uint64_t kWoken = ~std::uint64_t{0};

}  // namespace

struct Polls::State {
  struct Poll {
    explicit Poll(const HttpOptions& options) : easy(options, kHolding) {}
    Easy easy;
    Request request;
    Shard* shard = nullptr;
    bool running = false;
    std::uint64_t round = 0;  // which exchange this is
    std::string body;
    bool too_large = false;
  };
  struct Ended {
    Id id;
    std::uint64_t round;
    Result<Response> answer;
  };

  State(const HttpOptions& o, Done d) : options(o), done(std::move(d)) { watch_wakes(); }
  ~State() {
    for (const auto& [id, poll] : polls) stop(*poll);
  }
  void watch_wakes();
  Poll& poll_of(Id id);
  Result<void> begin(Poll& poll, milliseconds timeout);
  Shard& shard_with_room();
  void stop(Poll& poll);
  void turn(Clock::time_point until);
  void collect();
  Result<Response> answer_of(Poll& poll) const;
  void tell();

  const HttpOptions options;
  const Done done;
  const Descriptor epoll{epoll_create1(EPOLL_CLOEXEC)};
  const Descriptor alarm{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<std::unique_ptr<Shard>> shards;
  std::unordered_map<Id, std::unique_ptr<Poll>> polls;
  std::unordered_map<void*, Id> by_handle;
  std::vector<Ended> ended;
  bool woken = false;
};

void Polls::State::watch_wakes() {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWoken;
  epoll_ctl(epoll.get(), EPOLL_CTL_ADD, alarm.get(), &event);
}

Polls::State::Poll& Polls::State::poll_of(Id id) {
  auto& slot = polls[id];
  if (slot) return *slot;
  slot = std::make_unique<Poll>(options);
  Poll& poll = *slot;
  poll.easy.sink = [&poll, limit = options.max_body](std::string_view bytes) {
    poll.too_large = poll.body.size() + bytes.size() > limit;
    if (poll.too_large) return Easy::Sink::Fail;
    poll.body.append(bytes);
    return Easy::Sink::Taken;
  };
  by_handle[poll.easy.handle()] = id;
  return poll;
}

Result<void> Polls::State::begin(Poll& poll, milliseconds timeout) {
  if (auto ready = poll.easy.prepare(poll.request, timeout); !ready) return ready;
  if (epoll.get() < 0) return poll.easy.error("no descriptor left");
  // Always the same shard: there its last connection is.
  if (poll.shard == nullptr) {
    poll.shard = &shard_with_room();
    ++poll.shard->members;
  }
  if (!poll.shard->add(poll.easy.handle())) return poll.easy.error("cannot begin");
  poll.running = true;
  return {};
}

Shard& Polls::State::shard_with_room() {
  for (const auto& shard : shards) {
    if (shard->members < kShard) return *shard;
  }
  return *shards.emplace_back(std::make_unique<Shard>(epoll.get(), static_cast<std::uint32_t>(shards.size())));
}

void Polls::State::stop(Poll& poll) {
  if (poll.running) poll.shard->remove(poll.easy.handle());
  poll.running = false;
}

// Waits once, and lets libcurl act on what came.
void Polls::State::turn(Clock::time_point until) {
  for (const auto& shard : shards) until = std::min(until, shard->due().value_or(until));
  const auto wait = std::clamp(std::chrono::ceil<milliseconds>(until - Clock::now()), milliseconds(0), kLongest);
  std::array<epoll_event, 256> events;
  const int count =
      epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
  if (count < 0 && errno != EINTR) std::this_thread::sleep_for(std::min(wait, milliseconds(100)));
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWoken) {
      std::uint64_t times = 0;
      woken = read(alarm.get(), &times, sizeof times) > 0;
    } else {
      shards[event.data.u64 >> 32]->act(static_cast<curl_socket_t>(event.data.u64 & 0xffffffff),
                                        curl_events(event.events));
    }
  }
  const auto now = Clock::now();
  for (const auto& shard : shards) {
    if (shard->due() && *shard->due() <= now) shard->act(CURL_SOCKET_TIMEOUT, 0);
  }
}

void Polls::State::collect() {
  for (const auto& shard : shards) {
    shard->reap([this](CURL* easy, CURLcode code) {
      const Id id = by_handle.at(easy);
      Poll& poll = *polls.at(id);
      poll.running = false;
      poll.easy.finish(code);
      ended.push_back({id, poll.round, answer_of(poll)});
    });
  }
}

Result<Response> Polls::State::answer_of(Poll& poll) const {
  if (poll.too_large) return poll.easy.error("answer over " + std::to_string(options.max_body) + " bytes");
  if (auto outcome = poll.easy.outcome(); !outcome) return tl::unexpected(outcome.error());
  return Response{poll.easy.status, std::exchange(poll.body, {}), std::move(poll.easy.headers)};
}

// Whoever hears of one may start and cancel others.
void Polls::State::tell() {
  for (Ended& each : std::exchange(ended, {})) {
    const auto at = polls.find(each.id);
    if (at != polls.end() && at->second->round == each.round) done(each.id, std::move(each.answer));
  }
}

Polls::Polls(const HttpOptions& options, Done done) {
  global_init();
  state_ = std::make_unique<State>(options, std::move(done));
}
Polls::~Polls() = default;

void Polls::start(Id id, Request request, milliseconds timeout) {
  State::Poll& poll = state_->poll_of(id);
  state_->stop(poll);
  ++poll.round;
  poll.request = std::move(request);
  poll.body = {};
  poll.too_large = false;
  if (auto begun = state_->begin(poll, timeout); !begun) {
    state_->ended.push_back({id, poll.round, tl::unexpected(begun.error())});
  }
}

void Polls::cancel(Id id) {
  const auto at = state_->polls.find(id);
  if (at == state_->polls.end()) return;
  state_->stop(*at->second);
  if (at->second->shard != nullptr) --at->second->shard->members;
  state_->by_handle.erase(at->second->easy.handle());
  state_->polls.erase(at);
}

void Polls::step(Clock::time_point until) {
  while (state_->ended.empty() && !std::exchange(state_->woken, false)) {
    state_->turn(until);
    state_->collect();
    if (Clock::now() >= until) break;
  }
  state_->tell();
}

void Polls::wake() {
  const std::uint64_t once = 1;
  static_cast<void>(!write(state_->alarm.get(), &once, sizeof once));
}

std::size_t Polls::running() const {
  std::size_t sum = 0;
  for (const auto& shard : state_->shards) sum += shard->running();
  return sum;
}

}  // namespace muster::net
