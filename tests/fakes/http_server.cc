#include "fakes/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "fakes/http_wire.h"
#include "fakes/loopback.h"

namespace muster::fakes {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kDripPause = std::chrono::milliseconds(100);
constexpr std::uint64_t kWake = 0;
constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;  // epoll data: a listener's index or a connection's id

struct Listener {
  std::string name;  // "127.0.0.1:41234" or "unix:/path"
  SocketAddress at;
  int fd = -1;
  bool open = false;
  bool frozen = false;
};

struct Connection {
  std::uint64_t id = 0;
  std::size_t listener = 0;
  int fd = -1;
  std::string in;
  std::string out;
  std::size_t sent = 0;      // of `out`
  std::uint64_t stream = 0;  // the stream it carries now
  bool bare = false;         // the stream sends its own framing
  bool busy = false;         // a request is being answered; the next one waits in `in`
  bool drip = false;
  bool close_after = false;
  std::uint32_t events = 0;  // what epoll watches; 0: not in epoll
};

struct Timer {
  std::uint64_t connection = 0;
  HttpReply reply;  // sent when due; unused for the next byte of a drip
  bool drip = false;
};

}  // namespace

// Everything but `address`, `requests` and the command queue belongs to the server's thread.
struct HttpServer::State {
  explicit State(Handler h) : handler(std::move(h)) {}

  Handler handler;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::vector<Listener> listeners;
  std::unordered_map<std::uint64_t, Connection> connections;
  std::unordered_map<std::uint64_t, std::uint64_t> streams;  // stream id -> connection id
  std::multimap<Clock::time_point, Timer> timers;
  std::uint64_t next_id = 1;
  std::atomic<std::uint64_t> requests{0};
  std::mutex mutex;
  std::vector<std::function<void()>> commands;  // under mutex
  bool stopping = false;
  std::thread thread;

  void post(std::function<void()> command);
  void post_and_wait(std::function<void()> command);
  void run();
  void run_commands();
  void run_timers();
  int wait_ms() const;

  void bind_listener(Listener& listener);
  void start_listening(std::size_t index);
  void accept_all(std::size_t index);
  void drop_all(std::size_t listener);
  void drop(std::uint64_t id, bool reset = false);

  void on_event(std::uint64_t id, std::uint32_t events);
  bool read_some(Connection& connection);
  void serve_next(std::uint64_t id);
  void answer(Connection& connection, HttpReply reply);
  void reply_done(Connection& connection);
  void flush(std::uint64_t id);
  void watch(Connection& connection);
};

void HttpServer::State::post(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex);
    commands.push_back(std::move(command));
  }
  const std::uint64_t one = 1;
  if (write(wake, &one, sizeof one) < 0 && errno != EAGAIN) die("wake");
}

void HttpServer::State::post_and_wait(std::function<void()> command) {
  if (std::this_thread::get_id() == thread.get_id()) return command();
  std::promise<void> done;
  post([&] {
    command();
    done.set_value();
  });
  done.get_future().wait();
}

void HttpServer::State::run() {
  std::array<epoll_event, 256> events;
  while (!stopping) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kWake) {
        run_commands();
      } else if (id & kListenerBit) {
        accept_all(id & ~kListenerBit);
      } else {
        on_event(id, events[static_cast<std::size_t>(i)].events);
      }
    }
    run_timers();
  }
}

void HttpServer::State::run_commands() {
  std::uint64_t count = 0;
  if (::read(wake, &count, sizeof count) < 0 && errno != EAGAIN) die("wake");
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex);
    batch.swap(commands);
  }
  for (auto& command : batch) command();
}

int HttpServer::State::wait_ms() const {
  if (timers.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers.begin()->first - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 60'000));
}

void HttpServer::State::run_timers() {
  while (!timers.empty() && timers.begin()->first <= Clock::now()) {
    Timer timer = std::move(timers.extract(timers.begin()).mapped());
    const auto it = connections.find(timer.connection);
    if (it == connections.end()) continue;
    if (!timer.drip) answer(it->second, std::move(timer.reply));
    if (!timer.drip) serve_next(timer.connection);
    flush(timer.connection);
  }
}

void HttpServer::State::bind_listener(Listener& listener) {
  const int family = listener.at.storage.ss_family;
  if (family == AF_UNIX) unlink(listener.name.c_str() + 5);
  listener.fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener.fd < 0) die("socket");
  const int on = 1;
  setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener.fd, listener.at.get(), listener.at.size) != 0) die("bind " + listener.name);
  if (family == AF_UNIX) return;
  getsockname(listener.fd, listener.at.get(), &listener.at.size);
  // Once: address() is read by other threads, and the port stays.
  if (listener.name.ends_with(":0")) {
    listener.name = listener.name.substr(0, listener.name.rfind(':') + 1) + std::to_string(port_of(listener.at));
  }
}

void HttpServer::State::start_listening(std::size_t index) {
  Listener& listener = listeners[index];
  if (listener.fd < 0) bind_listener(listener);
  if (listen(listener.fd, 1024) != 0) die("listen " + listener.name);
  listener.open = true;
  if (listener.frozen) return;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kListenerBit | index}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener.fd, &event);
}

void HttpServer::State::accept_all(std::size_t index) {
  // An event of the same batch may have closed or frozen it.
  if (!listeners[index].open || listeners[index].frozen) return;
  while (true) {
    const int fd = accept4(listeners[index].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE) die("accept");
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection& connection = connections[next_id];
    connection.id = next_id++;
    connection.listener = index;
    connection.fd = fd;
    watch(connection);
  }
}

void HttpServer::State::drop(std::uint64_t id, bool reset) {
  const auto it = connections.find(id);
  if (it == connections.end()) return;
  if (reset) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(it->second.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  ::close(it->second.fd);
  streams.erase(it->second.stream);
  connections.erase(it);
}

void HttpServer::State::drop_all(std::size_t listener) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, connection] : connections) {
    if (connection.listener == listener) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) drop(id);
}

void HttpServer::State::on_event(std::uint64_t id, std::uint32_t events) {
  const auto it = connections.find(id);
  if (it == connections.end() || listeners[it->second.listener].frozen) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !read_some(it->second)) return drop(id);
  serve_next(id);
  flush(id);
}

bool HttpServer::State::read_some(Connection& connection) {
  std::array<char, 65536> buffer;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got > 0) connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void HttpServer::State::serve_next(std::uint64_t id) {
  while (true) {
    const auto it = connections.find(id);
    if (it == connections.end() || it->second.busy || it->second.in.empty()) return;
    HttpRequest request;
    request.listener = it->second.listener;
    const Parsed parsed = take_request(it->second.in, request);
    if (parsed == Parsed::Incomplete) return;
    it->second.busy = true;
    if (parsed == Parsed::Bad) {
      it->second.close_after = true;
      answer(it->second, HttpReply{.status = 400, .body = "bad request"});
      return;
    }
    ++requests;
    const auto close = request.headers.find("connection");
    it->second.close_after = close != request.headers.end() && close->second == "close";
    HttpReply reply = handler(request);
    // The handler may have closed this listener: the peer died while it worked.
    const auto again = connections.find(id);
    if (again == connections.end()) return;
    if (reply.delay.count() > 0) {
      timers.emplace(Clock::now() + reply.delay, Timer{.connection = id, .reply = std::move(reply)});
      return;
    }
    answer(again->second, std::move(reply));
  }
}

void HttpServer::State::answer(Connection& connection, HttpReply reply) {
  if (reply.manner == Manner::Hang) return;
  if (reply.manner == Manner::Reset) return drop(connection.id, true);
  connection.bare = reply.stream && reply.bare;
  if (!connection.bare) connection.out += render_head(reply, reply.body.size());
  if (reply.stream) {
    if (connection.bare) {
      connection.out += reply.body;
    } else if (!reply.body.empty())
      connection.out += render_chunk(reply.body);
    connection.stream = reply.stream_id;
    streams[reply.stream_id] = connection.id;
    return;
  }
  if (reply.manner == Manner::Truncate) {
    connection.out.append(reply.body, 0, reply.body.size() / 2);
    connection.close_after = true;
    return;
  }
  connection.out += reply.body;
  connection.drip = reply.manner == Manner::Drip;
  if (!connection.drip && !connection.close_after) connection.busy = false;
}

// Sends what the socket takes. A drip sends one byte and sets a timer for the next.
void HttpServer::State::flush(std::uint64_t id) {
  const auto it = connections.find(id);
  if (it == connections.end() || listeners[it->second.listener].frozen) return;
  Connection& connection = it->second;
  std::string& out = connection.out;
  std::size_t& sent = connection.sent;
  const std::size_t end = connection.drip ? std::min(sent + 1, out.size()) : out.size();
  while (sent < end) {
    const ssize_t n = send(connection.fd, out.data() + sent, end - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return drop(id);
    sent += static_cast<std::size_t>(n);
  }
  // Now and then only: a large answer goes out in a thousand pieces.
  if (2 * sent >= out.size()) out.erase(0, std::exchange(sent, 0));
  if (out.empty() && connection.close_after && connection.busy && connection.stream == 0) return drop(id);
  if (connection.drip && out.empty()) connection.drip = connection.busy = false;
  if (connection.drip) timers.emplace(Clock::now() + kDripPause, Timer{.connection = id, .reply = {}, .drip = true});
  watch(connection);
}

void HttpServer::State::watch(Connection& connection) {
  const bool frozen = listeners[connection.listener].frozen;
  const bool blocked = !connection.out.empty() && !connection.drip;
  const std::uint32_t ready = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;
  const std::uint32_t want = frozen ? 0 : ready;
  if (want == connection.events) return;
  const int verb = want == 0 ? EPOLL_CTL_DEL : connection.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_event event{.events = want, .data = {.u64 = connection.id}};
  epoll_ctl(epoll, verb, connection.fd, &event);
  connection.events = want;
}

HttpServer::HttpServer(const std::vector<std::string>& addresses, Handler handler)
    : state_(std::make_unique<State>(std::move(handler))) {
  for (const std::string& address : addresses) {
    state_->listeners.push_back(Listener{.name = address, .at = parse_address(address)});
    state_->start_listening(state_->listeners.size() - 1);
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWake}};
  epoll_ctl(state_->epoll, EPOLL_CTL_ADD, state_->wake, &event);
  state_->thread = std::thread([this] { state_->run(); });
}

HttpServer::~HttpServer() {
  state_->post([this] { state_->stopping = true; });
  state_->thread.join();
  for (const auto& [id, connection] : state_->connections) ::close(connection.fd);
  for (const Listener& listener : state_->listeners) {
    if (listener.fd >= 0) ::close(listener.fd);
    if (listener.name.starts_with("unix:")) unlink(listener.name.c_str() + 5);
  }
  ::close(state_->epoll);
  ::close(state_->wake);
}

std::string HttpServer::address(std::size_t listener) const { return state_->listeners.at(listener).name; }

std::string HttpServer::url(std::size_t listener) const {
  const std::string name = address(listener);
  return name.starts_with("unix:") ? "unix://" + name.substr(5) : "http://" + name;
}

void HttpServer::push(std::uint64_t stream_id, std::string bytes, bool raw) {
  state_->post([s = state_.get(), stream_id, raw, bytes = std::move(bytes)] {
    const auto it = s->streams.find(stream_id);
    if (it == s->streams.end()) return;
    Connection& connection = s->connections.at(it->second);
    connection.out += raw ? bytes : render_chunk(bytes);
    s->flush(connection.id);
  });
}

void HttpServer::finish(std::uint64_t stream_id, bool cut) {
  state_->post([s = state_.get(), stream_id, cut] {
    const auto it = s->streams.find(stream_id);
    if (it == s->streams.end()) return;
    Connection& connection = s->connections.at(it->second);
    const std::uint64_t id = connection.id;
    s->streams.erase(it);
    connection.stream = 0;
    if (!connection.bare) connection.out += cut ? "10\r\ncut" : "0\r\n\r\n";
    connection.close_after = connection.close_after || cut;
    if (!connection.close_after) connection.busy = false;
    s->flush(id);
    s->serve_next(id);
    s->flush(id);
  });
}

void HttpServer::close_listener(std::size_t listener) {
  state_->post_and_wait([s = state_.get(), listener] {
    Listener& l = s->listeners.at(listener);
    if (!l.open) return;
    l.open = false;
    ::close(l.fd);
    l.fd = -1;
    s->drop_all(listener);
    // Bound but not listening, the port refuses connections and stays ours.
    if (l.at.storage.ss_family == AF_UNIX) {
      unlink(l.name.c_str() + 5);
    } else {
      s->bind_listener(l);
    }
  });
}

void HttpServer::open_listener(std::size_t listener) {
  state_->post_and_wait([s = state_.get(), listener] {
    if (!s->listeners.at(listener).open) s->start_listening(listener);
  });
}

void HttpServer::freeze(std::size_t listener, bool frozen) {
  state_->post_and_wait([s = state_.get(), listener, frozen] {
    Listener& l = s->listeners.at(listener);
    if (l.frozen == frozen) return;
    l.frozen = frozen;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kListenerBit | listener}};
    if (l.open) epoll_ctl(s->epoll, frozen ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, l.fd, &event);
    std::vector<std::uint64_t> ids;
    for (const auto& [id, connection] : s->connections) {
      if (connection.listener == listener) ids.push_back(id);
    }
    for (const std::uint64_t id : ids) {
      s->watch(s->connections.at(id));
      s->flush(id);
    }
  });
}

std::uint64_t HttpServer::requests() const { return state_->requests; }

}  // namespace muster::fakes
