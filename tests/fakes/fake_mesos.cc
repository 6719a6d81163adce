#include "fakes/fake_mesos.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "fakes/mesos_events.h"

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

  bool reading_registry = false;
  std::deque<std::uint64_t> subscribers;  // stream ids, the oldest first
  std::uint64_t subscriptions = 0;
  std::size_t most_subscribers = 1000;
  std::chrono::milliseconds interval{15000};
  bool muted = false;
  std::set<std::string> frameworks;  // that subscribers have been told of
  std::function<HttpReply(const HttpRequest&)> api_instead;
  std::condition_variable_any beat;
  std::jthread heart;  // after all that it uses

  void push(const std::string& record) {
    if (muted) return;
    const std::string bytes = frame(record);
    for (const std::uint64_t id : subscribers) server->push(id, bytes);
  }

  void push_added(const MesosTask& task) {
    if (frameworks.insert(task.framework).second) push(framework_added(task.framework));
    push(task_added(cluster, task));
  }

  HttpReply subscribe(const HttpRequest& request) {
    if (api_instead) return api_instead(request);
    if (reading_registry) return HttpReply{.status = 503, .body = "Master has not finished recovery"};
    if (request.method != "POST" || request.body.find("\"SUBSCRIBE\"") == std::string::npos) {
      return HttpReply{.status = 400, .body = "Failed to validate master::Call"};
    }
    while (subscribers.size() >= most_subscribers) {
      server->finish(subscribers.front());
      subscribers.pop_front();
    }
    HttpReply reply;
    reply.stream = true;
    reply.stream_id = ++subscriptions;
    reply.headers = {"Content-Type: application/json"};
    reply.body = frame(subscribed(cluster, std::chrono::duration<double>(interval).count()));
    if (!muted) reply.body += frame(heartbeat());
    subscribers.push_back(reply.stream_id);
    for (const MesosTask& task : cluster.tasks) frameworks.insert(task.framework);
    beat.notify_all();
    return reply;
  }

  void run_heart(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      beat.wait_for(lock, stop, interval, [] { return false; });
      if (!stop.stop_requested()) push(heartbeat());
    }
  }

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
    if (request.path == "/api/v1" || request.path == "/master/api/v1") return subscribe(request);
    if (!wants_state(request.path)) return HttpReply{404, "404 Not Found.", {}, {}, {}, 0, false};
    ++reads;
    if (instead) return instead(request);
    // Mesos 1.8 took the .json names away; before 0.25 there were no others.
    if (request.path.ends_with(".json") != old_path) return HttpReply{404, "404 Not Found.", {}, {}, {}, 0, false};
    if (rendered.empty() && reading_registry) {
      MesosCluster unread = cluster;
      unread.agents.clear();
      unread.tasks.clear();
      rendered = render_state(unread);
    }
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
  state.heart = std::jthread([&state](const std::stop_token& stop) { state.run_heart(stop); });
}

FakeMesos::~FakeMesos() {
  state_->heart = {};
  state_->server.reset();
}

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
    state_->push(agent_added(cluster, cluster.agents.back()));
  });
}

void FakeMesos::remove_agent(const std::string& ip) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.agent != ip) continue;
      task.state = "TASK_LOST";
      state_->push(task_updated(cluster, task));
    }
    std::erase_if(cluster.tasks, [&](const MesosTask& each) { return each.agent == ip; });
    for (const MesosAgent& agent : cluster.agents) {
      if (agent.ip == ip) state_->push(agent_removed(agent));
    }
    std::erase_if(cluster.agents, [&](const MesosAgent& each) { return each.ip == ip; });
  });
}

void FakeMesos::start(MesosTask task) {
  edit([&](MesosCluster& cluster) {
    const std::size_t before = cluster.tasks.size();
    erase_task(cluster.tasks, task.id);
    cluster.tasks.push_back(std::move(task));
    MesosTask& added = cluster.tasks.back();
    if (cluster.tasks.size() == before) return state_->push_added(added);  // another of the same id
    const std::string state = std::exchange(added.state, "TASK_STAGING");
    state_->push_added(added);
    added.state = state;
    if (state != "TASK_STAGING") state_->push(task_updated(cluster, added));
  });
}

void FakeMesos::kill(const std::string& id) {
  edit([&](MesosCluster& cluster) {
    for (const MesosTask& task : cluster.tasks) {
      if (task.id != id) continue;
      cluster.completed.push_back(task);
      cluster.completed.back().state = "TASK_KILLED";
      state_->push(task_updated(cluster, cluster.completed.back()));
    }
    erase_task(cluster.tasks, id);
  });
}

void FakeMesos::set_state(const std::string& id, const std::string& state) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id != id) continue;
      task.state = state;
      state_->push(task_updated(cluster, task));
    }
  });
}

void FakeMesos::set_healthy(const std::string& id, bool healthy) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id != id) continue;
      task.healthy = healthy;
      state_->push(task_updated(cluster, task, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"));
    }
  });
}

void FakeMesos::move(const std::string& id, const std::string& agent_ip) {
  edit([&](MesosCluster& cluster) {
    for (MesosTask& task : cluster.tasks) {
      if (task.id != id) continue;
      const std::string state = std::exchange(task.state, "TASK_KILLED");
      state_->push(task_updated(cluster, task));
      task.agent = agent_ip;
      task.state = state;
      state_->push(task_added(cluster, task));
    }
  });
}

void FakeMesos::fail_over() {
  edit([&](MesosCluster& cluster) {
    cluster.master_id = "fa110000-0000-4000-8000-00000000000" + std::to_string(++state_->failovers % 10);
    cluster.elected_time = now();
    cluster.unreachable.clear();  // masters forget them
    cluster.completed.clear();
    for (const std::uint64_t id : state_->subscribers) state_->server->finish(id, true);
    state_->subscribers.clear();
    state_->frameworks.clear();
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
    for (const MesosTask& task : cluster.tasks) {
      if (task.agent == ip) state_->push_added(task);
    }
    for (const MesosAgent& agent : cluster.agents) {
      if (agent.ip == ip) state_->push(agent_added(cluster, agent));
    }
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
      state_->push(task_updated(cluster, cluster.unreachable.back()));  // and no AGENT_REMOVED
    }
    std::erase_if(cluster.tasks, [&](const MesosTask& each) { return each.agent == ip; });
  });
}

void FakeMesos::recover_registry(bool reading) {
  edit([&](MesosCluster&) { state_->reading_registry = reading; });
}

std::size_t FakeMesos::subscribers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->subscribers.size();
}

std::uint64_t FakeMesos::subscriptions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->subscriptions;
}

void FakeMesos::set_heartbeat(std::chrono::milliseconds interval) {
  state_->heart = {};  // ends it before the lock is taken, which it wants too
  const std::lock_guard lock(state_->mutex);
  state_->interval = interval;
  state_->heart = std::jthread([state = state_.get()](const std::stop_token& stop) { state->run_heart(stop); });
}

void FakeMesos::set_most_subscribers(std::size_t most) {
  const std::lock_guard lock(state_->mutex);
  state_->most_subscribers = most;
}

void FakeMesos::mute(bool muted) {
  const std::lock_guard lock(state_->mutex);
  state_->muted = muted;
}

void FakeMesos::send(const std::string& record) { send_raw(frame(record)); }

void FakeMesos::send_raw(const std::string& bytes) {
  const std::lock_guard lock(state_->mutex);
  for (const std::uint64_t id : state_->subscribers) state_->server->push(id, bytes);
}

void FakeMesos::cut_streams(bool in_mid_chunk) {
  const std::lock_guard lock(state_->mutex);
  for (const std::uint64_t id : state_->subscribers) state_->server->finish(id, in_mid_chunk);
  state_->subscribers.clear();
}

void FakeMesos::answer_api_with(std::function<HttpReply(const HttpRequest&)> reply) {
  const std::lock_guard lock(state_->mutex);
  state_->api_instead = std::move(reply);
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
