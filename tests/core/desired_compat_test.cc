// make_desired with --compat=mesos-consul: the ids, names, tags and checks of mesos-consul 0.4.0.
#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::compat;
using notation::desired;
using notation::Lines;
using notation::show;

struct Case {
  const char* story;
  Lines instances;
  Lines services;
};

void expect_all(const std::vector<Case>& cases, const RuleSettings& settings) {
  for (const Case& each : cases) {
    EXPECT_EQ(show(desired(each.instances, settings).services), each.services) << each.story;
  }
}

TEST(CompatTask, RegistersEveryPortAsMesosConsulDoes) {
  expect_all(
      {
          {"one resource port keeps the bare name",
           {"web.1 web 31001 {tags=v1,http; check_http=http://{host}:{port}/health; check_interval=10s}"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31001 = web 10.0.0.21:31001 [v1,http] "
            "{service:mesos-consul:10.0.0.21:web:10.0.0.21:31001 http http://10.0.0.21:31001/health every 10s}"}},
          {"further resource ports are name-portN",
           {"web.1 web 31000,31001,31002"},
           {"mesos-consul:10.0.0.21:web-port2:10.0.0.21:31001 = web-port2 10.0.0.21:31001",
            "mesos-consul:10.0.0.21:web-port3:10.0.0.21:31002 = web-port3 10.0.0.21:31002",
            "mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000"}},
          {"no port at all: a dash between agent and name, port 0",
           {"web.1 web {tags=a}"},
           {"mesos-consul:10.0.0.21-web:10.0.0.21 = web 10.0.0.21:0 [a]"}},
          {"a named discovery port adds its name and its tags",
           {"web.1 web http:8080+edge+blue {tags=v1}"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:8080 = web 10.0.0.21:8080 [v1,http,edge,blue]"}},
          {"discovery and resource ports are both registered",
           {"web.1 web http:8080,31000"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000",
            "mesos-consul:10.0.0.21:web:10.0.0.21:8080 = web 10.0.0.21:8080 [http]"}},
          {"where both give one id, discovery wins with its tags",
           {"web.1 web 31000,http:31000+edge"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000 [http,edge]"}},
          {"unnamed discovery ports count, but are not registered",
           {"web.1 web :8080,admin:9090"},
           {"mesos-consul:10.0.0.21:web-port2:10.0.0.21:9090 = web-port2 10.0.0.21:9090 [admin]"}},
          {"only unnamed discovery ports: nothing above registered, so portless",
           {"web.1 web :8080"},
           {"mesos-consul:10.0.0.21-web:10.0.0.21 = web 10.0.0.21:0"}},
          {"discovery order differs from resource order: the names swap, as they did",
           {"web.1 web b:31001,a:31000,31000,31001"},
           {"mesos-consul:10.0.0.21:web-port2:10.0.0.21:31000 = web-port2 10.0.0.21:31000 [a]",
            "mesos-consul:10.0.0.21:web-port2:10.0.0.21:31001 = web-port2 10.0.0.21:31001",
            "mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000",
            "mesos-consul:10.0.0.21:web:10.0.0.21:31001 = web 10.0.0.21:31001 [b]"}},
          {"udp is not told from tcp",
           {"dns.1 dns dns:53/udp"},
           {"mesos-consul:10.0.0.21:dns:10.0.0.21:53 = dns 10.0.0.21:53 [dns]"}},
          {"overrideTaskName names it, and is cleaned",
           {"web.1 web 31000 {overrideTaskName=My.App}"},
           {"mesos-consul:10.0.0.21:my-app:10.0.0.21:31000 = my-app 10.0.0.21:31000"}},
          {"an empty overrideTaskName does not",
           {"web.1 web 31000 {overrideTaskName=}"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000"}},
          {"its key is case-sensitive",
           {"web.1 web 31000 {OVERRIDETASKNAME=x; Tags=no}"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000"}},
          {"of two plain labels of one key the first wins",
           {"web.1 web 31000 {tags=a; tags=b; overrideTaskName=x; overrideTaskName=y}"},
           {"mesos-consul:10.0.0.21:x:10.0.0.21:31000 = x 10.0.0.21:31000 [a]"}},
          {"tags are neither trimmed nor made unique",
           {"web.1 web 31000 {tags=a, b,a,,c}"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000 [a, b,a,,c]"}},
          {"a task that is being killed is not running", {"web.1 web 31000 !draining"}, {}},
          {"the scheduler's health is not mapped",
           {"web.1 web 31000 !failing"},
           {"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000"}},
      },
      compat());
}

TEST(CompatTask, TakesTheFirstUsableAddressOfTheIpOrder) {
  struct OrderCase {
    std::vector<AddressKind> order;
    const char* addresses;
    const char* ip;
  };
  using enum AddressKind;
  const std::vector<AddressKind> standard{NetInfo, Mesos, Host};
  const OrderCase cases[] = {
      {standard, "@netinfo:172.17.0.2 @mesos:172.17.0.3 @host:10.0.0.21", "172.17.0.2"},
      {standard, "@host:10.0.0.21 @mesos:172.17.0.3", "172.17.0.3"},
      {standard, "@host:10.0.0.21 @docker:172.17.0.4", "10.0.0.21"},
      {{Docker, Host}, "@host:10.0.0.21 @docker:172.17.0.4 @netinfo:1.2.3.4", "172.17.0.4"},
      {standard, "@netinfo:not-an-ip @netinfo:172.17.0.9 @host:10.0.0.21", "172.17.0.9"},
      {standard, "@netinfo:0.0.0.0 @host:10.0.0.21", "10.0.0.21"},
      {standard, "@netinfo::: @host:10.0.0.21", "10.0.0.21"},
      {standard, "@netinfo:fd00::7 @host:10.0.0.21", "fd00::7"},
      {{NetInfo}, "@host:10.0.0.21", ""},
      {standard, "@", ""},
  };
  for (const OrderCase& each : cases) {
    RuleSettings settings = compat();
    settings.ip_order = each.order;
    const Desired got =
        desired({std::string("web.1 web 31000 ") + each.addresses, "no.1 no " + std::string(each.addresses)}, settings);
    ASSERT_EQ(got.services.size(), 2u) << each.addresses;
    const std::string ip = each.ip;
    EXPECT_EQ(got.services[0].id, "mesos-consul:10.0.0.21-no:" + ip);
    EXPECT_EQ(got.services[1].id, "mesos-consul:10.0.0.21:web:" + ip + ":31000");
    EXPECT_EQ(got.services[1].address, ip);
  }
}

TEST(CompatTask, RegistersOnlyThePortsThatTheServicePortLabelLists) {
  RuleSettings settings = compat();
  settings.service_port_label = "ports";
  struct LabelCase {
    const char* label;
    Lines names;
  };
  const LabelCase cases[] = {
      {"{ports=0}", {"web:31000"}},
      {"{ports=1}", {"web-port2:31001"}},
      {"{ports= 0 ,2}", {"web-port3:31002", "web:31000"}},
      {"{ports=2,x,1.5}", {"web-port3:31002"}},
      {"{ports=+1}", {"web-port2:31001"}},
      {"{ports=}", {"web-port2:31001", "web-port3:31002", "web:31000"}},
      {"{ports=x}", {"web-port2:31001", "web-port3:31002", "web:31000"}},
      {"{Ports=1}", {"web-port2:31001", "web-port3:31002", "web:31000"}},
      {"", {"web-port2:31001", "web-port3:31002", "web:31000"}},
      {"{ports=7}", {"web:0"}},
      {"{ports=-1}", {"web:0"}},
  };
  for (const LabelCase& each : cases) {
    Lines names;
    for (const Service& service :
         desired({"web.1 web 31000,31001,31002 " + std::string(each.label)}, settings).services) {
      names.push_back(service.name + ":" + std::to_string(service.port));
    }
    EXPECT_EQ(names, each.names) << each.label;
  }
}

TEST(CompatTask, DoesNotFilterDiscoveryPortsByTheServicePortLabel) {
  RuleSettings settings = compat();
  settings.service_port_label = "ports";
  EXPECT_EQ(show(desired({"web.1 web http:8080,31000,31001 {ports=9}"}, settings).services),
            Lines{"mesos-consul:10.0.0.21:web:10.0.0.21:8080 = web 10.0.0.21:8080 [http]"});
}

struct CheckCase {
  const char* labels;
  const char* check;  // after the id; "" is no check
  Lines rejected;
};

TEST(CompatCheck, ComesFromTheLabels) {
  const CheckCase cases[] = {
      {"check_http=http://{host}:{port}/; check_interval=5s", "http http://10.0.0.21:31000/ every 5s", {}},
      {"check_tcp={host}:{port}; check_interval=5s", "tcp 10.0.0.21:31000 every 5s", {}},
      {"check_ttl=30s", "ttl 30s", {}},
      {"CHECK_HTTP=http://{host}/; Check_Interval=5s", "http http://10.0.0.21/ every 5s", {}},
      {"check_http=http://a/; check_http=http://b/; check_interval=5s", "http http://b/ every 5s", {}},
      {"check_http=http://{Host}/{x}/$port/{port; check_interval=5s",
       "http http://{Host}/{x}/$port/{port every 5s",
       {}},
      {"check_http=http://{host}/; check_interval={port}s", "http http://10.0.0.21/ every 10s", {"bad_check web.1"}},
      {"check_http=http://{host}/", "http http://10.0.0.21/ every 10s", {}},
      {"check_http=http://{host}/; check_interval=0s", "http http://10.0.0.21/ every 10s", {"bad_check web.1"}},
      {"check_http=http://{host}/; check_interval=3000000h", "http http://10.0.0.21/ every 10s", {"bad_check web.1"}},
      {"check_ttl=0", "", {"bad_check web.1"}},
      {"check_ttl=soon; check_tcp={host}:{port}", "tcp 10.0.0.21:31000 every 10s", {"bad_check web.1"}},
      {"check_script=/bin/true", "", {"script_check web.1"}},
      {"check_interval=5s", "", {}},
      {"check_http=", "", {}},
      // Of several kinds in one definition Consul runs the first of ttl, http, tcp, script.
      {"check_http=http://{host}/; check_tcp={host}:{port}", "http http://10.0.0.21/ every 10s", {}},
      {"check_http=http://{host}/; check_ttl=30s", "ttl 30s", {}},
  };
  for (const CheckCase& each : cases) {
    const Desired got = desired({"web.1 web 31000 {" + std::string(each.labels) + "}"}, compat());
    ASSERT_EQ(got.services.size(), 1u);
    const std::string id = "service:mesos-consul:10.0.0.21:web:10.0.0.21:31000";
    Lines checks;
    for (const Check& check : got.services[0].checks) checks.push_back(show(check));
    EXPECT_EQ(checks, *each.check == '\0' ? Lines{} : Lines{id + " " + each.check}) << each.labels;
    EXPECT_EQ(show(got.rejections), each.rejected) << each.labels;
  }
}

TEST(CompatCheck, IsAppliedToEveryPortWithThatPort) {
  EXPECT_EQ(show(desired({"web.1 web 31000,31001 {check_tcp={host}:{port}; check_interval=5s}"}, compat()).services),
            (Lines{"mesos-consul:10.0.0.21:web-port2:10.0.0.21:31001 = web-port2 10.0.0.21:31001 "
                   "{service:mesos-consul:10.0.0.21:web-port2:10.0.0.21:31001 tcp 10.0.0.21:31001 every 5s}",
                   "mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000 "
                   "{service:mesos-consul:10.0.0.21:web:10.0.0.21:31000 tcp 10.0.0.21:31000 every 5s}"}));
}

TEST(CompatCheck, OfAPortlessTaskHasAnEmptyPort) {
  EXPECT_EQ(show(desired({"web.1 web {check_http=http://{host}:{port}/}"}, compat()).services),
            Lines{"mesos-consul:10.0.0.21-web:10.0.0.21 = web 10.0.0.21:0 "
                  "{service:mesos-consul:10.0.0.21-web:10.0.0.21 http http://10.0.0.21:/ every 10s}"});
}

TEST(CompatCheck, RunsAScriptOnlyWhenAllowed) {
  RuleSettings settings = compat();
  settings.enable_script_checks = true;
  EXPECT_EQ(show(desired({"web.1 web {check_script=/bin/check {host}}"}, settings).services),
            Lines{"mesos-consul:10.0.0.21-web:10.0.0.21 = web 10.0.0.21:0 "
                  "{service:mesos-consul:10.0.0.21-web:10.0.0.21 args /bin/sh -c /bin/check 10.0.0.21 every 10s}"});
}

TEST(CompatHost, IsRegisteredAsAgentMasterOrLeader) {
  expect_all(
      {
          {"an agent",
           {"b5ea-S0:node1 - 5051 [agent,follower] !host"},
           {"mesos-consul:mesos:b5ea-S0:node1 = mesos 10.0.0.21:5051 [agent,follower]"}},
          {"the leading master",
           {"10.0.0.21:5050 - 5050 [leader,master] !host"},
           {"mesos-consul:mesos:10.0.0.21:5050 = mesos 10.0.0.21:5050 [leader,master]"}},
      },
      compat());
}

TEST(CompatHost, CarriesItsCheckUnderTheIdThatConsulGaveIt) {
  Instance host = notation::instance("b5ea-S0:node1 - 5051 [agent] !host");
  Check check;
  check.http = "http://10.0.0.21:5051/slave(1)/health";
  check.interval = "10s";
  host.checks = {check};
  const Desired got =
      make_desired(notation::wanted(notation::slice(std::vector<Instance>{host})), *notation::rules(compat()));
  EXPECT_EQ(show(got.services),
            Lines{"mesos-consul:mesos:b5ea-S0:node1 = mesos 10.0.0.21:5051 [agent] "
                  "{service:mesos-consul:mesos:b5ea-S0:node1 http http://10.0.0.21:5051/slave(1)/health every 10s}"});
}

TEST(CompatHost, LosesItsPlainTagsToServiceTagsInTagMajorOrder) {
  RuleSettings settings = compat();
  settings.service_tags = {"a", "b"};
  settings.service_name = "Mesos_Cluster";
  settings.group_separator = "-";
  EXPECT_EQ(show(desired({"10.0.0.21:5050 - 5050 [leader,master] !host"}, settings).services),
            Lines{"mesos-consul:mesos-cluster:10.0.0.21:5050 = mesos-cluster 10.0.0.21:5050 "
                  "[leader.a,master.a,leader.b,master.b]"});
}

TEST(CompatHost, IsNotSubjectToTheListsButItsNameIsShared) {
  RuleSettings settings = compat();
  settings.blacklist = {"mesos"};
  settings.fw_whitelist = {"marathon"};
  settings.shared_service_name = {"(mes)os"};
  EXPECT_EQ(show(desired({"S0:node1 - 5051 [agent] !host"}, settings).services),
            Lines{"mesos-consul:mes:S0:node1 = mes 10.0.0.21:5051 [agent]"});
}

TEST(CompatTask, SharedNamesWithAddressesOfTheirOwnKeepDistinctIds) {
  RuleSettings settings = compat();
  settings.shared_service_name = {"(KafkaMesos)-.*"};
  EXPECT_EQ(
      show(desired({"k.0 KafkaMesos-0 9092 @netinfo:172.17.0.2", "k.1 KafkaMesos-1 9092 @netinfo:172.17.0.3"}, settings)
               .services),
      (Lines{"mesos-consul:10.0.0.21:kafkamesos:172.17.0.2:9092 = kafkamesos 172.17.0.2:9092",
             "mesos-consul:10.0.0.21:kafkamesos:172.17.0.3:9092 = kafkamesos 172.17.0.3:9092"}));
}

TEST(CompatTask, OfTwoThatCollideTheFirstByTaskIdWinsAndTheLoserIsReported) {
  for (const Lines& order :
       {Lines{"b web 31000 {tags=b}", "a web 31000 {tags=a}"}, Lines{"a web 31000 {tags=a}", "b web 31000 {tags=b}"}}) {
    const Desired got = desired(order, compat());
    EXPECT_EQ(show(got.services), Lines{"mesos-consul:10.0.0.21:web:10.0.0.21:31000 = web 10.0.0.21:31000 [a]"});
    ASSERT_EQ(show(got.rejections), Lines{"id_collision b"});
    EXPECT_EQ(got.rejections[0].detail, "service id mesos-consul:10.0.0.21:web:10.0.0.21:31000 belongs to a");
  }
}

TEST(CompatTask, PortlessOnesOfOneNameCollide) {
  RuleSettings settings = compat();
  settings.shared_service_name = {"(Kafka)-.*"};
  const Desired got = desired({"k.0 Kafka-0", "k.1 Kafka-1"}, settings);
  EXPECT_EQ(show(got.services), Lines{"mesos-consul:10.0.0.21-kafka:10.0.0.21 = kafka 10.0.0.21:0"});
  EXPECT_EQ(show(got.rejections), Lines{"id_collision k.1"});
}

TEST(CompatTask, TaskTagsComeAfterTheLabelsAndOnlyOnceAndBeforeThePorts) {
  RuleSettings settings = compat();
  settings.task_tag = {"WEB:v1,public", "eb:late"};
  EXPECT_EQ(show(desired({"web.1 web http:8080+edge {tags=v1}"}, settings).services),
            Lines{"mesos-consul:10.0.0.21:web:10.0.0.21:8080 = web 10.0.0.21:8080 [v1,public,late,http,edge]"});
}

TEST(CompatTask, CarriesNothingInMetaButOurMarks) {
  const Service service = desired({"web.1 web 31000"}, compat()).services.at(0);
  Meta marks = service.meta;
  EXPECT_EQ(marks[kMetaHash].size(), 32u);
  marks.erase(kMetaHash);
  EXPECT_EQ(marks, (Meta{{kMetaOwner, "prod"}, {kMetaSource, "mesos"}, {kMetaHost, "S1"}, {kMetaInstance, "web.1"}}));
}

}  // namespace
}  // namespace muster
