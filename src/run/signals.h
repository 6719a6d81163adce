// Unix signals as values.
#pragma once

#include <optional>
#include <stop_token>

namespace muster::run {

// Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 for the process and receives them here. Make it before any thread exists.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next signal's number; nullopt when stopped. Thread: one at a time.
  std::optional<int> wait(std::stop_token stop);

 private:
  int signals_ = -1;
  int wake_ = -1;
};

}  // namespace muster::run
