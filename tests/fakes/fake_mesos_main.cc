// muster-fake-mesos: a Mesos master for the demo, whose tasks are real little HTTP servers.
//   --listen=127.0.0.1:5050  --control=127.0.0.1:5055  [--zk=127.0.0.1:2181/mesos]  [--serve-tasks]
// POST /control/agent?ip=&hostname=[&port=]   POST /control/start?id=&agent=&ports=31000,31001[&name=&framework=&tags=&
// label.KEY=VALUE&port_name=]   POST /control/move?id=&agent=   POST /control/state?id=&state=   POST /control/kill?id=
// POST /control/sick?id=&sick=true|false: its server answers 503, and the master knows nothing of it
// POST /control/failover   POST /control/back?ip=   GET /control/state
// Prints one line when it is ready; ends at SIGTERM or SIGINT, or when its parent ends.
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/fake_mesos.h"
#include "support/zookeeper.h"

namespace {

using muster::fakes::FakeMesos;
using muster::fakes::HttpReply;
using muster::fakes::HttpRequest;
using muster::fakes::HttpServer;
using muster::fakes::MesosCluster;
using muster::fakes::MesosTask;

HttpReply reply(int status, std::string body) {
  HttpReply out;
  out.status = status;
  out.body = std::move(body) + "\n";
  return out;
}

std::string value(const HttpRequest& request, const std::string& key, std::string fallback = "") {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::move(fallback) : found->second;
}

std::vector<int> numbers(std::string_view text) {
  std::vector<int> out;
  while (!text.empty()) {
    int number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status != std::errc{}) break;
    out.push_back(number);
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return out;
}

MesosTask task_of(const HttpRequest& request) {
  MesosTask task;
  task.id = value(request, "id");
  const std::size_t dot = task.id.find('.');
  task.name = value(request, "name", task.id.substr(0, dot));
  task.agent = value(request, "agent");
  task.framework = value(request, "framework", "marathon");
  task.ports = numbers(value(request, "ports"));
  if (const std::string tags = value(request, "tags"); !tags.empty()) task.labels.emplace_back("tags", tags);
  for (const auto& [key, text] : request.query) {
    if (key.starts_with("label.")) task.labels.emplace_back(key.substr(6), text);
  }
  if (const std::string name = value(request, "port_name"); !name.empty() && !task.ports.empty()) {
    task.discovery = {{task.ports.front(), name, "tcp", {}}};
  }
  return task;
}

class Demo {
 public:
  Demo(const std::string& listen, bool serve_tasks) : mesos_(listen), serve_(serve_tasks) {}

  FakeMesos& mesos() { return mesos_; }

  HttpReply control(const HttpRequest& request) {
    const std::string verb = request.path.substr(request.path.rfind('/') + 1);
    const std::string id = value(request, "id");
    if (verb == "state" && request.method == "GET") return reply(200, mesos_.info());
    if (verb == "agent") {
      mesos_.add_agent(value(request, "ip"), value(request, "hostname"),
                       std::atoi(value(request, "port", "5051").c_str()));
    } else if (verb == "start") {
      if (id.empty() || value(request, "agent").empty()) return reply(400, "id and agent are needed");
      mesos_.start(task_of(request));
    } else if (verb == "move") {
      mesos_.move(id, value(request, "agent"));
    } else if (verb == "state") {
      mesos_.set_state(id, value(request, "state"));
    } else if (verb == "kill") {
      mesos_.kill(id);
    } else if (verb == "sick") {
      const std::lock_guard lock(mutex_);
      if (value(request, "sick", "true") == "true") {
        sick_.insert(id);
      } else {
        sick_.erase(id);
      }
    } else if (verb == "failover") {
      mesos_.fail_over();
    } else if (verb == "back") {
      mesos_.come_back(value(request, "ip"));
    } else {
      return reply(404, "unknown: " + request.path);
    }
    serve();
    return reply(200, "ok");
  }

 private:
  HttpReply answer(const std::string& id, const std::string& agent) {
    const std::lock_guard lock(mutex_);
    return sick_.contains(id) ? reply(503, id + " is sick") : reply(200, id + " on " + agent);
  }

  // Every running task listens on its ports at its agent's address, and answers with its id; agents answer too, since
  // their health is checked.
  void serve() {
    if (!serve_) return;
    std::map<std::string, std::vector<std::string>> wanted;  // "id@agent" -> addresses
    mesos_.edit([&](MesosCluster& cluster) {
      for (const auto& agent : cluster.agents) {
        wanted["agent@" + agent.ip] = {agent.ip + ":" + std::to_string(agent.port)};
      }
      for (const MesosTask& task : cluster.tasks) {
        if (task.state != "TASK_RUNNING" || task.ports.empty()) continue;
        for (const int port : task.ports) {
          wanted[task.id + "@" + task.agent].push_back(task.agent + ":" + std::to_string(port));
        }
      }
    });
    std::erase_if(servers_, [&](const auto& each) { return !wanted.contains(each.first); });
    for (const auto& [key, addresses] : wanted) {
      if (servers_.contains(key)) continue;
      const std::string id = key.substr(0, key.rfind('@'));
      const std::string agent = key.substr(key.rfind('@') + 1);
      servers_[key] =
          std::make_unique<HttpServer>(addresses, [this, id, agent](const HttpRequest&) { return answer(id, agent); });
    }
  }

  FakeMesos mesos_;
  bool serve_;
  std::mutex mutex_;
  std::set<std::string> sick_;
  std::map<std::string, std::unique_ptr<HttpServer>> servers_;
};

std::string flag(int argc, char** argv, std::string_view name, std::string fallback) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(name) && argument.size() > name.size() && argument[name.size()] == '=') {
      return std::string(argument.substr(name.size() + 1));
    }
    if (argument == name) return "true";
  }
  return fallback;
}

constexpr char kUsage[] =
    "usage: muster-fake-mesos [--listen=127.0.0.1:5050] [--control=127.0.0.1:5055] [--zk=HOST:PORT/PATH] "
    "[--serve-tasks]\n"
    "A Mesos master whose cluster is changed by POSTs to the control address:\n"
    "  /control/agent?ip=&hostname=[&port=]   /control/start?id=&agent=&ports=31000,31001[&name=&framework=&tags=&\n"
    "  label.KEY=VALUE&port_name=]   /control/move?id=&agent=   /control/state?id=&state=   /control/kill?id=\n"
    "  /control/sick?id=&sick=true|false   /control/failover   /control/back?ip=   and GET /control/state\n";

}  // namespace

int main(int argc, char** argv) {
  if (!flag(argc, argv, "--help", "").empty() || !flag(argc, argv, "-h", "").empty()) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before any thread, so that sigwait below gets them

  Demo demo(flag(argc, argv, "--listen", "127.0.0.1:5050"), !flag(argc, argv, "--serve-tasks", "").empty());
  // Declared after the demo: its last request ends before the demo does.
  HttpServer control({flag(argc, argv, "--control", "127.0.0.1:5055")},
                     [&demo](const HttpRequest& request) { return demo.control(request); });
  std::unique_ptr<muster::support::ZkSession> session;
  if (const std::string zk = flag(argc, argv, "--zk", ""); !zk.empty()) {
    const std::size_t slash = std::min(zk.find('/'), zk.size());
    const std::string path = slash == zk.size() ? "/mesos" : zk.substr(slash);
    session = std::make_unique<muster::support::ZkSession>(zk.substr(0, slash));
    if (session->announce(path + "/json.info_", demo.mesos().info()).empty()) {
      std::fprintf(stderr, "cannot announce the master at ZooKeeper %s\n", zk.c_str());
      return 1;
    }
  }
  std::printf("master %s control %s\n", demo.mesos().url().c_str(), control.url().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
