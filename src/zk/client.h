// One ZooKeeper session, made anew when it expires: thin RAII over zookeeper_mt, the only file pair that includes it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/result.h"
#include "zk/url.h"

namespace muster::zk {

// Thread: one thread calls; `on_event` runs on a thread of the library and must only wake someone.
// Every call ends within 100 ms of a fired stop_token, with Fault::Retry "stopped". Errors are Fault::Retry and name
// the servers, never the credentials. The library's own log is off.
class Client {
 public:
  // Opens nothing yet: the first call does. `on_event` is called when a watch fires and when the session is gained,
  // lost or expired; each means that what was read may be old.
  Client(Url url, std::chrono::milliseconds session_timeout, std::function<void()> on_event);
  ~Client();  // tells the server; one that is connected and silent costs the library's 1.5 s
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits for the session, at most `limit`. Starts it when there is none, the old one has expired, or its server has
  // been silent for a while: then at another server. Call it again and again while it fails; each call moves on. Names
  // are resolved here, which blocks.
  Result<void> connect(std::chrono::milliseconds limit, std::stop_token stop);
  // Names of the children, unordered; leaves a watch for their change. No such node: empty optional and no watch, so
  // ask again later. Waits at most `limit`.
  Result<std::optional<std::vector<std::string>>> children(const std::string& path, std::chrono::milliseconds limit,
                                                           std::stop_token stop);
  // Content of a node; empty optional when it has vanished.
  Result<std::optional<std::string>> get(const std::string& path, std::chrono::milliseconds limit,
                                         std::stop_token stop);

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace muster::zk
