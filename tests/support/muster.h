// The real binary, as an operator runs it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace muster::support {

// Thread: one. Runs from construction; killed by the destructor. Listens on a free port of 127.0.0.1 unless the
// arguments hold a --listen of their own.
class Muster {
 public:
  explicit Muster(std::vector<std::string> arguments, std::map<std::string, std::string> env = {});

  // Started some other way, with --listen=127.0.0.1:`port` among its arguments.
  Muster(const ProcessOptions& command, int port) : port_(port), process_(command) {}

  Process& process() { return process_; }
  std::string log() const { return process_.err(); }
  int port() const { return port_; }

  std::string metrics() const;  // empty while it does not answer
  // The sum of the samples of this name whose labels contain all of `labels` ('source="mesos"'); nothing if there is
  // none.
  std::optional<double> metric(const std::string& name, const std::vector<std::string>& labels = {}) const;
  int ready() const;   // status of /ready; 0: no answer
  int health() const;  // status of /health
  // SIGTERM; the exit code, or nothing when it still runs after `deadline` (then it is killed).
  std::optional<int> stop(std::chrono::milliseconds deadline = std::chrono::seconds(5));

 private:
  int port_;
  Process process_;
};

// Runs it to its end: --once, --help, usage errors.
Finished run_muster(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& env = {});

}  // namespace muster::support
