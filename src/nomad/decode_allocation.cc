#include <utility>

#include "nomad/decode_parts.h"
#include "nomad/fields.h"

namespace muster::nomad {
namespace {

using Problems = std::vector<std::string>;

void add_ports(Json list, const std::string& host_ip, std::vector<AllottedPort>& into, Problems& problems) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list.at(i), "a port", problems);
    AllottedPort port{fields.text("Label"), fields.small("Value"), fields.small("To"), fields.text("HostIP")};
    if (port.host_ip.empty()) port.host_ip = host_ip;
    if (fields.sound()) into.push_back(std::move(port));
  }
}

std::vector<Network> make_networks(Json list, Problems& problems) {
  std::vector<Network> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list.at(i), "a network", problems);
    Network network{fields.text("Mode"), fields.text("IP"), {}};
    add_ports(fields.list("ReservedPorts"), network.ip, network.ports, problems);
    add_ports(fields.list("DynamicPorts"), network.ip, network.ports, problems);
    out.push_back(std::move(network));
  }
  return out;
}

void add_resources(Json json, Allocation& out) {
  if (json.nothing()) return;
  out.resources_known = true;
  Fields resources(json, "AllocatedResources", out.problems);
  if (const Json shared = resources.object("Shared"); !shared.nothing()) {
    Fields fields(shared, "AllocatedResources.Shared", out.problems);
    add_ports(fields.list("Ports"), "", out.ports, out.problems);
    out.networks = make_networks(fields.list("Networks"), out.problems);
  }
  const Json tasks = resources.object("Tasks");
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::string name(tasks.name(i));
    Fields fields(tasks.at(i), "AllocatedResources of task " + name, out.problems);
    if (auto networks = make_networks(fields.list("Networks"), out.problems); !networks.empty()) {
      out.task_networks.emplace(name, std::move(networks));
    }
  }
}

TaskState make_task_state(Fields fields) {
  constexpr std::string_view kNever = "0001-01-01T00:00:00Z";
  TaskState out;
  out.state = fields.text("State");
  out.failed = fields.boolean("Failed");
  const std::string started = fields.text("StartedAt");
  out.started = (!started.empty() && started != kNever) || fields.integer("Restarts") > 0;
  return out;
}

// A word about the tasks that cannot be read would look like tasks that do not run: it costs the whole allocation.
void add_task_states(Json json, Json states, Problems& wrong, Allocation& out) {
  out.task_states_known = json["TaskStates"].kind() != Json::Kind::Absent;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const std::string name(states.name(i));
    out.task_states.emplace(name, make_task_state(Fields(states.at(i), "state of task " + name, wrong)));
  }
}

void add_network_status(Json json, Allocation& out) {
  if (json.nothing()) return;
  Fields fields(json, "NetworkStatus", out.problems);
  out.network_status = NetworkStatus{fields.text("InterfaceName"), fields.text("Address"), fields.text("AddressIPv6")};
}

void add_deployment(Json json, Problems& wrong, Allocation& out) {
  if (json.nothing()) return;
  Fields fields(json, "DeploymentStatus", wrong);
  if (!json["Healthy"].nothing()) out.healthy = fields.boolean("Healthy");
  out.canary = fields.boolean("Canary");
}

void add_job(Json json, Json job, JobPool& pool, Allocation& out) {
  if (!json["JobVersion"].nothing()) {
    Fields fields(json, "allocation", out.problems);
    out.job_version = fields.index("JobVersion");
  }
  if (job.nothing()) return;
  out.job = make_job(job, out.group, pool);
  if (out.job == nullptr) {
    out.problems.push_back("its job has no readable group " + out.group);
  } else if (!out.job_version) {
    out.job_version = out.job->version;
  }
}

}  // namespace

AllocationRead make_allocation(Json json, JobPool& pool) {
  AllocationRead read;
  Problems wrong;
  Allocation out;
  Fields fields(json, "allocation", wrong);
  out.id = fields.text("ID");
  read.id = out.id;
  out.name = fields.text("Name");
  out.ns = fields.text("Namespace");
  out.node_id = fields.text("NodeID");
  out.node_name = fields.text("NodeName");
  out.job_id = fields.text("JobID");
  out.group = fields.text("TaskGroup");
  out.desired_status = fields.text("DesiredStatus");
  out.client_status = fields.text("ClientStatus");
  out.create_index = fields.index("CreateIndex");
  out.modify_index = fields.index("ModifyIndex");
  out.alloc_modify_index = fields.index("AllocModifyIndex");
  out.modify_time = fields.integer("ModifyTime");
  if (const Json transition = fields.object("DesiredTransition"); !transition.nothing()) {
    out.migrate = Fields(transition, "DesiredTransition", wrong).boolean("Migrate");
  }
  add_deployment(fields.object("DeploymentStatus"), wrong, out);
  add_task_states(json, fields.object("TaskStates"), wrong, out);
  const Json resources = fields.object("AllocatedResources");
  const Json status = fields.object("NetworkStatus");
  const Json job = fields.object("Job");
  if (out.id.empty()) fields.note("it has no ID");
  if (out.desired_status.empty() || out.client_status.empty()) fields.note("it has no DesiredStatus and ClientStatus");
  if (!wrong.empty()) {
    read.why = wrong.front();
    return read;
  }
  add_resources(resources, out);
  add_network_status(status, out);
  add_job(json, job, pool, out);
  read.allocation = std::move(out);
  return read;
}

}  // namespace muster::nomad
