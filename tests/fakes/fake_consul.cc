#include "fakes/fake_consul.h"

#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "fakes/fake_consul_state.h"

namespace muster::fakes {
namespace {

constexpr std::string_view kRegister = "/v1/agent/service/register";
constexpr std::string_view kDeregister = "/v1/agent/service/deregister/";
constexpr std::string_view kMaintenance = "/v1/agent/service/maintenance/";
constexpr std::string_view kCheckDeregister = "/v1/agent/check/deregister/";

constexpr std::string_view kCheckUpdate = "/v1/agent/check/update/";

enum class Call { Services, Checks, Self, Node, Register, Deregister, CheckDeregister, Report, Maintenance, Unknown };

struct FakeAgent {
  FakeState state;
  FakeCounts counts;
  Mood mood;
  std::uint64_t dies_in = 0;  // writes left; 0: lives
  bool dies_after = false;
  // The last answers to the two lists: an idle agent answers a bench of thousands at the cost of a copy.
  std::optional<std::string> services;
  std::optional<std::string> checks;
};

std::string node_name(std::size_t agent) { return "fake-" + std::to_string(agent); }

std::string node_id(std::size_t agent) {
  const std::string n = std::to_string(agent);
  return "00000000-0000-0000-0000-" + std::string(12 - std::min<std::size_t>(n.size(), 12), '0') + n;
}

// `host`: where it listens and what it advertises.
std::string self(std::size_t agent, const std::string& host) {
  return R"({"Config":{"Datacenter":"dc1","NodeName":")" + node_name(agent) + R"(","NodeID":")" + node_id(agent) +
         R"(","Server":false,"Version":"1.8.7"},"Member":{"Name":")" + node_name(agent) + R"(","Addr":")" + host +
         R"("}})";
}

// `services`: as the agent lists them; the catalog's own form has the same fields for muster.
std::string catalog_node(std::size_t agent, const std::string& host, const std::string& services) {
  return R"({"Node":{"ID":")" + node_id(agent) + R"(","Node":")" + node_name(agent) + R"(","Address":")" + host +
         R"("},"Services":)" + services + "}";
}

Call classify(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (request.method == "GET") {
    if (path == "/v1/agent/services") return Call::Services;
    if (path == "/v1/agent/checks") return Call::Checks;
    if (path == "/v1/agent/self") return Call::Self;
    if (path == "/v1/catalog/node/" + node_name(request.listener)) return Call::Node;
  }
  if (path == kRegister) return Call::Register;
  if (path.starts_with(kDeregister)) return Call::Deregister;
  if (path.starts_with(kCheckDeregister)) return Call::CheckDeregister;
  if (path.starts_with(kCheckUpdate)) return Call::Report;
  if (path.starts_with(kMaintenance)) return Call::Maintenance;
  return Call::Unknown;
}

bool is_write(const HttpRequest& request, Call call) {
  return request.method != "GET" && call >= Call::Register && call <= Call::Maintenance;
}

void count(FakeCounts& counts, const HttpRequest& request, Call call) {
  switch (call) {
    case Call::Register:
      ++counts.registers;
      return;
    case Call::Deregister:
      ++counts.deregisters;
      return;
    case Call::CheckDeregister:
      ++counts.check_deregisters;
      return;
    case Call::Report:
      ++counts.reports;
      return;
    case Call::Maintenance:
      ++counts.maintenances;
      return;
    default:
      ++(request.method == "GET" ? counts.reads : counts.others);
      return;
  }
}

HttpReply json_reply(std::string body) {
  return {.body = std::move(body), .headers = {"Content-Type: application/json"}};
}

}  // namespace

struct FakeConsul::Impl {
  mutable std::mutex mutex;  // guards the agents
  std::vector<FakeAgent> agents;
  FakeConsulOptions options;
  std::unique_ptr<HttpServer> server;

  HttpReply handle(const HttpRequest& request);
  HttpReply work(FakeAgent& agent, const HttpRequest& request, Call call);
  std::optional<HttpReply> forbid(const HttpRequest& request, Call call) const;
  std::string host(std::size_t agent) const;
};

std::string FakeConsul::Impl::host(std::size_t agent) const {
  const std::string address = server->address(agent);
  return address.starts_with("unix:") ? "127.0.0.1" : address.substr(0, address.rfind(':'));
}

HttpReply FakeConsul::Impl::handle(const HttpRequest& request) {
  const std::unique_lock lock(mutex);
  FakeAgent& agent = agents.at(request.listener);
  const Call call = classify(request);
  count(agent.counts, request, call);
  const bool dies = is_write(request, call) && agent.dies_in > 0 && --agent.dies_in == 0;
  if (dies) {
    if (agent.dies_after) work(agent, request, call);
    server->close_listener(request.listener);  // this is the server's thread: done at once
    return {.manner = Manner::Reset};
  }
  const Mood& mood = agent.mood;
  const bool moody = !mood.only_writes || is_write(request, call);
  if (moody && mood.status != 0) {
    return {.status = mood.status, .body = mood.body, .manner = mood.manner, .delay = mood.delay};
  }
  HttpReply reply = work(agent, request, call);
  if (moody) {
    reply.manner = mood.manner;
    reply.delay = mood.delay;
  }
  return reply;
}

std::optional<HttpReply> FakeConsul::Impl::forbid(const HttpRequest& request, Call call) const {
  if (options.token.empty()) return std::nullopt;
  const auto header = request.headers.find("x-consul-token");
  const std::string token = header == request.headers.end() ? "" : header->second;
  if (token == options.token) return std::nullopt;
  if (!token.empty()) return HttpReply{.status = 403, .body = "ACL not found"};
  if (call == Call::Services || call == Call::Checks) return json_reply("{}");
  return HttpReply{.status = 403, .body = "Permission denied"};
}

HttpReply FakeConsul::Impl::work(FakeAgent& agent, const HttpRequest& request, Call call) {
  if (auto refused = forbid(request, call)) return *refused;
  const bool read = call <= Call::Node;
  if (call != Call::Unknown && request.method != (read ? "GET" : "PUT")) {
    return {.status = 405, .body = "method " + request.method + " not allowed"};
  }
  if (!read) {
    agent.services.reset();
    agent.checks.reset();
  }
  FakeState& state = agent.state;
  switch (call) {
    case Call::Services:
    case Call::Node:
      if (!agent.services) agent.services = render_services(state);
      if (call == Call::Services) return json_reply(*agent.services);
      return json_reply(catalog_node(request.listener, host(request.listener), *agent.services));
    case Call::Checks:
      if (!agent.checks) agent.checks = render_checks(state);
      return json_reply(*agent.checks);
    case Call::Self:
      return json_reply(self(request.listener, host(request.listener)));
    case Call::Register:
      return apply_register(state, request, options);
    case Call::Deregister:
      return apply_deregister(state, request.path.substr(kDeregister.size()), options);
    case Call::CheckDeregister:
      return apply_check_deregister(state, request.path.substr(kCheckDeregister.size()), options);
    case Call::Report:
      return apply_report(state, request.path.substr(kCheckUpdate.size()), request);
    case Call::Maintenance:
      return apply_maintenance(state, request.path.substr(kMaintenance.size()), request);
    case Call::Unknown:
      break;
  }
  return {.status = 404, .body = "the fake knows no " + request.method + " " + request.path};
}

FakeConsul::FakeConsul(std::size_t agents, FakeConsulOptions options)
    : FakeConsul(std::vector<std::string>(agents, "127.0.0.1:0"), std::move(options)) {}

FakeConsul::FakeConsul(const std::vector<std::string>& addresses, FakeConsulOptions options)
    : impl_(std::make_unique<Impl>()) {
  impl_->agents.resize(addresses.size());
  impl_->options = std::move(options);
  // No request can come before its address is known, and that is after this.
  impl_->server = std::make_unique<HttpServer>(
      addresses, [impl = impl_.get()](const HttpRequest& request) { return impl->handle(request); });
}

FakeConsul::~FakeConsul() { impl_->server.reset(); }

std::size_t FakeConsul::size() const { return impl_->agents.size(); }

std::string FakeConsul::url(std::size_t agent) const { return impl_->server->url(agent); }

FakeState FakeConsul::state(std::size_t agent) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->agents.at(agent).state;
}

std::vector<std::string> FakeConsul::ids(std::size_t agent) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> out;
  for (const auto& [id, service] : impl_->agents.at(agent).state.services) out.push_back(id);
  return out;
}

void FakeConsul::edit(std::size_t agent, const std::function<void(FakeState&)>& change) {
  const std::lock_guard lock(impl_->mutex);
  FakeAgent& edited = impl_->agents.at(agent);
  change(edited.state);
  edited.services.reset();
  edited.checks.reset();
}

void FakeConsul::wipe(std::size_t agent) {
  edit(agent, [](FakeState& state) { state = {}; });
}

FakeCounts FakeConsul::counts(std::size_t agent) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->agents.at(agent).counts;
}

FakeCounts FakeConsul::total() const {
  const std::lock_guard lock(impl_->mutex);
  FakeCounts sum;
  for (const FakeAgent& agent : impl_->agents) {
    sum.reads += agent.counts.reads;
    sum.registers += agent.counts.registers;
    sum.deregisters += agent.counts.deregisters;
    sum.check_deregisters += agent.counts.check_deregisters;
    sum.maintenances += agent.counts.maintenances;
    sum.others += agent.counts.others;
    sum.reports += agent.counts.reports;
  }
  return sum;
}

void FakeConsul::reset_counts() {
  const std::lock_guard lock(impl_->mutex);
  for (FakeAgent& agent : impl_->agents) agent.counts = {};
}

void FakeConsul::set_mood(std::size_t agent, Mood mood) {
  const std::lock_guard lock(impl_->mutex);
  impl_->agents.at(agent).mood = std::move(mood);
}

void FakeConsul::die_at_write(std::size_t agent, std::uint64_t n, bool after) {
  const std::lock_guard lock(impl_->mutex);
  impl_->agents.at(agent).dies_in = n;
  impl_->agents.at(agent).dies_after = after;
}

void FakeConsul::kill(std::size_t agent) { impl_->server->close_listener(agent); }
void FakeConsul::revive(std::size_t agent) { impl_->server->open_listener(agent); }
void FakeConsul::freeze(std::size_t agent, bool frozen) { impl_->server->freeze(agent, frozen); }

}  // namespace muster::fakes
