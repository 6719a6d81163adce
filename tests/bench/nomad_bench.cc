// What a big Nomad cluster costs a central muster: the real binary between a simulated Nomad and simulated agents.
//
//   nomad_bench [--allocations=N] [--nodes=N] [--sweeps=N] [FLAG OF MUSTER ...]
//
// Counts are exact and end the program with 1 when they are wrong.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/usage.h"
#include "fakes/fake_nomad.h"
#include "fakes/fleet.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::bench {
namespace {

using support::eventually;

constexpr std::chrono::seconds kDeadline{600};
constexpr double kAim = 493;  // bytes of anonymous memory an allocation: 24 MB for 51,000 tasks of Mesos

struct Size {
  std::size_t allocations = 50000;
  std::size_t nodes = 1000;
  std::size_t sweeps = 5;
  std::vector<std::string> flags;
};

struct World {
  explicit World(const Size& size) : port(support::free_port()), consul(fakes::fleet_addresses(size.nodes, port)) {
    std::vector<std::string> nodes;
    nomad.quiet(true);
    for (std::size_t i = 0; i < size.nodes; ++i) {
      nodes.push_back(nomad.add_node({.id = "", .name = "node-" + std::to_string(i), .address = fakes::fleet_host(i)}));
    }
    for (std::size_t i = 0; i < size.allocations; ++i) {
      const std::string name = "shop-web-" + std::to_string(i % 400);
      nomad.start({.id = "",
                   .node = nodes[i % size.nodes],
                   .job = name,
                   .service = name,
                   .port = static_cast<int>(20000 + i % 10000),
                   .tags = {"v1", "blue", "zone-" + std::to_string(i % 3)}});
    }
    nomad.quiet(false);
  }

  const int port;
  fakes::FakeConsul consul;
  fakes::FakeNomad nomad;
};

void wait_for(const support::Muster& muster, const std::function<bool()>& over) {
  if (eventually(kDeadline, over)) return;
  std::fprintf(stderr, "%s\nmuster is not done\n", muster.log().c_str());
  exit(1);
}

void tell(const char* phase, const Usage& before, const Usage& after) {
  std::printf("%-34s %8.3f %8.1f %8.1f\n", phase, after.cpu - before.cpu, after.peak_mb, after.anon_mb);
}

int run(const Size& size) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  World world(size);
  std::printf("%zu allocations on %zu nodes\n%-34s %8s %8s %8s\n", size.allocations, size.nodes, "phase", "CPU s",
              "peak MB", "anon MB");
  std::vector<std::string> flags{"--nomad-scope=cluster", "--nomad-address=" + world.nomad.url(),
                                 "--nomad-cluster=bench", "--consul-port=" + std::to_string(world.port),
                                 "--audit-interval=24h",  "--watch-agents=0",
                                 "--nomad-sweep=1s"};
  flags.insert(flags.end(), size.flags.begin(), size.flags.end());
  support::Muster muster(flags);
  const pid_t pid = muster.process().pid();
  const Usage start = usage_of(pid);
  const std::size_t services = size.allocations + size.nodes;  // and the canaries
  wait_for(muster, [&] { return world.consul.total().registers >= services; });
  const Usage first = usage_of(pid);
  tell("a converge from empty", start, first);
  const auto lists = [&] { return world.nomad.requests("/v1/nodes"); };
  const auto settled = lists() + 2;
  wait_for(muster, [&] { return lists() >= settled; });
  world.consul.reset_counts();
  const Usage before = usage_of(pid);
  const auto last = lists() + size.sweeps;
  wait_for(muster, [&] { return lists() >= last; });
  const Usage idle = usage_of(pid);
  tell("b sweeps without a change", before, idle);
  const double each = idle.anon_mb * 1024 * 1024 / static_cast<double>(size.allocations);
  std::printf("%.0f bytes an allocation%s\n", each, each > kAim ? ": MISSES its aim of 493" : "");
  const auto counts = world.consul.total();
  if (counts.reads + counts.writes() != 0) std::printf("WRONG: sweeps without a change sent requests\n");
  return counts.reads + counts.writes() == 0 ? 0 : 1;
}

Size parse(int argc, char** argv) {
  Size size;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const auto number = [&](std::string_view name, std::size_t& into) {
      if (!argument.starts_with(name)) return false;
      into = std::max<std::size_t>(strtoul(argv[i] + name.size(), nullptr, 10), 1);
      return true;
    };
    const bool taken = number("--allocations=", size.allocations) || number("--nodes=", size.nodes) ||
                       number("--sweeps=", size.sweeps);
    if (!taken) size.flags.emplace_back(argument);
  }
  return size;
}

}  // namespace
}  // namespace muster::bench

int main(int argc, char** argv) { return muster::bench::run(muster::bench::parse(argc, argv)); }
