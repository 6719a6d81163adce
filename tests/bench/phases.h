// What the benches of whole clusters share: a phase is what happened between two looks at muster and at the simulated
// agents, and a row of the table that is printed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/usage.h"
#include "fakes/fake_consul.h"
#include "support/muster.h"
#include "support/wait.h"

namespace muster::bench {

// Takes "--tasks=N" into what `numbers` has under "tasks", 0 as 1; returns all other arguments.
inline std::vector<std::string> take_numbers(int argc, char** argv,
                                             const std::map<std::string, std::size_t*>& numbers) {
  std::vector<std::string> others;
  for (int i = 1; i < argc; ++i) {
    const std::string argument(argv[i]);
    const std::size_t equals = argument.find('=');
    const bool flag = argument.starts_with("--") && equals != std::string::npos;
    const auto number = numbers.find(flag ? argument.substr(2, equals - 2) : "");
    if (number == numbers.end()) {
      others.push_back(argument);
    } else {
      *number->second = std::max<std::size_t>(strtoul(argument.c_str() + equals + 1, nullptr, 10), 1);
    }
  }
  return others;
}

struct Row {
  double wall = 0;
  Usage before, after;
  fakes::FakeCounts counts;
  double cpu() const { return after.cpu - before.cpu; }
};

// Begins when it is made; counts the agents' requests from then on.
class Phase {
 public:
  Phase(fakes::FakeConsul& consul, support::Muster& muster)
      : consul_(consul), muster_(muster), before_(usage_of(muster.process().pid())) {
    consul_.reset_counts();
  }

  // Waits for its end; without one muster's log is printed, and the program ends with 1.
  Row until(const std::function<bool()>& over) {
    const bool ended =
        support::eventually(std::chrono::minutes(10), [&] { return over() || !muster_.process().running(); });
    if (!ended || !muster_.process().running()) {
      std::fprintf(stderr, "%s\nmuster %s\n", muster_.log().c_str(), ended ? "has ended" : "is not done");
      std::exit(1);
    }
    return {std::chrono::duration<double>(Clock::now() - start_).count(), before_, usage_of(muster_.process().pid()),
            consul_.total()};
  }

 private:
  using Clock = std::chrono::steady_clock;

  fakes::FakeConsul& consul_;
  support::Muster& muster_;
  const Clock::time_point start_ = Clock::now();
  const Usage before_;
};

class Table {
 public:
  Table() {
    std::printf("%-34s %8s %8s %7s %7s %8s %8s  %s\n", "phase", "wall s", "CPU s", "GETs", "PUTs", "peak MB", "anon MB",
                "");
  }

  static void row(const char* phase, const Row& row, const std::string& note) {
    std::printf("%-34s %8.2f %8.3f %7lu %7lu %8.1f %8.1f  %s\n", phase, row.wall, row.cpu(), row.counts.reads,
                row.counts.writes() + row.counts.others, row.after.peak_mb, row.after.anon_mb, note.c_str());
  }
  // Exact: a difference is a defect, whatever the machine does meanwhile.
  void expect(const char* what, std::uint64_t is, std::uint64_t should) {
    if (is == should) return;
    std::printf("WRONG: %s: %lu instead of %lu\n", what, is, should);
    wrong_ = true;
  }
  bool wrong() const { return wrong_; }

 private:
  bool wrong_ = false;
};

inline std::string against(double is, double aim, const char* unit) {
  std::ostringstream out;
  out.precision(3);
  out << is << " " << unit << (is <= aim ? ", aim " : ", MISSES its aim of ") << aim;
  return out.str();
}

}  // namespace muster::bench
