// How long a change takes: from the master's event to the service on a real Consul agent, against what that agent needs
// for one PUT of its own in the same run. The real binary in stream mode, between a simulated master that knows many
// tasks, simulated agents for most of them, and one real agent (with a real server) where the changes are.
//
//   latency_bench [--tasks=N] [--agents=N] [--changes=N] [--here=N]
//
// `here`: services that the real agent holds all the time. Ends with 1 when a change is not seen at all; times are
// printed against the aim (p99 under three PUTs), since they mean something on an idle machine only.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/phases.h"
#include "fakes/fleet.h"
#include "net/http.h"
#include "support/consul.h"
#include "support/muster.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using support::eventually;
using Clock = std::chrono::steady_clock;

constexpr char kHere[] = "127.0.0.2";  // the real agent's host
constexpr seconds kDeadline{120};

struct Size {
  std::size_t tasks = 10000;
  std::size_t agents = 100;
  std::size_t changes = 300;
  std::size_t here = 20;
};

double ms(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

fakes::MesosTask make_task(const std::string& id, const std::string& host, std::size_t number) {
  fakes::MesosTask task;
  task.id = id;
  task.name = "shop-web-" + std::to_string(number % 400);
  task.agent = host;
  task.ports = {static_cast<int>(31000 + number % 20000)};
  task.labels = {{"tags", "v1,blue"}, {"check_http", "http://{host}:{port}/health"}, {"check_interval", "30s"}};
  return task;
}

class Bench {
 public:
  explicit Bench(Size size)
      : size_(size),
        port_(support::free_port()),
        server_({.address = "127.0.0.1", .http_port = port_}),
        agent_(server_, {.address = kHere, .http_port = port_}),
        fakes_(fakes::fleet_addresses(size.agents, port_)),
        client_({}) {
    for (std::size_t i = 0; i < size.agents; ++i) mesos_.add_agent(fakes::fleet_host(i), "node-" + std::to_string(i));
    mesos_.add_agent(kHere, "here");
    mesos_.edit([&](fakes::MesosCluster& cluster) {
      for (std::size_t i = 0; i < size.tasks; ++i) {
        cluster.tasks.push_back(make_task("far." + std::to_string(i), fakes::fleet_host(i % size.agents), i));
      }
      for (std::size_t i = 0; i < size.here; ++i) {
        cluster.tasks.push_back(make_task("near." + std::to_string(i), kHere, i));
      }
    });
  }

  int run() {
    measure_puts();
    std::vector<double> starts;
    std::vector<double> ends;
    {
      support::Muster muster({"--mesos-master=" + mesos_.url(), "--consul-port=" + std::to_string(port_),
                              "--mesos-api=stream", "--refresh=1h", "--audit-interval=1h", "--log-level=warn"});
      if (!eventually(kDeadline, [&] { return all_registered(muster); })) return give_up("not all was registered");
      if (!eventually(kDeadline, [&] { return mesos_.subscribers() == 1; })) return give_up("no stream came up");
      std::this_thread::sleep_for(seconds(3));  // for the read after it, and for the watches to settle
      for (std::size_t i = 0; i < size_.changes; ++i) {
        const std::string id = "new." + std::to_string(i);
        const fakes::MesosTask task = make_task(id, kHere, size_.here + i);
        const std::string service = "muster:" + id + ":" + std::to_string(task.ports[0]);
        const auto started = seen([&] { mesos_.start(task); }, service, true);
        const auto ended = seen([&] { mesos_.kill(id); }, service, false);
        if (!started || !ended) return give_up("a change was not seen: " + service + "\n" + muster.log());
        starts.push_back(*started);
        ends.push_back(*ended);
      }
    }
    measure_puts();
    print("Consul's own PUT", puts_, puts_);
    print("and PUT that deregisters", removals_, puts_);
    print("TASK_RUNNING to registered", starts, puts_);
    print("TASK_KILLED to deregistered", ends, puts_);
    return 0;
  }

 private:
  static int give_up(const std::string& why) {
    std::printf("FAILED: %s\n", why.c_str());
    return 1;
  }

  bool all_registered(const support::Muster& muster) const {
    const double instances = muster.metric("muster_source_instances").value_or(0);
    const nlohmann::json here = agent_.get("/v1/agent/services");
    std::size_t far = 0;
    for (std::size_t i = 0; i < size_.agents; ++i) far += fakes_.ids(i).size();
    return instances >= static_cast<double>(size_.tasks) && here.size() >= size_.here && far >= size_.tasks;
  }

  int ask(const std::string& method, const std::string& path, std::string body = "") {
    net::Request request;
    request.method = method;
    request.base = agent_.url();
    request.path = path;
    request.body = std::move(body);
    const auto answer = client_.send(request, {});
    return answer ? answer->status : 0;
  }

  // Milliseconds until the agent has the service, or has it no more. The question costs the agent 0.1 ms or so.
  std::optional<double> seen(const std::function<void()>& change, const std::string& service, bool there) {
    std::this_thread::sleep_for(milliseconds(20));
    const Clock::time_point from = Clock::now();
    change();
    while (Clock::now() - from < seconds(30)) {
      if (ask("GET", "/v1/agent/service/" + service) == (there ? 200 : 404)) return ms(Clock::now() - from);
      std::this_thread::sleep_for(microseconds(300));
    }
    return std::nullopt;
  }

  // As muster would send it, of a service that is nobody's, while muster does not run.
  void measure_puts() {
    for (std::size_t i = 0; i < size_.changes; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
      const std::string id = "put-" + std::to_string(i);
      const nlohmann::json body = {
          {"ID", id},
          {"Name", "shop-web"},
          {"Port", 31000},
          {"Address", kHere},
          {"Tags", {"v1", "blue"}},
          {"Meta", {{"owner", "bench"}, {"task", id}, {"hash", "0123456789abcdef"}}},
          {"Checks", {{{"CheckID", "http:" + id}, {"HTTP", "http://127.0.0.2:31000/health"}, {"Interval", "30s"}}}}};
      Clock::time_point from = Clock::now();
      if (ask("PUT", "/v1/agent/service/register", body.dump()) != 200) continue;
      puts_.push_back(ms(Clock::now() - from));
      std::this_thread::sleep_for(milliseconds(20));
      from = Clock::now();
      ask("PUT", "/v1/agent/service/deregister/" + id);
      removals_.push_back(ms(Clock::now() - from));
    }
  }

  static void print(const char* what, const std::vector<double>& times, const std::vector<double>& puts) {
    const double p50 = percentile(times, 0.5);
    const double p99 = percentile(times, 0.99);
    std::printf("%-28s p50 %7.2f ms = %4.1f PUTs   p99 %7.2f ms = %4.1f PUTs (aim: p99 < 3.0)   n=%zu\n", what, p50,
                p50 / percentile(puts, 0.5), p99, p99 / percentile(puts, 0.99), times.size());
  }

  const Size size_;
  const int port_;
  support::ConsulServer server_;
  support::ConsulClient agent_;
  fakes::FakeConsul fakes_;
  fakes::FakeMesos mesos_;
  net::HttpClient client_;
  std::vector<double> puts_;      // milliseconds
  std::vector<double> removals_;  // the same
};

}  // namespace
}  // namespace muster::bench

int main(int argc, char** argv) {
  if (const std::string why = muster::support::no_consul(); !why.empty()) {
    std::printf("skipped: %s\n", why.c_str());
    return 0;
  }
  muster::net::global_init();
  muster::bench::Size size;
  muster::bench::take_numbers(
      argc, argv, {{"tasks", &size.tasks}, {"agents", &size.agents}, {"changes", &size.changes}, {"here", &size.here}});
  std::printf("%zu tasks on %zu simulated agents, %zu on the real one, %zu changes\n", size.tasks, size.agents,
              size.here, size.changes);
  return muster::bench::Bench(size).run();
}
