#include "zk/client.h"

#include <zookeeper/zookeeper.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

namespace muster::zk {
namespace {

using std::chrono::milliseconds;

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

void on_children(int code, const String_vector* names, const void* context) {
  const std::unique_ptr<const PendingPtr> pending(static_cast<const PendingPtr*>(context));
  if (code == ZOK && names != nullptr) {
    const std::lock_guard lock((*pending)->mutex);
    for (int i = 0; i < names->count; ++i) (*pending)->names.emplace_back(names->data[i]);
  }
  (*pending)->finish(code);
}

void on_data(int code, const char* data, int size, const Stat*, const void* context) {
  const std::unique_ptr<const PendingPtr> pending(static_cast<const PendingPtr*>(context));
  if (code == ZOK && data != nullptr && size > 0) {
    const std::lock_guard lock((*pending)->mutex);
    (*pending)->data.assign(data, static_cast<std::size_t>(size));
  }
  (*pending)->finish(code);
}

}  // namespace

struct Client::Session {
  Url url;
  milliseconds timeout;
  std::function<void()> on_event;
  std::mutex mutex;
  std::condition_variable_any changed;
  int state = 0;  // guarded by mutex; the last session state that the library told
  zhandle_t* handle = nullptr;

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

  bool dead() {
    const int now = current();
    return now == ZOO_EXPIRED_SESSION_STATE || now == ZOO_AUTH_FAILED_STATE;
  }

  void close() {
    if (handle == nullptr) return;
    zookeeper_close(handle);  // joins the library's threads: no callback runs after this
    handle = nullptr;
  }

  Error error(std::string what) const { return {Fault::Retry, "ZooKeeper at " + url.hosts() + ": " + std::move(what)}; }

  Result<void> open() {
    close();
    state = 0;
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // else it writes to stderr
    handle = zookeeper_init(url.hosts().c_str(), &watcher, static_cast<int>(timeout.count()), nullptr, this, 0);
    if (handle == nullptr) return tl::unexpected(error(std::string("cannot start a session: ") + std::strerror(errno)));
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
  session_->timeout = session_timeout;
  session_->on_event = std::move(on_event);
}

Client::~Client() = default;

Result<void> Client::connect(milliseconds limit, std::stop_token stop) {
  Session& session = *session_;
  if (session.handle == nullptr || session.dead()) {
    if (Result<void> opened = session.open(); !opened) return opened;
  }
  std::unique_lock lock(session.mutex);
  const auto settled = [&] {
    return session.state == ZOO_CONNECTED_STATE || session.state == ZOO_READONLY_STATE ||
           session.state == ZOO_EXPIRED_SESSION_STATE || session.state == ZOO_AUTH_FAILED_STATE;
  };
  if (!session.changed.wait_for(lock, stop, limit, settled)) {
    return tl::unexpected(session.error(stop.stop_requested() ? "stopped" : "cannot connect"));
  }
  if (session.state == ZOO_AUTH_FAILED_STATE) return tl::unexpected(session.error("credentials refused"));
  if (session.state == ZOO_EXPIRED_SESSION_STATE) return tl::unexpected(session.error("session expired"));
  return {};
}

Result<std::optional<std::vector<std::string>>> Client::children(const std::string& path, milliseconds limit,
                                                                 std::stop_token stop) {
  if (Result<void> connected = connect(limit, stop); !connected) return tl::unexpected(connected.error());
  const auto pending = std::make_shared<Pending>();
  auto context = std::make_unique<PendingPtr>(pending);
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
  const int sent = zoo_aget(session_->handle, path.c_str(), 0, &on_data, context.get());
  if (sent != ZOK) return tl::unexpected(session_->refused(path, sent));
  (void)context.release();  // NOLINT(bugprone-unused-return-value): on_data frees it
  if (Result<void> done = session_->await(pending, limit, stop); !done) return tl::unexpected(done.error());
  if (pending->code == ZNONODE) return std::nullopt;
  if (pending->code != ZOK) return tl::unexpected(session_->refused(path, pending->code));
  return std::move(pending->data);
}

}  // namespace muster::zk
