// A real ZooKeeper of one node, and a session on it that plays a Mesos master.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "support/folder.h"
#include "support/process.h"

namespace muster::support {

// Thread: one. Runs from construction to destruction, except between stop and start. Aborts with its log when it does
// not come up. Sessions time out after 1 to 20 seconds; data survives a restart.
class ZooKeeper {
 public:
  ZooKeeper();

  int port() const { return port_; }
  std::string hosts() const { return "127.0.0.1:" + std::to_string(port_); }
  void stop();  // SIGKILL
  void start();
  void freeze();  // SIGSTOP: connections stay open and answer nothing
  void thaw();
  std::string log() const;

 private:
  bool ready() const;

  Folder folder_;
  int port_;
  std::unique_ptr<Process> process_;
};

// A client session for tests. Calls block and return false on any ZooKeeper error. Paths are absolute; missing parents
// are made. Destruction ends the session, and its ephemeral nodes go at once.
class ZkSession {
 public:
  // `digest`: "user:password", which then owns every node that this session makes; empty: open to the world.
  explicit ZkSession(const std::string& hosts, const std::string& digest = "");
  ~ZkSession();
  ZkSession(const ZkSession&) = delete;
  ZkSession& operator=(const ZkSession&) = delete;

  bool create(const std::string& path, const std::string& data);
  // Ephemeral and sequential, as a Mesos master announces itself: "/mesos/json.info_" -> "/mesos/json.info_0000000001".
  // Returns the name given; empty on failure.
  std::string announce(const std::string& prefix, const std::string& data);
  bool set(const std::string& path, const std::string& data);
  bool remove(const std::string& path);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

// Why these cannot run here; empty when they can.
std::string no_zookeeper();

}  // namespace muster::support
