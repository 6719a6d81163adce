// What a task says of its container: networks, port mappings, labels of ports and health checks, as values.
#include "mesos/task.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mesos/recorded.h"
#include "mesos/state.h"

namespace muster::mesos {
namespace {

using Json = nlohmann::json;
using Strings = std::vector<std::string>;

// A running task at 10.0.0.21 with `more` merged in.
Instance decoded(const Json& more) {
  Json task = {{"id", "web.1"}, {"name", "web"}, {"slave_id", "S0"}, {"framework_id", "F"}, {"state", "TASK_RUNNING"}};
  task.merge_patch(more);
  const Json document = {
      {"id", "m1"},
      {"slaves", Json::array({{{"id", "S0"}, {"hostname", "n1"}, {"pid", "slave(1)@10.0.0.21:5051"}}})},
      {"frameworks", Json::array({{{"id", "F"}, {"name", "marathon"}, {"tasks", Json::array({task})}}})}};
  Result<State> state = decode_state(document.dump());
  if (!state || state->tasks["S0"].running.size() != 1) {
    ADD_FAILURE() << "no running task: " << document;
    return {};
  }
  state->tasks["S0"].running.seal();
  return state->tasks["S0"].running.at(0);
}

Json status(Json network_infos, Json labels = Json::array()) {
  return Json::array({{{"state", "TASK_RUNNING"},
                       {"timestamp", 1.5},
                       {"labels", std::move(labels)},
                       {"container_status", {{"network_infos", std::move(network_infos)}}}}});
}

Json network(const Strings& ips, const char* name = nullptr) {
  Json out = {{"ip_addresses", Json::array()}};
  for (const std::string& ip : ips) out["ip_addresses"].push_back({{"protocol", "IPv4"}, {"ip_address", ip}});
  if (name != nullptr) out["name"] = name;
  return out;
}

Json mapping(Json host, Json container, const char* protocol = nullptr) {
  Json out = {{"host_port", std::move(host)}, {"container_port", std::move(container)}};
  if (protocol != nullptr) out["protocol"] = protocol;
  return out;
}

// "netinfo 172.17.0.2 inside dcos"
Strings show(const std::vector<Address>& addresses) {
  static const char* const kKinds[] = {"netinfo", "mesos", "docker", "host"};
  Strings out;
  for (const Address& each : addresses) {
    out.push_back(std::string(kKinds[static_cast<int>(each.kind)]) + " " + each.ip + (each.inside ? " inside" : "") +
                  (each.network.empty() ? "" : " " + each.network));
  }
  return out;
}

// "31000->80", or "31000" where nothing is told of a mapping.
Strings show(const std::vector<Port>& ports) {
  Strings out;
  for (const Port& each : ports) {
    out.push_back(std::to_string(each.number) + (each.inside == 0 ? "" : "->" + std::to_string(each.inside)));
  }
  return out;
}

TEST(ContainerAddress, IsOfTheContainersOwnNetworkUnlessItIsTheAgents) {
  struct Case {
    const char* story;
    Json container;
    Json networks;
    Strings addresses;
  };
  const Json none = Json::object();
  const auto docker = [](const char* mode) { return Json{{"type", "DOCKER"}, {"docker", {{"network", mode}}}}; };
  const auto named = [](const Strings& names) {
    Json out = {{"type", "MESOS"}, {"network_infos", Json::array()}};
    for (const std::string& name : names) out["network_infos"].push_back({{"name", name}});
    return out;
  };
  const Case cases[] = {
      {"Mesos fills in the agent's",
       none,
       Json::array({network({"10.0.0.21"})}),
       {"netinfo 10.0.0.21", "host 10.0.0.21"}},
      {"Docker's default bridge",
       docker("BRIDGE"),
       Json::array({network({"172.17.0.2"})}),
       {"netinfo 172.17.0.2 inside bridge", "host 10.0.0.21"}},
      {"Docker in the host's network, whatever address it tells",
       docker("HOST"),
       Json::array({network({"10.9.9.9"}, "x")}),
       {"netinfo 10.9.9.9", "host 10.0.0.21"}},
      {"a network of the user's, named by the status",
       docker("USER"),
       Json::array({network({"9.0.1.2"}, "dcos")}),
       {"netinfo 9.0.1.2 inside dcos", "host 10.0.0.21"}},
      {"named by the container alone",
       named({"dcos"}),
       Json::array({network({"9.0.1.2"})}),
       {"netinfo 9.0.1.2 inside dcos", "host 10.0.0.21"}},
      {"two networks, and which is which is not told",
       named({"a", "b"}),
       Json::array({network({"9.0.1.2"}), network({"9.0.2.2"})}),
       {"netinfo 9.0.1.2 inside", "netinfo 9.0.2.2 inside", "host 10.0.0.21"}},
      {"several networks and addresses, IPv6 among them",
       named({"a", "b"}),
       Json::array({network({"9.0.1.2", "fd01::2"}, "a"), network({"9.0.2.2"}, "b")}),
       {"netinfo 9.0.1.2 inside a", "netinfo fd01::2 inside a", "netinfo 9.0.2.2 inside b", "host 10.0.0.21"}},
      {"no network at all", docker("NONE"), Json::array(), {"host 10.0.0.21"}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(show(decoded({{"container", each.container}, {"statuses", status(each.networks)}}).addresses),
              each.addresses)
        << each.story;
  }
}

TEST(ContainerAddress, ComesFromTheLabelsOfTheStatusToo) {
  const Json label = {{"key", "Docker.NetworkSettings.IPAddress"}, {"value", "172.17.0.2"}};
  EXPECT_EQ(show(decoded({{"container", {{"docker", {{"network", "BRIDGE"}}}}},
                          {"statuses", status(Json::array(), Json::array({label}))}})
                     .addresses),
            (Strings{"docker 172.17.0.2 inside bridge", "host 10.0.0.21"}));
}

TEST(ContainerPort, KnowsWhatItMapsTo) {
  struct Case {
    const char* story;
    Json discovery;  // numbers, or objects
    const char* resources;
    Json mappings;
    Strings ports;
  };
  const Json inner = {{"number", 80},
                      {"labels", {{"labels", Json::array({{{"key", "network-scope"}, {"value", "container"}}})}}}};
  const Case cases[] = {
      {"nothing told", Json::array({31000}), "[31000-31000]", Json::array(), {"31000", "31000"}},
      {"named by the host's port",
       Json::array({31000}),
       "[31000-31001]",
       Json::array({mapping(31000, 80, "tcp"), mapping(31001.0, 443.0, "tcp")}),
       {"31000->80", "31000->80", "31001->443"}},
      {"named by the container's port",
       Json::array({80}),
       "[31000-31000]",
       Json::array({mapping(31000, 80)}),
       {"80->80", "31000->80"}},
      {"a number on both sides is the host's",
       Json::array({81}),
       "[80-81]",
       Json::array({mapping(81, 80), mapping(80, 81)}),
       {"81->80", "80->81", "81->80"}},
      {"unless Marathon says that it is the container's",
       Json::array({inner}),
       "[80-81]",
       Json::array({mapping(81, 80), mapping(80, 81)}),
       {"80->80", "80->81", "81->80"}},
      {"tcp and udp apart",
       Json::array({{{"number", 53}, {"protocol", "udp"}}, {{"number", 53}, {"protocol", "tcp"}}}),
       "",
       Json::array({mapping(53, 5300, "tcp"), mapping(53, 5353, "udp")}),
       {"53->5353", "53->5300"}},
      {"nonsense maps nothing",
       Json::array({31000}),
       "",
       Json::array({5, nullptr, "x", mapping("31000", 80), mapping(31000, 0), mapping(-1, 80), mapping(1e9, 2.5)}),
       {"31000"}},
  };
  for (const Case& each : cases) {
    Json ports = Json::array();
    for (const Json& port : each.discovery) ports.push_back(port.is_object() ? port : Json{{"number", port}});
    Json task = {{"discovery", {{"visibility", "EXTERNAL"}, {"ports", {{"ports", ports}}}}},
                 {"resources", {{"ports", each.resources}}}};
    const Json bare = task;
    task["container"] = {{"docker", {{"network", "BRIDGE"}, {"port_mappings", each.mappings}}}};
    EXPECT_EQ(show(decoded(task).ports), each.ports) << each.story;
    EXPECT_EQ(decoded(task).visibility, "EXTERNAL");

    task["container"] = {{"network_infos", Json::array({{{"name", "n"}, {"port_mappings", each.mappings}}})}};
    EXPECT_EQ(show(decoded(task).ports), each.ports) << each.story << ", by the container's network";

    task["container"]["docker"] = {{"network", "HOST"}};
    for (const std::string& port : show(decoded(task).ports)) {
      EXPECT_EQ(port.find('>'), std::string::npos) << each.story << ": Docker maps nothing in the host's network";
    }

    task = bare;
    task["statuses"] = status(Json::array({{{"port_mappings", each.mappings}}}));
    EXPECT_EQ(show(decoded(task).ports), each.ports) << each.story << ", by the status";
  }
}

TEST(PortLabels, AreKeptWhereTheRulesReadThem) {
  const Json labels = Json::array({{{"key", "VIP_0"}, {"value", "/web:80"}},
                                   {{"key", "network-scope"}, {"value", "host"}},
                                   {{"key", "name"}, {"value", "admin"}},
                                   {{"key", "tags"}, {"value", "a,b"}},
                                   {{"key", "Check_HTTP"}, {"value", "http://{host}"}},
                                   {{"key", "consul"}, {"value", "false"}},
                                   {{"key", "check_tcp"}, {"value", 7}},
                                   {{"key", "check_ttl"}, {"value", std::string(70'000, 'x')}}});
  const Instance task = decoded(
      {{"discovery", {{"ports", {{"ports", Json::array({{{"number", 80}, {"labels", {{"labels", labels}}}}})}}}}}});
  ASSERT_EQ(task.ports.size(), 1U);
  EXPECT_EQ(task.ports[0].tags, (Strings{"a", "b"}));
  EXPECT_EQ(task.ports[0].labels,
            (std::vector<Label>{{"name", "admin"}, {"Check_HTTP", "http://{host}"}, {"consul", "false"}}));
}

// "http target every 10s within 20s, 3 failures"
std::string show(const Check& check) {
  return (check.http.empty() ? "tcp " + check.tcp : "http " + check.http) + " every " + check.interval +
         (check.timeout.empty() ? "" : " within " + check.timeout) + ", " +
         std::to_string(check.failures_before_critical) + " failures" + (check.tls_skip_verify ? ", unverified" : "");
}

TEST(HealthCheck, BecomesTheCheckThatConsulCanRun) {
  struct Case {
    const char* json;
    const char* check;  // "": none
  };
  const Case cases[] = {
      {R"({"type":"HTTP","interval_seconds":5.0,"timeout_seconds":2.5,"consecutive_failures":4,
           "http":{"scheme":"http","port":80,"path":"/health"}})",
       "http http://{host}:{port:80}/health every 5s within 2500ms, 4 failures"},
      {R"({"type":"HTTP","http":{"port":8080.0}})", "http http://{host}:{port:8080} every 10s within 20s, 3 failures"},
      {R"({"type":"HTTP","http":{"scheme":"https","port":443,"path":"up{host}"}})",
       "http https://{host}:{port:443}/up%7Bhost} every 10s within 20s, 3 failures, unverified"},
      {R"({"type":"TCP","tcp":{"port":5432},"consecutive_failures":1,"timeout_seconds":0})",
       "tcp {host}:{port:5432} every 10s, 0 failures"},
      {R"({"http":{"port":80},"interval_seconds":1})", "http http://{host}:{port:80} every 1s within 20s, 3 failures"},
      {R"({"tcp":{"port":80}})", "tcp {host}:{port:80} every 10s within 20s, 3 failures"},
      {R"({"type":"COMMAND","command":{"value":"true"},"http":{"port":80}})", ""},
      {R"({"type":"HTTP"})", ""},
      {R"({"type":"HTTP","http":{"port":0}})", ""},
      {R"({"type":"HTTP","http":{"port":70000}})", ""},
      {R"({"type":"HTTP","http":{"port":"80"}})", ""},
      {R"({"type":"TCP","http":{"port":80}})", ""},
      {R"({"type":"TCP","tcp":{"port":80},"interval_seconds":-1,"timeout_seconds":1e300,"consecutive_failures":1e300})",
       "tcp {host}:{port:80} every 10s, 0 failures"},
      {R"([])", ""},
      {R"("HTTP")", ""},
      {R"({})", ""},
  };
  for (const Case& each : cases) {
    const std::vector<Check> checks = decoded({{"health_check", Json::parse(each.json)}}).checks;
    ASSERT_EQ(checks.size(), *each.check == '\0' ? 0U : 1U) << each.json;
    for (const Check& check : checks) EXPECT_EQ(show(check), each.check);
  }
  EXPECT_TRUE(
      decoded({{"health_check", {{"type", "HTTP"}, {"http", {{"port", 80}, {"path", std::string(3000, 'x')}}}}}})
          .checks.empty());
}

// One task must leave nothing of itself to the next.
TEST(TaskDraft, ForgetsAllOfTheTaskBefore) {
  TaskDraft draft;
  draft.docker_network = "BRIDGE";
  draft.health.emplace().type = "HTTP";
  draft.health->http_port = 80;
  draft.instance.visibility = "CLUSTER";
  draft.add_mapping({31000, 80, ""});
  draft.add_network("n");
  draft.resource_ports = "[31000-31000]";
  draft.state = "TASK_RUNNING";
  draft.finish(10);
  ASSERT_EQ(show(draft.instance.ports), Strings{"31000->80"});
  ASSERT_EQ(draft.instance.checks.size(), 1U);
  draft.reset();
  draft.resource_ports = "[31000-31000]";
  draft.add_status({"TASK_RUNNING", 1, {}, {{AddressKind::NetInfo, "9.0.0.1"}}, {}, {}, {}});
  draft.finish(10);
  EXPECT_EQ(show(draft.instance.ports), Strings{"31000"});
  EXPECT_EQ(show(draft.instance.addresses), Strings{"netinfo 9.0.0.1 inside"});
  EXPECT_TRUE(draft.instance.checks.empty());
  EXPECT_EQ(draft.instance.visibility, "");
}

// Without a mark of its own a task whose ports were all refused looked like one that has none.
TEST(TaskDraft, KeepsThatAllPortsOfATaskWereRefused) {
  const auto ports = [](const char* text) {
    TaskDraft draft;
    draft.resource_ports = text;
    draft.finish(10);
    std::vector<int> out;
    for (const Port& port : draft.instance.ports) out.push_back(port.number);
    return out;
  };
  using Numbers = std::vector<int>;
  EXPECT_EQ(ports("[70000-70001]"), Numbers{0});
  EXPECT_EQ(ports("[0-0]"), Numbers{0});
  EXPECT_EQ(ports("[x]"), Numbers{0});
  EXPECT_EQ(ports("[31000-31000, 70000-70001]"), Numbers{31000});
  EXPECT_EQ(ports("[]"), Numbers{});
  EXPECT_EQ(ports(""), Numbers{});
}

}  // namespace
}  // namespace muster::mesos
