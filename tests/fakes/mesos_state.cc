#include "fakes/mesos_state.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string_view>

namespace muster::fakes {
namespace {

// Appends JSON; knows when a comma is due.
class Out {
 public:
  explicit Out(std::string& text) : text_(text) {}

  Out& open(char bracket) {
    comma();
    text_ += bracket;
    due_ = false;
    return *this;
  }
  Out& close(char bracket) {
    text_ += bracket;
    due_ = true;
    return *this;
  }
  Out& key(std::string_view name) {
    quote(name);
    text_ += ':';
    due_ = false;
    return *this;
  }
  Out& raw(std::string_view json) {
    comma();
    text_ += json;
    due_ = true;
    return *this;
  }
  Out& text(std::string_view value) {
    quote(value);
    return *this;
  }
  Out& real(double value) {
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%.17g", value);
    std::string_view shown(digits.data());
    return raw(shown.find_first_of(".e") == shown.npos ? std::string(shown) + ".0" : std::string(shown));
  }
  Out& whole(long value) { return raw(std::to_string(value)); }

 private:
  void comma() {
    if (due_) text_ += ',';
  }
  void quote(std::string_view value) {
    comma();
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      if (static_cast<unsigned char>(c) >= 0x20) {
        text_ += c;
      } else {
        std::array<char, 8> escaped{};
        std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
        text_ += escaped.data();
      }
    }
    text_ += '"';
    due_ = true;
  }

  std::string& text_;
  bool due_ = false;
};

constexpr double kStarted = 1700000000.25;
constexpr std::string_view kNothing = R"({"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.0})";

const MesosAgent* find_agent(const MesosCluster& cluster, const std::string& ip) {
  const auto found =
      std::find_if(cluster.agents.begin(), cluster.agents.end(), [&](const MesosAgent& each) { return each.ip == ip; });
  return found == cluster.agents.end() ? nullptr : &*found;
}

std::string ranges(const std::vector<int>& ports) {
  std::string text;
  for (const int port : ports) {
    text += (text.empty() ? "[" : ", ") + std::to_string(port) + "-" + std::to_string(port);
  }
  return text + "]";
}

void resources(Out& out, const std::vector<int>& ports) {
  out.open('{').key("disk").real(0).key("mem").real(32).key("gpus").real(0).key("cpus").real(0.1);
  if (!ports.empty()) out.key("ports").text(ranges(ports));
  out.close('}');
}

void labels(Out& out, const LabelList& list) {
  out.open('[');
  for (const auto& [key, value] : list) out.open('{').key("key").text(key).key("value").text(value).close('}');
  out.close(']');
}

void discovery(Out& out, const MesosTask& task) {
  out.key("discovery").open('{').key("visibility").text("FRAMEWORK").key("name").text(task.name);
  out.key("ports").open('{').key("ports").open('[');
  for (const MesosPort& port : task.discovery) {
    out.open('{');
    if (port.number) out.key("number").whole(*port.number);
    if (!port.name.empty()) out.key("name").text(port.name);
    if (!port.protocol.empty()) out.key("protocol").text(port.protocol);
    if (!port.labels.empty()) {
      out.key("labels").open('{').key("labels");
      labels(out, port.labels);
      out.close('}');
    }
    out.close('}');
  }
  out.close(']').close('}').close('}');
}

void status(Out& out, const MesosTask& task, const std::string& state, double timestamp, bool with_health) {
  out.open('{').key("state").text(state).key("timestamp").real(timestamp);
  if (!task.status_labels.empty()) {
    out.key("labels");
    labels(out, task.status_labels);
  }
  out.key("container_status").open('{').key("container_id").open('{').key("value").text("c-" + task.id).close('}');
  out.key("network_infos").open('[').open('{').key("ip_addresses").open('[');
  const std::vector<std::string> networks = task.networks.empty() ? std::vector{task.agent} : task.networks;
  for (const std::string& ip : networks) {
    out.open('{').key("protocol").text(ip.find(':') == ip.npos ? "IPv4" : "IPv6").key("ip_address").text(ip).close('}');
  }
  out.close(']').close('}').close(']').close('}');
  if (with_health && task.healthy) out.key("healthy").raw(*task.healthy ? "true" : "false");
  out.close('}');
}

void statuses(Out& out, const MesosTask& task) {
  out.key("statuses").open('[');
  if (task.state != "TASK_STAGING") status(out, task, "TASK_STARTING", kStarted + 1, false);
  if (task.state != "TASK_STAGING" && task.state != "TASK_STARTING") {
    status(out, task, "TASK_RUNNING", kStarted + 2, true);
    if (task.state != "TASK_RUNNING") status(out, task, task.state, kStarted + 3, false);
  }
  out.close(']');
}

void task_object(Out& out, const MesosCluster& cluster, const MesosTask& task, const std::string& framework_id) {
  const MesosAgent* agent = find_agent(cluster, task.agent);
  out.open('{').key("id").text(task.id).key("name").text(task.name).key("framework_id").text(framework_id);
  out.key("executor_id").text("").key("slave_id").text(agent != nullptr ? agent->id : "gone-" + task.agent);
  out.key("state").text(task.state).key("resources");
  resources(out, task.ports);
  out.key("role").text("*");
  statuses(out, task);
  if (!task.labels.empty()) {
    out.key("labels");
    labels(out, task.labels);
  }
  if (!task.discovery.empty()) discovery(out, task);
  if (task.health_check) {
    out.key("health_check")
        .raw(R"({"delay_seconds":0.0,"interval_seconds":1.0,"timeout_seconds":1.0,"consecutive_failures":30,)"
             R"("grace_period_seconds":2.0,"type":"COMMAND","command":{"shell":true,"value":"true"}})");
  }
  out.close('}');
}

using Group = std::vector<const MesosTask*>;
struct Framework {
  Group running, unreachable, completed;
};

void group(Out& out, const MesosCluster& cluster, std::string_view key, const Group& tasks, const std::string& id) {
  out.key(key).open('[');
  for (const MesosTask* task : tasks) task_object(out, cluster, *task, id);
  out.close(']');
}

void framework_object(Out& out, const MesosCluster& cluster, const std::string& name, const Framework& framework) {
  const std::string id = "framework-" + name;
  std::vector<int> ports;
  for (const MesosTask* task : framework.running) ports.insert(ports.end(), task->ports.begin(), task->ports.end());
  out.open('{').key("id").text(id).key("name").text(name).key("used_resources");
  resources(out, ports);
  out.key("offered_resources").raw(kNothing);
  out.key("capabilities").raw(R"(["RESERVATION_REFINEMENT","TASK_KILLING_STATE","PARTITION_AWARE"])");
  out.key("hostname").text("").key("webui_url").text("");
  out.key("active").raw("true").key("connected").raw("true").key("recovered").raw("false").key("user").text("root");
  out.key("failover_timeout").real(0).key("checkpoint").raw("false").key("registered_time").real(kStarted);
  out.key("unregistered_time").real(0).key("resources");
  resources(out, ports);
  out.key("role").text("*");
  group(out, cluster, "tasks", framework.running, id);
  group(out, cluster, "unreachable_tasks", framework.unreachable, id);
  group(out, cluster, "completed_tasks", framework.completed, id);
  out.key("offers").raw("[]").key("executors").raw("[]").key("offer_constraints").raw("{}").close('}');
}

void agent_object(Out& out, const MesosCluster& cluster, const MesosAgent& agent) {
  constexpr std::string_view kAll = R"({"disk":252899.0,"mem":2000.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-32000]"})";
  out.open('{').key("id").text(agent.id).key("hostname").text(agent.hostname).key("port").whole(agent.port);
  out.key("attributes").raw(R"({"rack":"r1"})");
  if (!agent.registered) {
    out.close('}');
    return;
  }
  const std::string ip = agent.ip.find(':') == agent.ip.npos ? agent.ip : "[" + agent.ip + "]";
  out.key("pid").text("slave(1)@" + ip + ":" + std::to_string(agent.port));
  const double registered = cluster.elected_time + 1.5;
  out.key("registered_time").real(registered);
  if (agent.reregistered) out.key("reregistered_time").real(registered + 0.001);
  out.key("resources").raw(kAll).key("used_resources");
  std::vector<int> used;
  for (const MesosTask& task : cluster.tasks) {
    if (task.agent == agent.ip && cluster.tasks.size() < 1000)
      used.insert(used.end(), task.ports.begin(), task.ports.end());
  }
  resources(out, used);
  out.key("offered_resources").raw(kNothing).key("reserved_resources").raw("{}").key("unreserved_resources").raw(kAll);
  out.key("active").raw("true").key("deactivated").raw("false").key("version").text(cluster.version);
  out.key("capabilities").raw(R"(["MULTI_ROLE","HIERARCHICAL_ROLE","RESERVATION_REFINEMENT","TASK_RESOURCE_LIMITS"])");
  out.close('}');
}

void agents(Out& out, const MesosCluster& cluster, bool registered) {
  out.open('[');
  for (const MesosAgent& agent : cluster.agents) {
    if (!agent.unreachable && agent.registered == registered) agent_object(out, cluster, agent);
  }
  out.close(']');
}

void frameworks(Out& out, const MesosCluster& cluster) {
  std::map<std::string, Framework> all;
  for (const MesosTask& task : cluster.tasks) {
    const MesosAgent* agent = find_agent(cluster, task.agent);
    if (agent != nullptr && agent->registered) all[task.framework].running.push_back(&task);
  }
  for (const MesosTask& task : cluster.unreachable) all[task.framework].unreachable.push_back(&task);
  for (const MesosTask& task : cluster.completed) all[task.framework].completed.push_back(&task);
  out.key("frameworks").open('[');
  for (const auto& [name, framework] : all) framework_object(out, cluster, name, framework);
  out.close(']');
}

void master_head(Out& out, const MesosCluster& cluster, const std::string& pid) {
  const auto registered = static_cast<double>(std::count_if(cluster.agents.begin(), cluster.agents.end(),
                                                            [](const MesosAgent& each) { return each.registered; }));
  const auto unreachable = static_cast<double>(std::count_if(cluster.agents.begin(), cluster.agents.end(),
                                                             [](const MesosAgent& each) { return each.unreachable; }));
  out.key("version").text(cluster.version).key("git_sha").text("c1b42f79d157aa900be5cbb0c1023f1479962aa7");
  out.key("git_branch").text("refs/heads/master").key("build_date").text("2026-11-20 11:35:21");
  out.key("build_time").real(1795174521).key("build_user").text("").key("start_time").real(kStarted);
  out.key("elected_time").real(cluster.elected_time).key("id").text(cluster.master_id).key("pid").text(pid);
  out.key("hostname").text(cluster.hostname).key("capabilities").raw(R"(["AGENT_UPDATE","AGENT_DRAINING","QUOTA_V2"])");
  out.key("activated_slaves").real(registered).key("deactivated_slaves").real(0);
  out.key("unreachable_slaves").real(unreachable);
  out.key("leader").text(cluster.leader.value_or(pid)).key("leader_info").open('{').key("id").text(cluster.master_id);
  out.key("pid").text(pid).key("port").whole(cluster.master_port).key("hostname").text(cluster.hostname).close('}');
  out.key("flags").raw(R"({"quorum":"1","registry":"replicated_log"})");
}

std::string pid_of(const MesosCluster& cluster) {
  return "master@" + cluster.master_ip + ":" + std::to_string(cluster.master_port);
}

}  // namespace

std::string render_state(const MesosCluster& cluster) {
  std::string text;
  Out out(text);
  out.open('{');
  master_head(out, cluster, pid_of(cluster));
  out.key("slaves");
  agents(out, cluster, true);
  if (cluster.knows_recovered) {
    out.key("recovered_slaves");
    agents(out, cluster, false);
  }
  frameworks(out, cluster);
  out.key("completed_frameworks").raw("[]").key("orphan_tasks").open('[');
  for (const MesosTask& task : cluster.orphans) task_object(out, cluster, task, "framework-" + task.framework);
  out.close(']').key("unregistered_frameworks").raw("[]").close('}');
  return text;
}

std::string render_master_info(const MesosCluster& cluster) {
  std::string text;
  Out out(text);
  out.open('{').key("address").open('{').key("hostname").text(cluster.hostname).key("ip").text(cluster.master_ip);
  out.key("port").whole(cluster.master_port).close('}');
  out.key("capabilities").raw(R"([{"type":"AGENT_UPDATE"},{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}])");
  out.key("hostname").text(cluster.hostname).key("id").text(cluster.master_id).key("ip").whole(16777343);
  out.key("pid").text(pid_of(cluster)).key("port").whole(cluster.master_port);
  out.key("version").text(cluster.version).close('}');
  return text;
}

}  // namespace muster::fakes
