#include "fakes/fake_nomad.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

namespace muster::fakes {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kHeartbeat{1000};  // Nomad's is 30 s

std::string uuid(std::uint64_t kind, std::uint64_t number) {
  char text[37];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%012llx", static_cast<unsigned>(kind),
                static_cast<unsigned long long>(number));
  return text;
}

json port_of(const NomadAllocation& a) {
  return {{"Label", "http"}, {"Value", a.port}, {"To", 0}, {"HostNetwork", "default"}};
}

json service_of(const NomadAllocation& a, const std::string& name, const std::string& task) {
  return {{"Name", name},
          {"TaskName", task},
          {"PortLabel", "http"},
          {"AddressMode", "auto"},
          {"Address", ""},
          {"Tags", a.tags},
          {"CanaryTags", a.canary_tags},
          {"Meta", nullptr},
          {"CanaryMeta", nullptr},
          {"EnableTagOverride", false},
          {"Provider", a.provider},
          {"Weights", nullptr},
          {"TaggedAddresses", nullptr},
          {"Checks", nullptr},
          {"Connect", nullptr},
          {"Kind", ""}};
}

json job_of(const NomadAllocation& a) {
  json task{{"Name", "srv"}, {"Driver", "raw_exec"}, {"Services", nullptr}, {"Env", nullptr}, {"Meta", nullptr}};
  if (a.task_service) task["Services"] = json::array({service_of(a, a.service + "-task", "srv")});
  json services = a.service.empty() ? json() : json::array({service_of(a, a.service, "")});
  json group{{"Name", "api"},        {"Meta", nullptr},     {"ShutdownDelay", a.shutdown_delay_ms * 1'000'000},
             {"Services", services}, {"Networks", nullptr}, {"Tasks", json::array({task})}};
  return {{"ID", a.job},
          {"Name", a.job},
          {"Namespace", a.ns},
          {"Type", "service"},
          {"Version", a.version},
          {"Region", "global"},
          {"Meta", nullptr},
          {"ParentID", ""},
          {"JobModifyIndex", 7 + a.version},
          {"TaskGroups", json::array({group})}};
}

// What lists, single answers and events have in common.
json stub_of(const NomadAllocation& a, const NomadNode& node, bool states) {
  const json network{{"Mode", "host"}, {"IP", node.address}, {"DynamicPorts", json::array({port_of(a)})}};
  json port = port_of(a);
  port["HostIP"] = node.address;
  json out{{"ID", a.id},
           {"Name", a.job + ".api[0]"},
           {"Namespace", a.ns},
           {"NodeID", a.node},
           {"NodeName", node.name},
           {"JobID", a.job},
           {"TaskGroup", "api"},
           {"DesiredStatus", a.desired},
           {"ClientStatus", a.client},
           {"DesiredTransition", json::object()},
           {"DeploymentStatus", nullptr},
           {"CreateIndex", a.index},
           {"ModifyIndex", a.index},
           {"AllocModifyIndex", a.index},
           {"JobVersion", a.version},
           {"AllocatedResources",
            {{"Tasks", {{"srv", {{"Networks", nullptr}}}}},
             {"Shared", {{"Networks", json::array({network})}, {"Ports", json::array({port})}}}}}};
  if (a.migrate) out["DesiredTransition"]["Migrate"] = true;
  if (a.canary) out["DeploymentStatus"] = {{"Healthy", true}, {"Canary", true}};
  const bool started = a.task_state != "pending" || a.client == "running";
  if (states) {
    out["TaskStates"]["srv"] = {{"State", a.task_state},
                                {"Failed", false},
                                {"Restarts", 0},
                                {"StartedAt", started ? "2026-08-21T08:00:01Z" : "0001-01-01T00:00:00Z"}};
  }
  return out;
}

json full_of(const NomadAllocation& a, const NomadNode& node, bool null_job) {
  json out = stub_of(a, node, true);
  out["Job"] = null_job ? json() : job_of(a);
  out["NetworkStatus"] = nullptr;
  return out;
}

json rows_of(const NomadAllocation& a, const NomadNode& node) {
  json out = json::array();
  if (a.provider != "nomad" || a.service.empty() || !a.registered) return out;
  const auto add = [&](const std::string& name, const std::string& owner) {
    out.push_back({{"ID", "_nomad-task-" + a.id + "-" + owner + "-" + name + "-http"},
                   {"ServiceName", name},
                   {"Namespace", a.ns},
                   {"NodeID", a.node},
                   {"Datacenter", "dc1"},
                   {"JobID", a.job},
                   {"AllocID", a.id},
                   {"Tags", !a.stale_tags.empty()                ? a.stale_tags
                            : a.canary && !a.canary_tags.empty() ? a.canary_tags
                                                                 : a.tags},
                   {"Address", node.address},
                   {"Port", a.port},
                   {"CreateIndex", a.index},
                   {"ModifyIndex", a.stale_tags.empty() ? a.index : 1}});
  };
  add(a.service, "group-api");
  if (a.task_service && a.task_state == "running") add(a.service + "-task", "srv");
  return out;
}

json node_of(const NomadNode& node, bool full) {
  json out{{"ID", node.id},
           {"Name", node.name},
           {"Datacenter", "dc1"},
           {"NodePool", "default"},
           {"NodeClass", ""},
           {"Status", node.status},
           {"Drain", false},
           {"SchedulingEligibility", "eligible"},
           {"ModifyIndex", node.index}};
  if (!full) {
    out["Address"] = node.address;
    return out;
  }
  out["HTTPAddr"] = node.address + ":4646";
  out["Attributes"] = {{"nomad.version", "2.0.5"}, {"consul.datacenter", "dc1"}};
  if (!node.consul_name.empty()) out["Attributes"]["unique.consul.name"] = node.consul_name;
  out["Meta"] = nullptr;
  return out;
}

std::string value(const HttpRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

std::uint64_t number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

milliseconds wait_of(const std::string& text) {  // as our own client writes it
  return milliseconds(text.ends_with("ms") ? number(text) : 300'000);
}

HttpReply text(int status, const std::string& body) {
  return {.status = status, .body = body, .headers = {"Content-Type: text/plain"}};
}

}  // namespace

struct FakeNomad::State {
  struct Parked {
    std::uint64_t stream = 0;
    HttpRequest request;
    std::uint64_t index = 0;
    Clock::time_point until;
  };

  explicit State(const std::vector<std::string>& addresses)
      : server(std::make_unique<HttpServer>(addresses, [this](const HttpRequest& r) { return answer(r); })),
        clock([this](const std::stop_token& stop) { tick(stop); }) {}

  HttpReply answer(const HttpRequest& request);
  HttpReply route(const HttpRequest& request);
  HttpReply stream(const HttpRequest& request);
  HttpReply list(const HttpRequest& request);
  HttpReply one(const std::string& id, const std::string& rest);
  HttpReply acl(const std::string& path) const;
  HttpReply proper(const json& body, std::uint64_t at) const;
  std::uint64_t index_of(const HttpRequest& request) const;
  void changed(const NomadAllocation& allocation, const std::string& type, bool with_rows);
  void emit(const json& batch);
  void wake();
  void tick(const std::stop_token& stop);

  mutable std::mutex mutex;
  NomadQuirks quirks;
  std::map<std::string, NomadNode> nodes;
  std::map<std::string, NomadAllocation> allocations;
  std::map<std::string, std::set<std::string>> by_node;
  std::map<std::string, std::uint64_t> counts;
  std::map<std::uint64_t, bool> streams;  // id -> chunked
  std::vector<Parked> parked;
  std::vector<std::uint64_t> closing;  // streams that end before they begin
  std::uint64_t index = 10, next_stream = 1, next_id = 1;
  bool quiet = false;
  Clock::time_point beat{};
  std::unique_ptr<HttpServer> server;
  std::jthread clock;
};

HttpReply FakeNomad::State::proper(const json& body, std::uint64_t at) const {
  return {.status = 200,
          .body = body.dump(),
          .headers = {"Content-Type: application/json", "X-Nomad-Index: " + std::to_string(at),
                      std::string("X-Nomad-KnownLeader: ") + (quirks.leaderless ? "false" : "true"),
                      "X-Nomad-LastContact: 0"}};
}

// Of a node's list the highest of its allocations, of everything else the table's.
std::uint64_t FakeNomad::State::index_of(const HttpRequest& request) const {
  if (quirks.empty_lists) return 0;
  if (!request.path.starts_with("/v1/node/")) return index;
  const auto found = by_node.find(request.path.substr(9, 36));
  std::uint64_t highest = 0;
  for (const std::string& id : found == by_node.end() ? std::set<std::string>() : found->second) {
    highest = std::max(highest, allocations.at(id).index);
  }
  return highest == 0 ? index : highest;
}

HttpReply FakeNomad::State::answer(const HttpRequest& request) {
  const std::lock_guard lock(mutex);
  ++counts[request.path];
  if (quirks.resets > 0) {
    --quirks.resets;
    return {.manner = Manner::Reset};
  }
  const std::string region = value(request, "region");
  if (!region.empty() && region != quirks.region && request.path != "/v1/agent/self")
    return text(500, "No path to region");
  const std::uint64_t since = number(value(request, "index"));
  const bool blocks = since > 0 && request.path != "/v1/event/stream" && index_of(request) <= since;
  if (!blocks) return route(request);
  parked.push_back({next_stream++, request, since, Clock::now() + wait_of(value(request, "wait"))});
  return {.stream_id = parked.back().stream, .stream = true, .bare = true};
}

HttpReply FakeNomad::State::route(const HttpRequest& request) {
  const std::string& path = request.path;
  if (path == "/v1/event/stream") return stream(request);
  if (path.starts_with("/v1/acl/")) return acl(path);
  if (path == "/v1/allocations") return list(request);
  if (path.starts_with("/v1/allocation/"))
    return one(path.substr(15, 36), path.substr(std::min<std::size_t>(path.size(), 51)));
  if (path == "/v1/agent/self")
    return proper({{"stats", {{"client", {{"node_id", nodes.empty() ? "" : nodes.begin()->first}}}}}}, index);
  if (quirks.nodes_denied && path.starts_with("/v1/node")) return text(403, "Permission denied");
  if (path == "/v1/nodes") {
    json out = json::array();
    for (const auto& [id, node] : nodes) out.push_back(node_of(node, false));
    return proper(out, index);
  }
  if (path.starts_with("/v1/node/")) {
    const auto node = nodes.find(path.substr(9, 36));
    if (path.ends_with("/allocations")) return list(request);
    return node == nodes.end() ? text(404, "node not found") : proper(node_of(node->second, true), node->second.index);
  }
  return text(404, "404 page not found");
}

HttpReply FakeNomad::State::list(const HttpRequest& request) {
  if (quirks.lists_fail) return text(500, "rpc error: No cluster leader");
  if (quirks.empty_lists) return proper(json::array(), 0);
  const bool of_node = request.path.starts_with("/v1/node/");
  const std::string page = quirks.old ? "" : value(request, "per_page");
  const std::size_t most = page.empty() ? SIZE_MAX : number(page);
  const std::string ns = of_node ? "*" : value(request, "namespace");
  const auto shown = [&](const NomadAllocation& a) {
    return !quirks.hidden.contains(a.ns) && (ns == "*" || a.ns == (ns.empty() ? "default" : ns));
  };
  json out = json::array();
  std::string next;
  if (of_node) {
    for (const std::string& id : by_node[request.path.substr(9, 36)]) {
      const NomadAllocation& a = allocations.at(id);
      if (shown(a)) out.push_back(full_of(a, nodes.at(a.node), quirks.null_jobs));
    }
  } else {
    const bool states = value(request, "task_states") != "false";
    for (auto at = allocations.lower_bound(value(request, "next_token")); at != allocations.end(); ++at) {
      if (!shown(at->second)) continue;
      if (out.size() == most) {
        next = at->first;
        break;
      }
      out.push_back(stub_of(at->second, nodes.at(at->second.node), states));
    }
  }
  HttpReply reply = proper(out.empty() ? json() : out, index_of(request));  // Go's empty list is null
  if (out.empty() && !of_node) reply.body = "[]";
  if (!next.empty()) reply.headers.push_back("X-Nomad-NextToken: " + next);
  return reply;
}

HttpReply FakeNomad::State::one(const std::string& id, const std::string& rest) {
  const auto found = allocations.find(id);
  if (rest == "/services") {
    if (quirks.old) return text(404, "404 page not found");
    if (found == allocations.end() || quirks.hidden.contains(found->second.ns)) return text(404, "alloc not found");
    return proper(rows_of(found->second, nodes.at(found->second.node)), index);
  }
  if (found == allocations.end()) return text(404, "alloc not found");
  if (quirks.hidden.contains(found->second.ns)) return text(500, "rpc error: Unknown allocation \"" + id + "\"");
  return proper(full_of(found->second, nodes.at(found->second.node), quirks.null_jobs), found->second.index);
}

HttpReply FakeNomad::State::acl(const std::string& path) const {
  if (quirks.policy.empty()) return text(400, "ACL support disabled");
  if (path == "/v1/acl/token/self") {
    return proper({{"AccessorID", uuid(7, 7)}, {"Type", "client"}, {"Policies", {"muster"}}, {"Roles", nullptr}}, 5);
  }
  if (path == "/v1/acl/policy/muster") return proper({{"Name", "muster"}, {"Rules", quirks.policy}}, 5);
  return text(403, "Permission denied");
}

HttpReply FakeNomad::State::stream(const HttpRequest&) {
  const std::uint64_t id = next_stream++;
  switch (quirks.framing) {
    case Framing::Denied:
      return text(403, "Permission denied");
    case Framing::Off:
      return text(500, "Unable to create event stream: event broker is disabled");
    case Framing::Chunked:
      streams[id] = true;
      return {.status = 200,
              .body = "{}\n",
              .headers = {"Content-Type: application/json"},
              .stream_id = id,
              .stream = true};
    case Framing::ClosedEarly:
      closing.push_back(id);
      break;
    case Framing::OldProtocol:
    case Framing::UntilEof:
    case Framing::Silent:
      break;
  }
  const bool early = quirks.framing == Framing::ClosedEarly || quirks.framing == Framing::Silent;
  if (!early) streams[id] = false;
  const std::string line = quirks.framing == Framing::OldProtocol ? "HTTP/0.0 200 OK\r\n" : "HTTP/1.1 200 OK\r\n";
  return {.status = 200,
          .body = line + "Connection: close\r\nContent-Type: application/json\r\n\r\n" + (early ? "" : "{}\n"),
          .stream_id = id,
          .stream = true,
          .bare = true};
}

void FakeNomad::State::emit(const json& batch) {
  if (quirks.lose_events) return;
  const std::string line = batch.dump() + "\n";
  for (const auto& [id, chunked] : streams) server->push(id, line, !chunked);
}

// Nomad's order: the client registers native services, then tells that the allocation runs.
void FakeNomad::State::changed(const NomadAllocation& a, const std::string& type, bool with_rows) {
  if (quiet) return;
  json events = json::array();
  if (with_rows) {
    for (const json& row : rows_of(a, nodes.at(a.node))) {
      events.push_back({{"Topic", "Service"},
                        {"Type", "ServiceRegistration"},
                        {"Key", row["ID"]},
                        {"Namespace", a.ns},
                        {"Index", a.index},
                        {"Payload", {{"Service", row}}}});
    }
  }
  json payload = stub_of(a, nodes.at(a.node), true);
  payload["Job"] = nullptr;
  payload.erase("JobVersion");
  events.push_back({{"Topic", "Allocation"},
                    {"Type", type},
                    {"Key", a.id},
                    {"Namespace", a.ns},
                    {"Index", a.index},
                    {"Payload", {{"Allocation", payload}}}});
  if (!quirks.hidden.contains(a.ns)) emit({{"Index", a.index}, {"Events", events}});
  wake();
}

// Blocking queries whose index has been passed.
void FakeNomad::State::wake() {
  std::vector<Parked> stay;
  for (Parked& each : parked) {
    if (index_of(each.request) <= each.index && Clock::now() < each.until) {
      stay.push_back(std::move(each));
      continue;
    }
    const HttpReply reply = route(each.request);
    std::string bytes = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
    for (const std::string& header : reply.headers) bytes += header + "\r\n";
    bytes += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    server->push(each.stream, bytes, true);
    server->finish(each.stream);
  }
  parked = std::move(stay);
}

void FakeNomad::State::tick(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(milliseconds(20));
    const std::lock_guard lock(mutex);
    wake();
    for (const std::uint64_t id : std::exchange(closing, {})) server->finish(id, true);
    if (Clock::now() - beat < kHeartbeat) continue;
    beat = Clock::now();
    for (const auto& [id, chunked] : streams) server->push(id, "{}\n", !chunked);
  }
}

FakeNomad::FakeNomad(const std::vector<std::string>& addresses) : state_(std::make_unique<State>(addresses)) {}

FakeNomad::~FakeNomad() {
  state_->clock.request_stop();
  state_->clock.join();
  state_->server.reset();
}

std::string FakeNomad::url() const { return state_->server->url(); }
HttpServer& FakeNomad::server() { return *state_->server; }

std::string FakeNomad::add_node(NomadNode node) {
  const std::lock_guard lock(state_->mutex);
  if (node.id.empty()) node.id = uuid(1, state_->next_id++);
  node.index = ++state_->index;
  const std::string id = node.id;
  state_->nodes[id] = std::move(node);
  if (!state_->quiet) {
    state_->emit({{"Index", state_->index},
                  {"Events", json::array({{{"Topic", "Node"},
                                           {"Type", "NodeRegistration"},
                                           {"Key", id},
                                           {"Namespace", ""},
                                           {"Index", state_->index},
                                           {"Payload", {{"Node", node_of(state_->nodes[id], true)}}}}})}});
  }
  return id;
}

void FakeNomad::remove_node(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  std::erase_if(state_->allocations, [&](const auto& each) { return each.second.node == id; });
  state_->by_node.erase(id);
  state_->nodes.erase(id);
  ++state_->index;
}

std::string FakeNomad::start(NomadAllocation allocation) {
  const std::lock_guard lock(state_->mutex);
  if (allocation.id.empty()) allocation.id = uuid(2, state_->next_id++);
  allocation.index = ++state_->index;
  const std::string id = allocation.id;
  state_->by_node[allocation.node].insert(id);
  state_->allocations[id] = std::move(allocation);
  state_->changed(state_->allocations[id], "AllocationUpdated", true);
  return id;
}

void FakeNomad::change(const std::string& id, const std::function<void(NomadAllocation&)>& change) {
  const std::lock_guard lock(state_->mutex);
  NomadAllocation& allocation = state_->allocations.at(id);
  change(allocation);
  allocation.index = ++state_->index;
  state_->changed(allocation, "PlanResult", false);
}

void FakeNomad::collect(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  state_->by_node[state_->allocations.at(id).node].erase(id);
  state_->allocations.erase(id);
}

void FakeNomad::rewind(std::uint64_t index) {
  const std::lock_guard lock(state_->mutex);
  state_->index = index;
  for (auto& [id, allocation] : state_->allocations) allocation.index = std::min(allocation.index, index);
  for (auto& [id, node] : state_->nodes) node.index = std::min(node.index, index);
}

void FakeNomad::quirks(const std::function<void(NomadQuirks&)>& change) {
  const std::lock_guard lock(state_->mutex);
  change(state_->quirks);
}

void FakeNomad::end_streams() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [id, chunked] : state_->streams) state_->server->finish(id, true);
  state_->streams.clear();
}

void FakeNomad::quiet(bool quiet) {
  const std::lock_guard lock(state_->mutex);
  state_->quiet = quiet;
  if (!quiet) state_->wake();
}

std::uint64_t FakeNomad::requests(const std::string& path_part) const {
  const std::lock_guard lock(state_->mutex);
  std::uint64_t sum = 0;
  for (const auto& [path, count] : state_->counts) sum += path.find(path_part) == std::string::npos ? 0 : count;
  return sum;
}

std::uint64_t FakeNomad::requests() const { return state_->server->requests(); }

std::size_t FakeNomad::streams() const {
  const std::lock_guard lock(state_->mutex);
  return state_->streams.size();
}

}  // namespace muster::fakes
