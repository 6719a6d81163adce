// A child process that cannot outlive the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace muster::support {

struct ProcessOptions {
  std::vector<std::string> argv;             // argv[0] is looked up in PATH
  std::map<std::string, std::string> env{};  // on top of this process's own; an empty value removes the variable
  std::string folder{};                      // working folder; empty: this process's own
};

// Thread: one. The child leads a process group of its own, inherits nothing but its three standard files, and dies with
// the thread that started it (PR_SET_PDEATHSIG); its group is killed by the destructor.
class Process {
 public:
  // Starts it. A program that cannot be run ends with exit code 127 and says why on its stderr.
  explicit Process(const ProcessOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // The exit code, or 128 + the signal that ended it; nothing when it still runs at the deadline.
  std::optional<int> wait(std::chrono::milliseconds deadline);
  // To the process alone; ignored once it has ended.
  void signal(int number);
  // SIGKILL to its whole group, and waits for its end.
  void kill();

  // Everything written so far.
  std::string out() const;
  std::string err() const;

 private:
  bool reap(int flags);

  pid_t pid_ = -1;
  std::optional<int> code_;
  int out_ = -1;
  int err_ = -1;
};

struct Finished {
  int code = -1;  // -1: killed at the deadline
  std::string out;
  std::string err;
};

// Runs to the end.
Finished run(const ProcessOptions& options, std::chrono::milliseconds deadline = std::chrono::seconds(30));

// Where a real program is: the variable MUSTER_TEST_<NAME>, then PATH, then <repository>/.cache/<name>/<name>
// (scripts/setup). Empty when it is nowhere, and then says so on stderr. MUSTER_REQUIRE_ALL (set by scripts/test) makes
// that an abort, so that a missing part never passes for a passed test.
std::string find_program(const std::string& name);

}  // namespace muster::support
