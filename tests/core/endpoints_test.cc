// Which address a service gets, and which number goes with it: the table of docs/mesos.md, and its edges.
#include "core/endpoints.h"

#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::compat;
using notation::desired;
using notation::Lines;
using notation::modern;

using enum AddressKind;

// "10.0.0.21:31000 10.0.0.21:31001", one a service.
Lines pairs(const std::string& task, const RuleSettings& settings) {
  Lines out;
  for (const Service& each : desired({task}, settings).services) {
    out.push_back(each.address + ":" + std::to_string(each.port));
  }
  return out;
}

struct Case {
  const char* story;
  const char* task;
  Lines pairs;
};

void expect_all(const std::vector<Case>& cases, const RuleSettings& settings) {
  for (const Case& each : cases) {
    EXPECT_EQ(pairs(std::string("t web ") + each.task, settings), each.pairs) << each.story;
  }
}

TEST(Pair, GoesTogetherInTheDefaultOrder) {
  expect_all(
      {
          {"the host's network", "31000 @netinfo:10.0.0.21 @host:10.0.0.21", {"10.0.0.21:31000"}},
          {"Docker's bridge: nobody else has a route to the container",
           "31000>80 @netinfo:172.17.0.2/bridge @docker:172.17.0.2/bridge @host:10.0.0.21",
           {"10.0.0.21:31000"}},
          {"Mesos' own bridge: the same",
           "31000>80 @netinfo:172.31.254.2/mesos-bridge @host:10.0.0.21",
           {"10.0.0.21:31000"}},
          {"a bridge without a mapping", "31000 @netinfo:172.17.0.2/bridge @host:10.0.0.21", {"10.0.0.21:31000"}},
          {"a named network: the container's address with the container's port",
           "http:31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21",
           {"9.0.1.2:80"}},
          {"named by the container's port: the same",
           "http:80>80,31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21",
           {"9.0.1.2:80"}},
          {"a network without mappings: ports as declared",
           "http:8080 @netinfo:9.0.1.2/calico @host:10.0.0.21",
           {"9.0.1.2:8080"}},
          {"mappings, but of other ports: this one is the host's",
           "31000>80,31001 @netinfo:9.0.1.2/dcos @host:10.0.0.21",
           {"9.0.1.2:80", "10.0.0.21:31001"}},
          {"a network without a name counts as routed", "8080 @netinfo:9.0.1.2/ @host:10.0.0.21", {"9.0.1.2:8080"}},
          {"no port: the address alone", "@netinfo:9.0.1.2/dcos @host:10.0.0.21", {"9.0.1.2:0"}},
          {"no port, on a bridge", "@netinfo:172.17.0.2/bridge @host:10.0.0.21", {"10.0.0.21:0"}},
          {"IPv6", "31000>80 @netinfo:fd01::2/dcos6 @host:10.0.0.21", {"fd01::2:80"}},
          {"good for one interface only: not for others",
           "31000>80 @netinfo:FE80::1/dcos @netinfo:9.0.1.2/dcos @host:10.0.0.21",
           {"9.0.1.2:80"}},
          {"of several the first that is one",
           "31000>80 @netinfo:0.0.0.0/dcos @netinfo:9.0.1.2/a @netinfo:9.0.2.2/b @host:10.0.0.21",
           {"9.0.1.2:80"}},
          {"a bridge, named by the container's port: what is mapped to it",
           "http:80>80,31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21",
           {"10.0.0.21:31000"}},
          {"a bridge, 80 mapped to 80",
           "http:80>80,80>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21",
           {"10.0.0.21:80"}},
          {"tcp and udp of one number", "a:53/tcp>53 @netinfo:172.17.0.2/bridge @host:10.0.0.21", {"10.0.0.21:53"}},
          {"the container's address is all there is", "31000>80 @netinfo:172.17.0.2/bridge", {"172.17.0.2:80"}},
          {"and tells nothing of this port", "31000>80,31001 @netinfo:9.0.1.2/dcos", {"9.0.1.2:80", "9.0.1.2:31001"}},
      },
      modern());
}

TEST(Pair, FollowsTheIpOrder) {
  RuleSettings settings = modern();
  settings.ip_order = {Host};
  expect_all({{"host first", "31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21", {"10.0.0.21:31000"}}}, settings);
  settings.ip_order = {Docker, Host};
  expect_all({{"who asks for docker gets the container, bridge or not",
               "31000>80 @netinfo:172.17.0.2/bridge @docker:172.17.0.2/bridge @host:10.0.0.21",
               {"172.17.0.2:80"}}},
             settings);
  settings.ip_order = {NetInfo};
  expect_all({{"only netinfo: better the bridge than nothing",
               "31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21",
               {"172.17.0.2:80"}},
              {"what is not mapped is the host's all the same",
               "31000>80,31001 @netinfo:9.0.1.2/dcos @host:10.0.0.21",
               {"9.0.1.2:80", "10.0.0.21:31001"}}},
             settings);
}

TEST(Pair, IsOfTheNetworkThatIsAskedFor) {
  RuleSettings settings = modern();
  settings.networks = {"blue", "bridge"};
  expect_all({{"one of several", "31000>80 @netinfo:9.0.1.2/red @netinfo:9.0.2.2/blue @host:10.0.0.21", {"9.0.2.2:80"}},
              {"the first that it has",
               "31000>80 @netinfo:172.17.0.2/bridge @netinfo:9.0.2.2/blue @host:10.0.0.21",
               {"9.0.2.2:80"}},
              {"a bridge by its name", "31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21", {"172.17.0.2:80"}},
              {"none of these: as ever", "31000>80 @netinfo:9.0.1.2/red @host:10.0.0.21", {"9.0.1.2:80"}},
              {"before the order", "31000 @host:10.0.0.21", {"10.0.0.21:31000"}}},
             settings);
}

// mesos-consul pairs the first address with the port as it is, whatever reaches it there.
TEST(Pair, IsNoneWithCompat) {
  RuleSettings settings = compat();
  settings.networks = {"blue"};
  expect_all({{"a bridge", "31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21", {"172.17.0.2:31000"}},
              {"a named network", "http:80>80 @netinfo:9.0.1.2/red @netinfo:9.0.2.2/blue", {"9.0.1.2:80"}},
              {"one interface only", "31000 @netinfo:fe80::1/red @host:10.0.0.21", {"fe80::1:31000"}}},
             settings);
}

TEST(Pair, DoesNotChangeTheId) {
  for (const char* where : {"@host:10.0.0.21", "@netinfo:9.0.1.2/dcos", "@netinfo:172.17.0.2/bridge @host:10.0.0.21"}) {
    EXPECT_EQ(desired({std::string("t web http:31000>80 ") + where}, modern()).services.at(0).id, "muster:t:31000");
  }
}

TEST(Pair, IsPutIntoTheChecksOfTheLabels) {
  EXPECT_EQ(notation::show(
                desired({"t web 31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21 {check_tcp={host}:{port}}"}, modern())
                    .services.at(0)
                    .checks.at(0)),
            "tcp:muster:t:31000 tcp 9.0.1.2:80 every 10s");
}

TEST(Pair, OfAFinishedServiceGoesTogetherToo) {
  expect_all({{"mapped", "31000>80 !service @netinfo:9.0.1.2/dcos @host:10.0.0.21", {"9.0.1.2:80"}},
              {"on the host", "31000>80 !service @host:10.0.0.21", {"10.0.0.21:31000"}}},
             modern());
}

// The scheduler checks a port of the container, from within.
TEST(Inside, IsReachedWhereOthersReachIt) {
  struct InsideCase {
    const char* story;
    const char* task;
    std::uint16_t number;
    std::optional<Pair> pair;
  };
  const InsideCase cases[] = {
      {"the host's network", "31000 @host:10.0.0.21", 31000, Pair{"10.0.0.21", 31000}},
      {"any port of that", "31000 @host:10.0.0.21", 9000, Pair{"10.0.0.21", 9000}},
      {"mapped by a bridge", "31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21", 80, Pair{"10.0.0.21", 31000}},
      {"not mapped by it", "31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21", 81, std::nullopt},
      {"a bridge that maps nothing", "31000 @netinfo:172.17.0.2/bridge @host:10.0.0.21", 80, std::nullopt},
      {"only udp is mapped", "a:31000/udp>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21", 80, std::nullopt},
      {"a routed network", "31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21", 81, Pair{"9.0.1.2", 81}},
      {"mappings, and the host's address alone is known", "31000>80 @host:10.0.0.21", 80, Pair{"10.0.0.21", 31000}},
      {"no address", "31000 @", 31000, std::nullopt},
  };
  const RuleSettings settings = modern();
  for (const InsideCase& each : cases) {
    const Instance task = notation::instance(std::string("t web ") + each.task);
    EXPECT_EQ(Endpoints(task, settings).inside(each.number), each.pair) << each.story;
  }
}

TEST(Finished, ServicesKeepTheirAddressWhateverTheFlagsChooseForTasks) {
  const std::vector<Case> cases{
      {"an IP", "http:80 @host:10.0.0.21 !service", {"10.0.0.21:80"}},
      {"a name, which a task cannot have", "http:80 @host:lb-0.example.com !service", {"lb-0.example.com:80"}},
      {"the first that can be used", "http:80 @host:0.0.0.0 @host:lb @host:10.0.0.21 !service", {"lb:80"}},
      {"none at all: that of the agent", "http:80 @ !service", {":80"}},
      {"one that leads nowhere: that of the agent", "http:80 @host:10.0.0.256 !service", {":80"}},
      {"one of a single interface", "http:80 @host:fe80::1 !service", {":80"}},
  };
  expect_all(cases, modern());
  RuleSettings settings = modern();
  settings.ip_order = {NetInfo};
  expect_all(cases, settings);
}

TEST(Pair, OfATaskIsNeverAName) {
  expect_all({{"the agent's own", "31000 @netinfo:lb-0.example.com", {":31000"}}}, modern());
}

}  // namespace
}  // namespace muster
