// A real Nomad, server and client in one, on loopback ports of its own, with raw_exec. It knows no Consul.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "support/folder.h"
#include "support/http.h"
#include "support/process.h"

namespace muster::support {

// Thread: one. Runs from construction to destruction, except between stop and start; its tasks are stopped first. Ends
// the test program with its log when it does not come up within a minute.
class Nomad {
 public:
  explicit Nomad(bool acl = false);
  ~Nomad();
  Nomad(const Nomad&) = delete;
  Nomad& operator=(const Nomad&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string node() const;                            // id of its client node
  const std::string& token() const { return token_; }  // management; empty without ACLs

  // JSON of a 200, else null; as the management token.
  nlohmann::json get(const std::string& path) const;
  HttpAnswer call(const std::string& method, const std::string& path, const nlohmann::json& body = nullptr) const;
  Finished run(std::vector<std::string> arguments) const;  // the nomad program itself
  void run_job(const std::string& hcl) const;              // aborts when it is refused
  // Ids of the job's allocations that run.
  std::vector<std::string> running(const std::string& job) const;

  void stop();  // SIGKILL; tasks go on, data stays
  void start();
  std::string log() const;

 private:
  bool ready() const;

  Folder folder_;
  int port_;
  std::string token_;
  std::unique_ptr<Process> process_;
};

// Why these cannot run here; empty when they can.
std::string no_nomad();

}  // namespace muster::support
