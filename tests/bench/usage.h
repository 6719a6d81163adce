// What a process has used, as the kernel counts it.
#pragma once

#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace muster::bench {

struct Usage {
  double cpu = 0;      // seconds, user and system, of all its threads
  double peak_mb = 0;  // VmHWM
  double anon_mb = 0;  // RssAnon: without the pages of files
};

inline double status_mb(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

inline Usage usage_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
  return {static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9, status_mb(pid, "VmHWM"),
          status_mb(pid, "RssAnon")};
}

}  // namespace muster::bench
