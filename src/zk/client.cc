#include "zk/client.h"

#include <netdb.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <random>
#include <utility>

namespace muster::zk {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPatience{1000};  // with one address, before the next is tried; doubles every round

// A request under way. Shared by the caller, who may give up waiting, and the library, which always completes it.
struct Pending {
  std::mutex mutex;
  std::condition_variable_any done;
  bool finished = false;
  int code = ZOK;
  std::vector<std::string> names;
  std::string data;

  void finish(int result) {
    const std::lock_guard lock(mutex);
    finished = true;
    code = result;
    done.notify_all();
  }
};

using PendingPtr = std::shared_ptr<Pending>;

// The library hands a context from our thread to its own under locks that the thread sanitizer cannot see. This one it
// can: taken after a context is made, and before it is looked at.
void pass_over() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
}

void on_children(int code, const String_vector* names, const void* context) {
  pass_over();
  const std::unique_ptr<const PendingPtr> pending(static_cast<const PendingPtr*>(context));
  if (code == ZOK && names != nullptr) {
    const std::lock_guard lock((*pending)->mutex);
    for (int i = 0; i < names->count; ++i) (*pending)->names.emplace_back(names->data[i]);
  }
  (*pending)->finish(code);
}

void on_data(int code, const char* data, int size, const Stat*, const void* context) {
  pass_over();
  const std::unique_ptr<const PendingPtr> pending(static_cast<const PendingPtr*>(context));
  if (code == ZOK && data != nullptr && size > 0) {
    const std::lock_guard lock((*pending)->mutex);
    (*pending)->data.assign(data, static_cast<std::size_t>(size));
  }
  (*pending)->finish(code);
}

// "host:2181" -> "10.0.0.1:2181", "fd00::1:2181": the library wants no brackets. Nothing: the name does not resolve.
std::deque<std::string> resolve(const std::string& server) {
  const std::size_t colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  const std::string port = server.substr(colon + 1);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::deque<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    addresses.push_back(std::string(text) + ":" + port);
  }
  return addresses;
}

}  // namespace

// The library is given one address at a time: with several it tries them in a loop without rest while none answers,
// hundreds of connections a second (3.8.0). Nothing of ours lives in a session, so a new one elsewhere is as good.
struct Client::Session {
  Url url;
  milliseconds timeout;
  std::function<void()> on_event;
  std::mutex mutex;
  std::condition_variable_any changed;
  int state = 0;  // guarded by mutex; the last session state that the library told
  zhandle_t* handle = nullptr;
  std::deque<std::string> addresses;  // of the present server, still to be tried
  std::size_t next_server = 0;
  Clock::time_point give_up{};  // on the present address, while it has not answered
  milliseconds patience = kFirstPatience;

  ~Session() { close(); }

  static void watcher(zhandle_t*, int type, int state, const char*, void* context) {
    static_cast<Session*>(context)->event(type, state);
  }

  void event(int type, int new_state) {
    if (type == ZOO_SESSION_EVENT) {
      const std::lock_guard lock(mutex);
      state = new_state;
      changed.notify_all();
    }
    on_event();
  }

  int current() {
    const std::lock_guard lock(mutex);
    return state;
  }

  static bool connected(int state) { return state == ZOO_CONNECTED_STATE || state == ZOO_READONLY_STATE; }
  static bool dead(int state) { return state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE; }

  // Whether it is time for another address: nothing is open, or what was open is lost.
  bool must_move() {
    const int now = current();
    return handle == nullptr || dead(now) || (!connected(now) && Clock::now() >= give_up);
  }

  void close() {
    if (handle == nullptr) return;
    zookeeper_close(handle);  // joins the library's threads: no callback runs after this
    handle = nullptr;
  }

  Error error(std::string what) const { return {Fault::Retry, "ZooKeeper at " + url.hosts() + ": " + std::move(what)}; }

  Result<std::string> next_address() {
    for (std::size_t i = 0; addresses.empty() && i < url.servers.size(); ++i) {
      addresses = resolve(url.servers[next_server]);
      next_server = (next_server + 1) % url.servers.size();
      if (next_server == 0 && handle != nullptr) patience = std::min(patience * 2, timeout);
    }
    if (addresses.empty()) return tl::unexpected(error("no name of a server resolves"));
    std::string next = std::move(addresses.front());
    addresses.pop_front();
    return next;
  }

  Result<void> open() {
    const Result<std::string> address = next_address();
    if (!address) return tl::unexpected(address.error());
    close();
    state = 0;
    give_up = Clock::now() + patience;
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // else it writes to stderr
    handle = zookeeper_init(address->c_str(), &watcher, static_cast<int>(timeout.count()), nullptr, this, 0);
    if (handle == nullptr) return tl::unexpected(error("cannot open " + *address + ": " + std::strerror(errno)));
    if (!url.credentials.empty()) {
      zoo_add_auth(handle, "digest", url.credentials.data(), static_cast<int>(url.credentials.size()), nullptr,
                   nullptr);
    }
    return {};
  }

  Result<void> await(const PendingPtr& pending, milliseconds limit, std::stop_token stop) const {
    std::unique_lock lock(pending->mutex);
    if (pending->done.wait_for(lock, stop, limit, [&] { return pending->finished; })) return {};
    return tl::unexpected(error(stop.stop_requested() ? "stopped" : "no answer"));
  }

  Error refused(const std::string& path, int code) const {
    if (code == ZNOAUTH) return error(path + " may not be read with these credentials");
    return error(path + ": " + zerror(code));
  }
};

Client::Client(Url url, milliseconds session_timeout, std::function<void()> on_event)
    : session_(std::make_unique<Session>()) {
  session_->url = std::move(url);
  std::shuffle(session_->url.servers.begin(), session_->url.servers.end(), std::minstd_rand(std::random_device{}()));
  session_->timeout = session_timeout;
  session_->on_event = std::move(on_event);
}

Client::~Client() = default;

Result<void> Client::connect(milliseconds limit, std::stop_token stop) {
  Session& session = *session_;
  const Clock::time_point deadline = Clock::now() + limit;
  for (;;) {
    if (session.must_move()) {
      if (Result<void> opened = session.open(); !opened) return opened;
    }
    std::unique_lock lock(session.mutex);
    session.changed.wait_until(lock, stop, std::min(deadline, session.give_up),
                               [&] { return Session::connected(session.state) || Session::dead(session.state); });
    if (Session::connected(session.state)) {
      session.patience = kFirstPatience;
      session.give_up = {};  // once it is lost, the next address is tried at once
      return {};
    }
    if (stop.stop_requested()) return tl::unexpected(session.error("stopped"));
    if (session.state == ZOO_AUTH_FAILED_STATE) return tl::unexpected(session.error("credentials refused"));
    if (Clock::now() >= deadline) return tl::unexpected(session.error("cannot connect"));
  }
}

Result<std::optional<std::vector<std::string>>> Client::children(const std::string& path, milliseconds limit,
                                                                 std::stop_token stop) {
  if (Result<void> connected = connect(limit, stop); !connected) return tl::unexpected(connected.error());
  const auto pending = std::make_shared<Pending>();
  auto context = std::make_unique<PendingPtr>(pending);
  pass_over();
  const int sent = zoo_aget_children(session_->handle, path.c_str(), 1, &on_children, context.get());
  if (sent != ZOK) return tl::unexpected(session_->refused(path, sent));
  (void)context.release();  // NOLINT(bugprone-unused-return-value): on_children frees it
  if (Result<void> done = session_->await(pending, limit, stop); !done) return tl::unexpected(done.error());
  if (pending->code == ZNONODE) return std::nullopt;
  if (pending->code != ZOK) return tl::unexpected(session_->refused(path, pending->code));
  return std::move(pending->names);
}

Result<std::optional<std::string>> Client::get(const std::string& path, milliseconds limit, std::stop_token stop) {
  if (Result<void> connected = connect(limit, stop); !connected) return tl::unexpected(connected.error());
  const auto pending = std::make_shared<Pending>();
  auto context = std::make_unique<PendingPtr>(pending);
  pass_over();
  const int sent = zoo_aget(session_->handle, path.c_str(), 0, &on_data, context.get());
  if (sent != ZOK) return tl::unexpected(session_->refused(path, sent));
  (void)context.release();  // NOLINT(bugprone-unused-return-value): on_data frees it
  if (Result<void> done = session_->await(pending, limit, stop); !done) return tl::unexpected(done.error());
  if (pending->code == ZNONODE) return std::nullopt;
  if (pending->code != ZOK) return tl::unexpected(session_->refused(path, pending->code));
  return std::move(pending->data);
}

}  // namespace muster::zk
