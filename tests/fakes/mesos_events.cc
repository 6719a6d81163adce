#include "fakes/mesos_events.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace muster::fakes {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kRegistered = 1795177022164423936;

Json value(const std::string& text) { return {{"value", text}}; }
Json framework_id(const MesosTask& task) { return value("framework-" + task.framework); }
Json agent_id(const MesosCluster& cluster, const MesosTask& task) {
  const auto found = std::find_if(cluster.agents.begin(), cluster.agents.end(),
                                  [&](const MesosAgent& each) { return each.ip == task.agent; });
  return value(found == cluster.agents.end() ? "gone-" + task.agent : found->id);
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Json labels(const LabelList& list) {
  Json out = Json::array();
  for (const auto& [key, text] : list) out.push_back({{"key", key}, {"value", text}});
  return {{"labels", out}};
}

Json scalar(const char* name, double number, bool allocated) {
  Json out{{"name", name}, {"type", "SCALAR"}, {"scalar", {{"value", number}}}};
  if (allocated) out["allocation_info"] = {{"role", "*"}};
  return out;
}

Json port_range(const std::vector<std::pair<int, int>>& ranges, bool allocated) {
  Json list = Json::array();
  for (const auto& [begin, end] : ranges) list.push_back({{"begin", begin}, {"end", end}});
  Json out{{"name", "ports"}, {"type", "RANGES"}, {"ranges", {{"range", list}}}};
  if (allocated) out["allocation_info"] = {{"role", "*"}};
  return out;
}

Json discovery(const MesosTask& task) {
  Json ports = Json::array();
  for (const MesosPort& port : task.discovery) {
    Json out = Json::object();
    if (port.number) out["number"] = *port.number;
    if (!port.name.empty()) out["name"] = port.name;
    if (!port.protocol.empty()) out["protocol"] = port.protocol;
    if (!port.labels.empty()) out["labels"] = labels(port.labels);
    ports.push_back(out);
  }
  return {{"visibility", "FRAMEWORK"}, {"name", task.name}, {"ports", {{"ports", ports}}}};
}

Json status(const MesosCluster& cluster, const MesosTask& task, const std::string& state, const std::string& reason) {
  Json out{{"task_id", value(task.id)}, {"state", state}, {"source", "SOURCE_EXECUTOR"}};
  if (!reason.empty()) out["reason"] = reason;
  out["agent_id"] = agent_id(cluster, task);
  out["executor_id"] = value(task.id);
  out["timestamp"] = now();
  out["uuid"] = "s0kdf64ZQVOTPFWYNICV/A==";
  if (task.healthy && state == "TASK_RUNNING") out["healthy"] = *task.healthy;
  if (!task.status_labels.empty()) out["labels"] = labels(task.status_labels);
  Json addresses = Json::array();
  for (const std::string& ip : task.networks.empty() ? std::vector{task.agent} : task.networks) {
    addresses.push_back({{"protocol", ip.find(':') == ip.npos ? "IPv4" : "IPv6"}, {"ip_address", ip}});
  }
  out["container_status"] = {{"container_id", value("c-" + task.id)},
                             {"network_infos", Json::array({{{"ip_addresses", addresses}}})},
                             {"executor_pid", 25147}};
  return out;
}

Json task_object(const MesosCluster& cluster, const MesosTask& task, bool with_statuses) {
  std::vector<std::pair<int, int>> ranges;
  for (const int port : task.ports) {
    if (!ranges.empty() && ranges.back().second + 1 == port) {
      ranges.back().second = port;
    } else {
      ranges.emplace_back(port, port);
    }
  }
  Json out{{"name", task.name},
           {"task_id", value(task.id)},
           {"framework_id", framework_id(task)},
           {"agent_id", agent_id(cluster, task)},
           {"state", task.state}};
  out["resources"] = {scalar("cpus", 0.1, true), scalar("mem", 32.0, true)};
  if (!ranges.empty()) out["resources"].push_back(port_range(ranges, true));
  if (with_statuses) {
    out["statuses"] = {status(cluster, task, "TASK_STARTING", ""),
                       status(cluster, task, task.state, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED")};
    out["status_update_state"] = task.state;
    out["status_update_uuid"] = "ws+We9WlQWC22W6BIVP21A==";
  }
  if (!task.labels.empty()) out["labels"] = labels(task.labels);
  if (!task.discovery.empty()) out["discovery"] = discovery(task);
  if (task.health_check) {
    out["health_check"] =
        Json::parse(R"({"delay_seconds":0.0,"interval_seconds":1.0,"timeout_seconds":1.0,"consecutive_failures":30,)"
                    R"("grace_period_seconds":2.0,"type":"COMMAND","command":{"shell":true,"value":"true"}})");
  }
  return out;
}

Json agent_object(const MesosCluster& cluster, const MesosAgent& agent) {
  const std::string ip = agent.ip.find(':') == agent.ip.npos ? agent.ip : "[" + agent.ip + "]";
  const auto resources = [](bool with_role) {
    Json list{scalar("cpus", 4.0, false), scalar("mem", 2000.0, false), port_range({{31000, 32000}}, false),
              scalar("disk", 252899.0, false)};
    for (Json& each : list) {
      if (with_role) each["role"] = "*";
    }
    return list;
  };
  Json info{{"hostname", agent.hostname}, {"port", agent.port}, {"resources", resources(false)}};
  info["attributes"] = Json::array({{{"name", "rack"}, {"type", "TEXT"}, {"text", value("r1")}}});
  info["id"] = value(agent.id);
  info["checkpoint"] = true;
  return {{"agent_info", info},
          {"active", true},
          {"deactivated", false},
          {"version", cluster.version},
          {"pid", "slave(1)@" + ip + ":" + std::to_string(agent.port)},
          {"registered_time", {{"nanoseconds", kRegistered}}},
          {"total_resources", resources(true)},
          {"capabilities", Json::array({{{"type", "MULTI_ROLE"}}, {{"type", "AGENT_DRAINING"}}})}};
}

Json framework_object(const std::string& name) {
  const Json time{{"nanoseconds", kRegistered}};
  return {{"framework_info",
           {{"user", "root"},
            {"name", name},
            {"id", value("framework-" + name)},
            {"failover_timeout", 0.0},
            {"checkpoint", false},
            {"role", "*"},
            {"capabilities", Json::array({{{"type", "TASK_KILLING_STATE"}}, {{"type", "PARTITION_AWARE"}}})}}},
          {"active", true},
          {"connected", true},
          {"recovered", false},
          {"registered_time", time},
          {"reregistered_time", time},
          {"unregistered_time", {{"nanoseconds", 0}}}};
}

}  // namespace

std::string frame(const std::string& record) { return std::to_string(record.size()) + "\n" + record; }

std::string subscribed(const MesosCluster& cluster, double heartbeat) {
  Json tasks = Json::array();
  Json agents = Json::array();
  Json recovered = Json::array();
  for (const MesosTask& task : cluster.tasks) tasks.push_back(task_object(cluster, task, true));
  for (const MesosAgent& agent : cluster.agents) {
    if (agent.registered) agents.push_back(agent_object(cluster, agent));
    if (!agent.registered && !agent.unreachable) recovered.push_back(agent_object(cluster, agent)["agent_info"]);
  }
  const Json state{
      {"get_tasks", {{"tasks", tasks}, {"unreachable_tasks", Json::array()}, {"completed_tasks", Json::array()}}},
      {"get_executors", {{"executors", Json::array()}}},
      {"get_frameworks", {{"frameworks", Json::array()}, {"completed_frameworks", Json::array()}}},
      {"get_agents", {{"agents", agents}, {"recovered_agents", recovered}}}};
  return Json{{"type", "SUBSCRIBED"}, {"subscribed", {{"get_state", state}, {"heartbeat_interval_seconds", heartbeat}}}}
      .dump();
}

std::string heartbeat() { return R"({"type":"HEARTBEAT"})"; }

std::string framework_added(const std::string& name) {
  return Json{{"type", "FRAMEWORK_ADDED"}, {"framework_added", {{"framework", framework_object(name)}}}}.dump();
}

std::string agent_added(const MesosCluster& cluster, const MesosAgent& agent) {
  return Json{{"type", "AGENT_ADDED"}, {"agent_added", {{"agent", agent_object(cluster, agent)}}}}.dump();
}

std::string agent_removed(const MesosAgent& agent) {
  return Json{{"type", "AGENT_REMOVED"}, {"agent_removed", {{"agent_id", value(agent.id)}}}}.dump();
}

std::string task_added(const MesosCluster& cluster, const MesosTask& task) {
  const bool new_one = task.state == "TASK_STAGING";
  return Json{{"type", "TASK_ADDED"}, {"task_added", {{"task", task_object(cluster, task, !new_one)}}}}.dump();
}

std::string task_updated(const MesosCluster& cluster, const MesosTask& task, const std::string& reason) {
  return Json{{"type", "TASK_UPDATED"},
              {"task_updated",
               {{"framework_id", framework_id(task)},
                {"status", status(cluster, task, task.state, reason)},
                {"state", task.state}}}}
      .dump();
}

}  // namespace muster::fakes
