// A real Consul agent on a loopback address, with a folder and ports of its own. One server is a whole cluster; any
// number of clients join it. Every call that fails to reach its end aborts the test program and shows Consul's log.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "support/folder.h"
#include "support/http.h"
#include "support/process.h"

namespace muster::support {

// Consul's management token where ACLs are on.
inline constexpr char kBootstrapToken[] = "5b1d1e8c-4c0e-4f6b-9d57-2f6c3b0a7e11";

struct ConsulOptions {
  std::string address = "127.0.0.1";
  int http_port = 0;   // 0: a free one. All agents of a Mesos cluster answer on one port: give clients the same
  std::string node{};  // node name; empty: "node-127-0-0-1"
  bool acl = false;    // server only: ACLs on, default deny; clients follow their server
  nlohmann::json extra = nlohmann::json::object();  // merged into the agent's configuration
};

// Thread: one. An agent runs from construction to destruction, except between stop, kill or freeze and their opposites.
class ConsulAgent {
 public:
  virtual ~ConsulAgent() = default;
  ConsulAgent(const ConsulAgent&) = delete;
  ConsulAgent& operator=(const ConsulAgent&) = delete;

  const std::string& address() const { return options_.address; }
  const std::string& node() const { return options_.node; }
  int http_port() const { return options_.http_port; }
  int dns_port() const { return dns_port_; }
  std::string url() const;  // "http://127.0.0.1:18500"
  bool acl() const { return options_.acl; }

  // JSON of a 200; null when the answer was anything else, or "null". With ACLs on, as the management token.
  nlohmann::json get(const std::string& path) const;
  // The status; body may be null.
  int put(const std::string& path, const nlohmann::json& body = nullptr) const;
  HttpAnswer call(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& token = "") const;

  void stop();           // SIGTERM: a client leaves the cluster
  void crash();          // SIGKILL: the data stays
  void start();          // again, with whatever data there is; returns when ready
  void start_unready();  // the same, without waiting
  // Forgets its data; only while it does not run. With a new node id the server refuses the name until it has seen the
  // old node fail: wait for that first (some 5 s after a crash).
  void wipe(bool new_node_id = false);
  void freeze();  // SIGSTOP
  void thaw();
  bool ready() const;  // knows a leader and stands in the catalog
  std::string log() const;

 protected:
  ConsulAgent(ConsulOptions options, nlohmann::json role);

 private:
  void write_config();

  ConsulOptions options_;
  nlohmann::json role_;
  std::string node_id_;
  Folder folder_;
  int dns_port_;
  std::unique_ptr<Process> process_;

 protected:
  int serf_port_;
};

class ConsulServer : public ConsulAgent {
 public:
  explicit ConsulServer(const ConsulOptions& options = {});
  std::string join_address() const;  // "127.0.0.1:18301"

  // With ACLs on: makes a policy of these rules (HCL) and a token that holds it; returns the secret.
  std::string create_token(const std::string& name, const std::string& rules) const;
};

class ConsulClient : public ConsulAgent {
 public:
  ConsulClient(const ConsulServer& server, ConsulOptions options);
};

// Why the tests of this file's classes cannot run here; empty when they can. `if (auto why = no_consul(); ...) SKIP`.
std::string no_consul();

}  // namespace muster::support
