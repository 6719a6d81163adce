#include "fakes/fake_fleet.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

namespace muster::fakes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTokenLimit = 100;
constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kRoot[] = "/fleet/v1/";

// {limit, page} as two little-endian 16-bit numbers, in base64: "ZAACAA==" is the second page of 100.
std::string token_of(std::size_t limit, std::size_t page) {
  const unsigned bytes[] = {static_cast<unsigned>(limit & 0xFFU), static_cast<unsigned>(limit >> 8U & 0xFFU),
                            static_cast<unsigned>(page & 0xFFU), static_cast<unsigned>(page >> 8U & 0xFFU)};
  const unsigned first = bytes[0] << 16U | bytes[1] << 8U | bytes[2];
  const unsigned second = bytes[3] << 16U;
  std::string out;
  for (const unsigned shift : {18U, 12U, 6U, 0U}) out += kLetters[first >> shift & 63U];
  for (const unsigned shift : {18U, 12U}) out += kLetters[second >> shift & 63U];
  return out + "==";
}

std::optional<std::size_t> page_of(const std::string& token, std::size_t limit) {
  for (std::size_t page = 1; page < 1000; ++page) {
    if (token == token_of(limit, page)) return page;
  }
  return std::nullopt;
}

HttpReply json(int status, const Json& body) { return {status, body.dump(), {"Content-Type: application/json"}}; }

HttpReply error(int code, const std::string& message) {
  return json(code, {{"error", {{"code", code}, {"message", message}}}});
}

// currentState and machineID are left out of the answer about one global unit, and machineID where there is none.
Json describe(const std::string& name, const FleetUnit& unit, bool alone) {
  Json out{{"name", name}, {"desiredState", unit.desired}, {"options", Json::array()}};
  if (unit.global) {
    if (!alone) out["currentState"] = "inactive";
  } else {
    out["currentState"] = unit.current;
    if (!unit.machine.empty()) out["machineID"] = unit.machine;
  }
  for (const FleetOption& option : unit.options) {
    out["options"].push_back({{"section", option.section}, {"name", option.name}});
    if (!option.value.empty()) out["options"].back()["value"] = option.value;
  }
  return out;
}

}  // namespace

struct FakeFleet::State {
  std::mutex mutex;
  FleetCluster cluster;
  int etcd_down = 0;  // or the status
  std::size_t limit = kTokenLimit;
  std::uint64_t reads = 0;
  std::function<void(FleetCluster&, std::size_t)> between;
  std::function<HttpReply(const HttpRequest&)> instead;
  std::unique_ptr<HttpServer> server;

  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    if (request.path == "/fleet/v1/units" && !request.query.contains("nextPageToken")) ++reads;
    if (instead) return instead(request);
    if (etcd_down == 503) return error(503, "fleet server unable to communicate with etcd");
    if (etcd_down != 0) return error(500, "");
    if (!request.path.starts_with(kRoot)) return error(404, "");
    const std::string what = request.path.substr(sizeof(kRoot) - 1);
    if (what.starts_with("units/") && what.size() > 6) return one(what.substr(6));
    if (what != "units" && what != "state" && what != "machines") return error(404, "");
    if (request.method != "GET") return error(405, "only GET supported against this resource");
    return list(what, request);
  }

  std::string bad_token(const std::string& token) const {
    return token.size() == token_of(limit, 1).size() ? "token limit must be " + std::to_string(limit)
                                                     : "illegal base64 data at input byte 0";
  }

  HttpReply one(const std::string& name) {
    const auto found = cluster.units.find(name);
    if (found == cluster.units.end()) return error(404, "unit does not exist");
    return json(200, describe(name, found->second, true));
  }

  HttpReply list(const std::string& what, const HttpRequest& request) {
    const auto token = request.query.find("nextPageToken");
    const auto page = token == request.query.end() ? 1 : page_of(token->second, limit);
    if (!page) return error(400, bad_token(token->second));
    if (between && what == "units") between(cluster, *page);
    const std::vector<Json> rows = rows_of(what);
    const std::size_t from = std::min((*page - 1) * limit, rows.size());
    const std::size_t to = std::min(from + limit, rows.size());
    Json out = Json::object();
    if (from < to) {
      out[what == "state" ? "states" : what] = std::vector<Json>(rows.begin() + static_cast<std::ptrdiff_t>(from),
                                                                 rows.begin() + static_cast<std::ptrdiff_t>(to));
    }
    if (from < to && from + limit <= rows.size()) {  // also where that page will be empty
      out["nextPageToken"] = token_of(limit, *page + 1);
    } else if (what == "state") {
      std::erase_if(cluster.states, [](const auto& each) { return each.second.leaving; });
    }
    return json(200, out);
  }

  std::vector<Json> rows_of(const std::string& what) const {
    std::vector<Json> out;
    if (what == "machines") {
      for (const auto& [id, machine] : cluster.machines) {
        out.push_back({{"id", id}, {"metadata", machine.metadata}, {"primaryIP", machine.ip}});
      }
    } else if (what == "units") {
      for (const auto& [name, unit] : cluster.units) out.push_back(describe(name, unit, false));
    } else {
      for (const auto& [at, state] : cluster.states) {
        out.push_back({{"name", at.first},
                       {"machineID", at.second},
                       {"hash", state.hash},
                       {"systemdLoadState", state.load},
                       {"systemdActiveState", state.active},
                       {"systemdSubState", state.sub}});
      }
    }
    return out;
  }
};

FakeFleet::FakeFleet(const std::string& address) : state_(std::make_unique<State>()) {
  state_->server = std::make_unique<HttpServer>(std::vector{address},
                                                [this](const HttpRequest& request) { return state_->answer(request); });
}

FakeFleet::~FakeFleet() { state_->server.reset(); }

std::string FakeFleet::url() const { return state_->server->url(); }
HttpServer& FakeFleet::server() { return *state_->server; }

std::uint64_t FakeFleet::reads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reads;
}

void FakeFleet::edit(const std::function<void(FleetCluster&)>& change) {
  const std::lock_guard lock(state_->mutex);
  change(state_->cluster);
}

void FakeFleet::add_machine(const std::string& id, const std::string& ip) {
  edit([&](FleetCluster& cluster) { cluster.machines[id] = {ip, {}}; });
}

void FakeFleet::lose_machine(const std::string& id) {
  edit([&](FleetCluster& cluster) {
    cluster.machines.erase(id);
    std::erase_if(cluster.states, [&](const auto& each) { return each.first.second == id; });
  });
}

void FakeFleet::start(const std::string& name, const std::string& machine,
                      const std::map<std::string, std::string>& consul) {
  edit([&](FleetCluster& cluster) {
    FleetUnit& unit = cluster.units[name];
    unit = {};
    unit.machine = machine;
    unit.options = {{"Service", "ExecStart", "/bin/sleep 3600"}};
    for (const auto& [key, value] : consul) unit.options.push_back({"X-Consul", key, value});
    cluster.states[{name, machine}] = {};
  });
}

void FakeFleet::stop(const std::string& name) {
  edit([&](FleetCluster& cluster) {
    cluster.units[name].desired = "loaded";
    for (auto& [at, state] : cluster.states) {
      if (at.first == name) state.active = "inactive", state.sub = "dead";
    }
  });
}

void FakeFleet::destroy(const std::string& name) {
  edit([&](FleetCluster& cluster) {
    cluster.units.erase(name);
    for (auto& [at, state] : cluster.states) state.leaving = state.leaving || at.first == name;
  });
}

void FakeFleet::move(const std::string& name, const std::string& machine) {
  expire(name);
  edit([&](FleetCluster& cluster) {
    cluster.units[name].machine = machine;
    cluster.states[{name, machine}] = {};
  });
}

void FakeFleet::expire(const std::string& name) {
  edit([&](FleetCluster& cluster) {
    std::erase_if(cluster.states, [&](const auto& each) { return each.first.first == name; });
  });
}

void FakeFleet::etcd_down(bool down) {
  const std::lock_guard lock(state_->mutex);
  state_->etcd_down = down ? 500 : 0;
}

void FakeFleet::etcd_long_down(bool down) {
  const std::lock_guard lock(state_->mutex);
  state_->etcd_down = down ? 503 : 0;
}

void FakeFleet::lose_memory() {
  edit([](FleetCluster& cluster) { cluster = {}; });
}

void FakeFleet::page_size(std::size_t rows) {
  const std::lock_guard lock(state_->mutex);
  state_->limit = rows;
}

void FakeFleet::between_pages(std::function<void(FleetCluster&, std::size_t)> change) {
  const std::lock_guard lock(state_->mutex);
  state_->between = std::move(change);
}

void FakeFleet::answer_with(std::function<HttpReply(const HttpRequest&)> reply) {
  const std::lock_guard lock(state_->mutex);
  state_->instead = std::move(reply);
}

void FakeFleet::behave() { answer_with({}); }

}  // namespace muster::fakes
