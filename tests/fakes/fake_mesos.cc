#include "fakes/fake_mesos.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

namespace muster::fakes {
namespace {

constexpr double kTwoHours = 7200;

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

bool wants_state(const std::string& path) {
  return path == "/state" || path == "/master/state" || path == "/state.json" || path == "/master/state.json";
}

void erase_task(std::vector<MesosTask>& tasks, const std::string& id) {
  std::erase_if(tasks, [&](const MesosTask& each) { return each.id == id; });
}

}  // namespace

struct FakeMesos::State {
  std::mutex mutex;
  MesosCluster cluster;
  std::string rendered;  // empty: out of date
  std::function<HttpReply(const HttpRequest&)> instead;
  std::function<bool(const std::string&)> accepts;
  std::uint64_t refusals = 0;
  bool old_path = false;
  std::uint64_t reads = 0;
  std::size_t agents_made = 0;
  std::size_t failovers = 0;
  std::unique_ptr<HttpServer> server;

  bool may_ask(const HttpRequest& request) const {
    const auto shown = request.headers.find("authorization");
    return !accepts || accepts(shown == request.headers.end() ? "" : shown->second);
  }

  // The two realms of a master: its v1 API counts as writing, whatever is asked.
  HttpReply refuse(const HttpRequest& request) {
    ++refusals;
    HttpReply reply;
    reply.status = 401;
    const char* realm = request.path.ends_with("/api/v1") ? "mesos-master-readwrite" : "mesos-master-readonly";
    reply.headers = {"WWW-Authenticate: Basic realm=\"" + std::string(realm) + "\""};
    return reply;
  }

  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    if (request.path == "/master/health" || request.path == "/health") return HttpReply{};
    if (!may_ask(request)) return refuse(request);
    if (!wants_state(request.path)) return HttpReply{404, "404 Not Found.", {}, {}, {}, 0, false};
    ++reads;
    if (instead) return instead(request);
    // Mesos 1.8 took the .json names away; before 0.25 there were no others.
    if (request.path.ends_with(".json") != old_path) return HttpReply{404, "404 Not Found.", {}, {}, {}, 0, false};
    if (rendered.empty()) rendered = render_state(cluster);
    HttpReply reply;
    reply.body = rendered;
    reply.headers = {"Content-Type: application/json"};
    return reply;
  }
};

FakeMesos::FakeMesos(const std::string& address) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.cluster.elected_time = now() - kTwoHours;
  // No request comes before the port is known: nobody knows it either.
  state.server =
      std::make_unique<HttpServer>(std::vector{address}, [&state](const HttpRequest& r) { return state.answer(r); });
  const std::string bound = state.server->address();
  const std::lock_guard lock(state.mutex);
  state.cluster.master_ip = bound.substr(0, bound.rfind(':'));
  state.cluster.hostname = state.cluster.master_ip;
  state.cluster.master_port = std::stoi(bound.substr(bound.rfind(':') + 1));
}

FakeMesos::~FakeMesos() { state_->server.reset(); }

std::string FakeMesos::url() const { return state_->server->url(); }

std::string FakeMesos::info() const {
  const std::lock_guard lock(state_->mutex);
  return render_master_info(state_->cluster);
}

HttpServer& FakeMesos::server() { return *state_->server; }

std::uint64_t FakeMesos::reads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reads;
}

void FakeMesos::edit(const std::function<void(MesosCluster&)>& change) {
  const std::lock_guard lock(state_->mutex);
  change(state_->cluster);
  state_->rendered.clear();
}

void FakeMesos::add_agent(const std::string& ip, const std::string& hostname, int port) {
  edit([&](MesosCluster& cluster) {
    MesosAgent agent;
    agent.id = "b5eac2c5-609b-4ca1-a352-61941702fc9e-S" + std::to_string(state_->agents_made++);
    agent.ip = ip;
    agent.hostname = hostname;
    agent.port = port;
    cluster.agents.push_back(std::move(agent));
  });
}

void FakeMesos::remove_agent(const std::string& ip) {
  edit([&](MesosCluster& cluster) {
    std::erase_if(cluster.tasks, [&](const MesosTask& each) { return each.agent == ip; });
    std::erase_if(cluster.agents, [&](const MesosAgent& each) { return each.ip == ip; });
  });
}

void FakeMesos::start(MesosTask task) {
  edit([&](MesosCluster& cluster) {
    erase_task(cluster.tasks, task.id);
    cluster.tasks.push_back(std::move(task));
  });
}

void FakeMesos::kill(const std::string& id) {
  edit([&](MesosCluster& cluster) {
    for (const MesosTask& task : cluster.tasks) {
      if (task.id != id) continue;
      cluster.completed.push_back(task);
      cluster.completed.back().state = "TASK_KILLED";
    }
    erase_task(cluster.tasks, id);
  });
}

void FakeMesos::set_state(const std::string& id, const std::string& state) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id == id) task.state = state;
    }
  });
}

void FakeMesos::set_healthy(const std::string& id, bool healthy) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id == id) task.healthy = healthy;
    }
  });
}

void FakeMesos::move(const std::string& id, const std::string& agent_ip) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id == id) task.agent = agent_ip;
    }
  });
}

void FakeMesos::fail_over() {
  edit([&](MesosCluster& cluster) {
    cluster.master_id = "fa110000-0000-4000-8000-00000000000" + std::to_string(++state_->failovers % 10);
    cluster.elected_time = now();
    cluster.unreachable.clear();  // masters forget them
    cluster.completed.clear();
    for (MesosAgent& agent : cluster.agents) {
      agent.registered = false;
      agent.reregistered = false;
    }
  });
}

void FakeMesos::come_back(const std::string& ip) {
  edit([&](MesosCluster& cluster) {
    for (MesosAgent& agent : cluster.agents) {
      if (agent.ip != ip) continue;
      agent.registered = agent.reregistered = true;
      agent.unreachable = false;
    }
    for (const MesosTask& task : cluster.unreachable) {
      if (task.agent != ip) continue;
      cluster.tasks.push_back(task);
      cluster.tasks.back().state = "TASK_RUNNING";
    }
    std::erase_if(cluster.unreachable, [&](const MesosTask& each) { return each.agent == ip; });
  });
}

void FakeMesos::lose_agent(const std::string& ip) {
  edit([&](MesosCluster& cluster) {
    for (MesosAgent& agent : cluster.agents) {
      if (agent.ip != ip) continue;
      agent.registered = false;
      agent.unreachable = true;
    }
    for (const MesosTask& task : cluster.tasks) {
      if (task.agent != ip) continue;
      cluster.unreachable.push_back(task);
      cluster.unreachable.back().state = "TASK_UNREACHABLE";
    }
    std::erase_if(cluster.tasks, [&](const MesosTask& each) { return each.agent == ip; });
  });
}

void FakeMesos::answer_with(std::function<HttpReply(const HttpRequest&)> reply) {
  const std::lock_guard lock(state_->mutex);
  state_->instead = std::move(reply);
}

void FakeMesos::answer_body(std::string body, int status) {
  answer_with([body = std::move(body), status](const HttpRequest&) {
    HttpReply reply;
    reply.status = status;
    reply.body = body;
    return reply;
  });
}

void FakeMesos::behave() { answer_with(nullptr); }

void FakeMesos::demand(std::function<bool(const std::string&)> accepts) {
  const std::lock_guard lock(state_->mutex);
  state_->accepts = std::move(accepts);
}

std::uint64_t FakeMesos::refusals() const {
  const std::lock_guard lock(state_->mutex);
  return state_->refusals;
}

void FakeMesos::only_state_json(bool only) {
  const std::lock_guard lock(state_->mutex);
  state_->old_path = only;
}

}  // namespace muster::fakes
