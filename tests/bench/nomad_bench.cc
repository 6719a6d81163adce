// What a big Nomad cluster costs a central muster: the real binary between a simulated Nomad and simulated agents.
//
//   nomad_bench [--allocations=N] [--nodes=N] [--sweeps=N] [FLAG OF MUSTER ...]
//
// Counts are exact and end the program with 1 when they are wrong.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/phases.h"
#include "fakes/fake_nomad.h"
#include "fakes/fleet.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::bench {
namespace {

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

std::vector<std::string> flags(const World& world, const Size& size) {
  std::vector<std::string> out{"--nomad-scope=cluster", "--nomad-address=" + world.nomad.url(),
                               "--nomad-cluster=bench", "--consul-port=" + std::to_string(world.port),
                               "--audit-interval=24h",  "--watch-agents=0",
                               "--nomad-sweep=1s"};
  out.insert(out.end(), size.flags.begin(), size.flags.end());
  return out;
}

void converge(World& world, const Size& size, Table& table) {
  support::Muster muster(flags(world, size));
  const std::size_t services = size.allocations + size.nodes;  // and the canaries
  const Row row = Phase(world.consul, muster).until([&] { return world.consul.total().registers >= services; });
  table.row("a converge from empty", row, "");
  table.expect("writes", row.counts.writes(), services);
}

// Of a muster that has just been started, as scale_bench measures it for Mesos.
void sweep(World& world, const Size& size, Table& table) {
  const auto sweeps = [&] { return world.nomad.requests("/v1/nodes"); };
  const auto more = [&](std::size_t count) { return [&sweeps, last = sweeps() + count] { return sweeps() >= last; }; };
  support::Muster muster(flags(world, size));
  const Row restart = Phase(world.consul, muster).until([&] { return world.consul.total().reads >= 2 * size.nodes; });
  table.row("  restart: first sweep and audit", restart, "");
  table.expect("writes of a restart", restart.counts.writes(), 0);
  Phase(world.consul, muster).until(more(2));
  const Row idle = Phase(world.consul, muster).until(more(size.sweeps));
  const double each = idle.after.anon_mb * 1024 * 1024 / static_cast<double>(size.allocations);
  table.row("b sweeps without a change", idle, against(each, kAim, "bytes an allocation"));
  table.expect("requests of idle sweeps", idle.counts.reads + idle.counts.writes(), 0);
}

int run(const Size& size) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  World world(size);
  std::printf("%zu allocations on %zu nodes\n", size.allocations, size.nodes);
  Table table;
  converge(world, size, table);
  sweep(world, size, table);
  return table.wrong() ? 1 : 0;
}

Size parse(int argc, char** argv) {
  Size size;
  size.flags =
      take_numbers(argc, argv, {{"allocations", &size.allocations}, {"nodes", &size.nodes}, {"sweeps", &size.sweeps}});
  return size;
}

}  // namespace
}  // namespace muster::bench

int main(int argc, char** argv) { return muster::bench::run(muster::bench::parse(argc, argv)); }
