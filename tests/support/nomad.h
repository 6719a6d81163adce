// A real Nomad, server and client, on loopback ports of its own, with raw_exec. It knows no Consul.
#pragma once

#include <sys/types.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/folder.h"
#include "support/http.h"
#include "support/process.h"

namespace muster::support {

struct NomadOptions {
  bool acl = false;
  bool tls = false;    // every port; who comes must show a certificate
  bool apart = false;  // the server and the client are two processes; a client is lost after 3 to 5 seconds of silence
  std::string region = "global";
};

// Thread: one. Runs from construction to destruction, except between stop and start; its tasks are stopped first, and
// nothing of it is left: no process, no mount, no file. Ends the test program with its log when it does not come up
// within a minute.
class Nomad {
 public:
  explicit Nomad(const NomadOptions& options = {});
  ~Nomad();
  Nomad(const Nomad&) = delete;
  Nomad& operator=(const Nomad&) = delete;

  std::string url() const { return url_of(port_); }  // of the server
  std::string client_url() const { return url_of(client_port_); }
  std::string node() const;                                                   // id of its client node
  const std::string& token() const { return token_; }                         // management; empty without ACLs
  std::string file(const std::string& name) const { return folder_ / name; }  // ca.pem, cert.pem, key.pem with TLS

  // JSON of a 200, else null; as the management token, from the server.
  nlohmann::json get(const std::string& path) const;
  HttpAnswer call(const std::string& method, const std::string& path, const nlohmann::json& body = nullptr) const;
  Finished run(std::vector<std::string> arguments) const;  // the nomad program itself
  void run_job(const std::string& hcl) const;              // aborts when it is refused
  // Ids of the job's allocations that run.
  std::vector<std::string> running(const std::string& job) const;
  // Stops all jobs and waits for the end of every task and the removal of its folder. False: some did not end.
  bool end_tasks() const;
  // Processes of its tasks and plugins.
  std::vector<pid_t> left() const;

  // Makes one federation of the two regions: each answers for the other where a request names it.
  void join(const Nomad& other) const;

  void stop();  // SIGKILL; tasks go on, data stays
  void start();
  // Apart from its server, or from its client.
  void stop_client() { kill(client_); }
  void start_client();
  void stop_server() { kill(server_); }
  void start_server();
  std::string log() const;

 private:
  std::string url_of(int port) const;
  std::string config(bool server, bool client) const;
  HttpAnswer call_secured(const HttpCall& plain) const;
  void make_certificates() const;
  void bootstrap();
  void wait_until_up() const;
  bool ready() const;
  bool ended() const;
  void clear_away() const;
  std::unique_ptr<Process> agent(const std::string& name) const;
  static void kill(std::unique_ptr<Process>& process);

  Folder folder_;
  const NomadOptions options_;
  const int port_, rpc_, serf_, client_port_;
  std::string token_;
  std::unique_ptr<Process> server_, client_;  // no client_: it is in the server's process
};

// Why these cannot run here; empty when they can.
std::string no_nomad();

}  // namespace muster::support
