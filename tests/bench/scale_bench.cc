// How muster scales: the real binary between a simulated Mesos master and simulated Consul agents.
//
//   scale_bench [--tasks=N] [--agents=N] [--passes=N] [--audits=N] [FLAG OF MUSTER ...]
//
// Counts are exact and end the program with 1 when they are wrong; times are held against their aims and printed, since
// they mean something on an idle machine only. CPU is muster's own; the fakes use as much again on the other core.
#include <signal.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/phases.h"
#include "fakes/fleet.h"
#include "net/http.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::bench {
namespace {

using std::chrono::seconds;
using support::eventually;

constexpr seconds kDeadline{600};

struct Size {
  std::size_t tasks = 10000;
  std::size_t agents = 1000;
  std::size_t passes = 20;
  std::size_t audits = 5;
  std::vector<std::string> flags;  // for muster
};

// --- the cluster ---

// About 1.8 kB of /state, as a Marathon application with a proxy's labels has.
fakes::MesosTask make_task(const std::string& id, std::size_t number, std::size_t agents) {
  fakes::MesosTask task;
  task.name = "shop-web-" + std::to_string(number % 400);
  task.id = task.name + "." + id + "-0d9c7c4e-5c31-11ee-9d3b-0242ac110002";
  task.agent = fakes::fleet_host(number % agents);
  task.ports = {static_cast<int>(31000 + number % 1000)};
  task.healthy = true;
  task.labels = {{"tags", "v1,blue,zone-" + std::to_string(number % 3)},
                 {"check_http", "http://{host}:{port}/health"},
                 {"check_interval", "10s"}};
  const std::string vhost = task.name + ".shop.example.com";
  for (const char* key : {"HAPROXY_0_VHOST", "HAPROXY_0_HTTP_BACKEND_REDIRECT", "HAPROXY_0_STICKY", "TRAEFIK_RULE",
                          "TRAEFIK_ENTRYPOINTS", "OWNER_TEAM", "COST_CENTRE", "RELEASE_NOTES"}) {
    task.labels.emplace_back(key, vhost);
  }
  return task;
}

struct World : fakes::Fleet {
  explicit World(const Size& size) : Fleet(size.agents, support::free_port()) {
    mesos.edit([&](fakes::MesosCluster& cluster) {
      for (std::size_t i = 0; i < size.tasks; ++i) {
        cluster.tasks.push_back(make_task(std::to_string(i), i, size.agents));
      }
      for (std::size_t i = 0; i < size.tasks / 2; ++i) {
        cluster.completed.push_back(make_task("old-" + std::to_string(i), i, size.agents));
        cluster.completed.back().state = "TASK_FINISHED";
      }
      document_bytes = render_state(cluster).size();
    });
  }

  std::size_t document_bytes = 0;
};

// A refresh of a day leaves everything to signals. The state is polled: its passes are what is measured.
std::vector<std::string> flags(const World& world, const Size& size, const std::string& refresh) {
  std::vector<std::string> out =
      world.flags({"--refresh=" + refresh, "--mesos-api=poll", "--audit-interval=24h", "--watch-agents=0"});
  out.insert(out.end(), size.flags.begin(), size.flags.end());
  return out;
}

// What one PUT costs a single thread that does nothing else, with the same library to the same fake: how busy the
// machine is. 19 to 24 us on a calm one.
double plain_put_us() {
  constexpr std::size_t kPuts = 3000;
  fakes::FakeConsul agent;
  net::HttpClient client({});
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e3;
  };
  const net::Request request{.method = "PUT",
                             .base = agent.url(),
                             .path = "/v1/agent/service/register",
                             .body = R"({"ID":"web","Name":"web","Meta":{"text":")" + std::string(400, 'x') + "\"}}"};
  const double before = used();
  for (std::size_t i = 0; i < kPuts; ++i) static_cast<void>(client.send(request, {}));
  return (used() - before) / kPuts;
}

// --- the phases ---

void converge_and_audit(World& world, const Size& size, Table& table) {
  const std::size_t services = size.tasks + 2 * size.agents + 1;
  support::Muster muster(flags(world, size, "24h"));
  const Row first = Phase(world.consul, muster).until([&] { return world.consul.total().registers >= services; });
  const auto per = 1e6 * first.cpu() / static_cast<double>(services);
  table.row("a converge from empty", first, against(per, 60, "us a registration"));
  table.expect("registrations", first.counts.registers, services);
  table.expect("other writes", first.counts.writes(), services);

  eventually(seconds(1), [] { return false; });  // the last runs end
  Phase audit(world.consul, muster);
  Row row;
  for (std::size_t i = 1; i <= size.audits; ++i) {
    muster.process().signal(SIGHUP);
    row = audit.until([&] { return world.consul.total().reads >= 2 * size.agents * i; });
  }
  const double each = row.cpu() / static_cast<double>(size.audits * size.agents);
  table.row("c audits of all agents", row, against(1e6 * each, 150, "us an agent"));
  table.expect("GETs of the audits", row.counts.reads, 2 * size.agents * size.audits);
  table.expect("writes of the audits", row.counts.writes(), 0);
}

void idle_and_change(World& world, const Size& size, Table& table) {
  support::Muster muster(flags(world, size, "1s"));
  const Row restart = Phase(world.consul, muster).until([&] { return world.consul.total().reads >= 2 * size.agents; });
  table.row("  restart: first pass and audit", restart, "");
  table.expect("writes of a restart", restart.counts.writes(), 0);

  const auto passes = [&] { return world.mesos.reads(); };
  const auto settled = passes() + 2;
  eventually(kDeadline, [&] { return passes() >= settled; });
  const auto last = passes() + size.passes;
  const Row idle = Phase(world.consul, muster).until([&] { return passes() >= last; });
  const double per = idle.cpu() / static_cast<double>(size.passes);
  const double scale = static_cast<double>(size.tasks) / 10000;  // the aims are those of ten thousand tasks
  table.row("b passes without a change", idle,
            against(per, 0.15 * scale, "s a pass") + "; " + against(idle.after.peak_mb, 48 * scale, "MB"));
  table.expect("requests of idle passes", idle.counts.reads + idle.counts.writes(), 0);

  const std::size_t changes = size.tasks / 100;
  Phase change(world.consul, muster);
  world.mesos.edit([&](fakes::MesosCluster& cluster) {
    for (std::size_t i = 0; i < changes; ++i) cluster.tasks[i * 101 % size.tasks].labels[0].second = "v2,green";
  });
  const Row row = change.until([&] { return world.consul.total().registers >= changes; });
  table.row("d one task of a hundred changes", row, std::to_string(changes) + " differences");
  table.expect("writes for the changes", row.counts.writes(), changes);
  // Each changed task is on an agent of its own: these are read, and no other, and asked whether they leave, since no
  // watch would say so.
  if (changes <= size.agents) table.expect("GETs for the changes", row.counts.reads, 3 * changes);
}

Size parse(int argc, char** argv) {
  Size size;
  size.flags = take_numbers(
      argc, argv,
      {{"tasks", &size.tasks}, {"agents", &size.agents}, {"passes", &size.passes}, {"audits", &size.audits}});
  return size;
}

int run(const Size& size) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  World world(size);
  std::printf("%zu tasks on %zu agents; /state %.1f MB, %.0f bytes a task, %zu completed ones among them\n", size.tasks,
              size.agents, static_cast<double>(world.document_bytes) / 1e6,
              static_cast<double>(world.document_bytes) / static_cast<double>(size.tasks + size.tasks / 2),
              size.tasks / 2);
  std::printf("a plain PUT costs %.0f us of CPU here and now\n", plain_put_us());
  Table table;
  converge_and_audit(world, size, table);
  idle_and_change(world, size, table);
  return table.wrong() ? 1 : 0;
}

}  // namespace
}  // namespace muster::bench

int main(int argc, char** argv) { return muster::bench::run(muster::bench::parse(argc, argv)); }
