// make_desired in the default mode, and what both modes do with bad input.
#include <gtest/gtest.h>

#include "core/canonical.h"
#include "core/notation.h"

namespace muster {
namespace {

using notation::desired;
using notation::instance;
using notation::Lines;
using notation::modern;
using notation::rules;
using notation::show;
using notation::slice;
using notation::wanted;

Desired desired_of(const std::vector<Instance>& instances, const RuleSettings& settings = modern()) {
  return make_desired(wanted(slice(instances)), *rules(settings));
}

struct Case {
  const char* story;
  Lines instances;
  Lines services;
};

TEST(Task, IsOneServiceAPortUnderItsOwnId) {
  const Case cases[] = {
      {"resource ports",
       {"web.1 web 31000,31001"},
       {"muster:web.1:31000 = web 10.0.0.21:31000", "muster:web.1:31001 = web-port2 10.0.0.21:31001"}},
      {"discovery ports instead of resource ports",
       {"web.1 web http:8080,31000"},
       {"muster:web.1:8080 = web 10.0.0.21:8080 [http]"}},
      {"an unnamed discovery port is one too", {"web.1 web :8080,31000"}, {"muster:web.1:8080 = web 10.0.0.21:8080"}},
      {"tcp and udp on one number are two",
       {"dns.1 dns dns:53/tcp,dns-udp:53/udp"},
       {"muster:dns.1:53 = dns 10.0.0.21:53 [dns]", "muster:dns.1:53:udp = dns-port2 10.0.0.21:53 [dns-udp]"}},
      {"portless", {"web.1 web"}, {"muster:web.1 = web 10.0.0.21:0"}},
      {"tags: no empty ones, and each once",
       {"web.1 web http:8080+a+http+z {tags=a,,b,a}"},
       {"muster:web.1:8080 = web 10.0.0.21:8080 [a,b,http,z]"}},
      {"two tasks of one name and port do not collide",
       {"web.1 web 31000 @netinfo:172.17.0.2", "web.2 web 31000 @netinfo:172.17.0.3"},
       {"muster:web.1:31000 = web 172.17.0.2:31000", "muster:web.2:31000 = web 172.17.0.3:31000"}},
      {"a task whose health check fails is out of rotation",
       {"web.1 web 31000 !failing"},
       {"muster:web.1:31000 = web 10.0.0.21:31000 maintenance(muster: the scheduler's health check fails)"}},
      {"a draining task is not wanted", {"web.1 web 31000 !draining"}, {}},
      {"every kind of check is one of its own",
       {"web.1 web 80 {check_http=http://{host}/; check_tcp={host}:{port}; check_ttl=30s}"},
       {"muster:web.1:80 = web 10.0.0.21:80 {http:muster:web.1:80 http http://10.0.0.21/ every 10s; "
        "tcp:muster:web.1:80 tcp 10.0.0.21:80 every 10s; ttl:muster:web.1:80 ttl 30s}"}},
      {"an IPv6 host stands in brackets in a check",
       {"web.1 web 80 @netinfo:fd00::7 {check_tcp={host}:{port}}"},
       {"muster:web.1:80 = web fd00::7:80 {tcp:muster:web.1:80 tcp [fd00::7]:80 every 10s}"}},
  };
  for (const Case& each : cases)
    EXPECT_EQ(show(desired(each.instances, modern()).services), each.services) << each.story;
}

TEST(Finished, ServicesKeepTheNameThatTheirSourceGave) {
  const Case cases[] = {
      {"name and tags as given",
       {"unit/nginx Nginx.Edge 80 [a,b] !service"},
       {"muster:unit/nginx = Nginx.Edge 10.0.0.21:80 [a,b]"}},
      {"draining ones are not wanted", {"unit/nginx nginx 80 !service !draining"}, {}},
      {"failing ones are out of rotation",
       {"unit/nginx nginx 80 !service !failing"},
       {"muster:unit/nginx = nginx 10.0.0.21:80 maintenance(muster: the scheduler's health check fails)"}},
  };
  for (const Case& each : cases)
    EXPECT_EQ(show(desired(each.instances, modern()).services), each.services) << each.story;
}

TEST(Finished, ServicesAreTestedByTheListsUnderTheirCleanedName) {
  RuleSettings settings = modern();
  settings.blacklist = {"^my-app$"};
  settings.fw_blacklist = {"Batch"};
  settings.task_tag = {"web:public"};
  EXPECT_EQ(show(desired({"a My.App 1 !service", "b web 2 !service (Batch)", "c Web 3 [x] !service (Prod)"}, settings)
                     .services),
            Lines{"muster:c = Web 10.0.0.21:3 [x,public]"});
}

TEST(Finished, ServicesHaveTheirChecksInTheOrderOfTheirIds) {
  Instance unit = instance("unit/nginx nginx 80 !service");
  for (int i = 0; i < 12; ++i) {
    Check check;
    check.ttl = std::to_string(i + 1) + "s";
    unit.checks.push_back(check);
  }
  const Desired got = desired_of({unit});
  ASSERT_EQ(got.services.at(0).checks.size(), 12u);
  EXPECT_TRUE(std::is_sorted(got.services[0].checks.begin(), got.services[0].checks.end(),
                             [](const Check& a, const Check& b) { return a.id < b.id; }));
  EXPECT_EQ(got.services[0].checks.back().id, "ttl:muster:unit/nginx");
}

TEST(Rejected, IsTheOneItemAndTheRestGoesOn) {
  struct BadCase {
    const char* story;
    std::string bad;
    Lines services;  // besides muster:ok:1
    Lines rejections;
  };
  const std::string long_name(256, 'n');
  const std::string long_id(501, 'i');
  const BadCase cases[] = {
      {"no name", "t - 80", {}, {"no_name t"}},
      {"a name of 256", "t " + long_name + " 80", {}, {"no_name t"}},
      {"an id of 501", long_id + " web 80", {}, {"no_id " + long_id}},
      {"a name that DNS cannot answer", "t web- 80", {"muster:t:80 = web- 10.0.0.21:80"}, {"name_not_dns t"}},
      {"a discovery port without number",
       "t web http:0,31000",
       {"muster:t:31000 = web 10.0.0.21:31000"},
       {"port_without_number t"}},
      {"one of two without number",
       "t web http:0,b:81",
       {"muster:t:81 = web-port2 10.0.0.21:81 [b]"},
       {"port_without_number t"}},
      {"an override of 256",
       "t web 80 {overrideTaskName=" + long_name + "}",
       {"muster:t:80 = web 10.0.0.21:80"},
       {"bad_label t"}},
      {"a tag of 256", "t web 80 {tags=a," + long_name + "}", {"muster:t:80 = web 10.0.0.21:80 [a]"}, {"bad_tag t"}},
      {"no address of the wanted kinds", "t web 80 @docker:1.2.3.4", {"muster:t:80 = web :80"}, {"no_address t"}},
      {"an id twice in one task", "t web a:80,b:80", {"muster:t:80 = web 10.0.0.21:80 [a]"}, {"id_collision t"}},
      // Consul refuses a check that asks for nothing, and the service with it.
      {"a check of a port that is none", "t web {check_tcp={port}}", {"muster:t = web 10.0.0.21:0"}, {"bad_check t"}},
      {"a check of 10 kB",
       "t web 80 {check_http=http://" + std::string(10'000, 'x') + "}",
       {"muster:t:80 = web 10.0.0.21:80"},
       {"bad_check t"}},
  };
  for (const BadCase& each : cases) {
    const Desired got = desired({each.bad, "ok web 1"}, modern());
    Lines services = each.services;
    services.insert(std::upper_bound(services.begin(), services.end(), "muster:ok"), "muster:ok:1 = web 10.0.0.21:1");
    EXPECT_EQ(show(got.services), services) << each.story;
    EXPECT_EQ(show(got.rejections), each.rejections) << each.story;
  }
}

TEST(Rejected, AreTagsBeyond128) {
  std::string text = "t web 80 {tags=";
  for (int i = 0; i < 300; ++i) text += "t" + std::to_string(i) + ",";
  const Desired got = desired({text + "}"}, modern());
  ASSERT_EQ(got.services.size(), 1u);
  EXPECT_EQ(got.services[0].tags.size(), 128u);
  EXPECT_EQ(got.services[0].tags.back(), "t127");
  EXPECT_EQ(show(got.rejections), Lines{"too_many_tags t"});
}

TEST(Rejected, AreMetaPairsThatConsulWouldRefuse) {
  Instance task = instance("t web 80");
  task.meta = {{"good", "v"},
               {"", "v"},
               {"sp ace", "v"},
               {"consul-x", "v"},
               {"muster_owner", "me"},
               {std::string(129, 'k'), "v"},
               {"long", std::string(513, 'v')},
               {"ctl", "\n"},
               {"utf", "\xff"},
               {std::string(128, 'k'), std::string(512, 'v')}};
  const Desired got = desired_of({task});
  ASSERT_EQ(got.services.size(), 1u);
  EXPECT_EQ(got.services[0].meta.size(), 2u + 5u);
  EXPECT_EQ(got.services[0].meta.at("good"), "v");
  EXPECT_EQ(got.services[0].meta.at(kMetaOwner), "prod");
  ASSERT_EQ(show(got.rejections), Lines{"meta_limit t"});
  EXPECT_EQ(got.rejections[0].detail, "8 Meta pairs over Consul's limits dropped");
}

TEST(Rejected, AreMetaPairsBeyond64WithOurOwnMarksCounted) {
  Instance task = instance("t web 80");
  for (int i = 0; i < 70; ++i) task.meta.push_back({"k" + std::to_string(i), "v"});
  const Desired got = desired_of({task});
  ASSERT_EQ(got.services.size(), 1u);
  EXPECT_EQ(got.services[0].meta.size(), 64u);
  EXPECT_TRUE(got.services[0].meta.contains(kMetaHash));
}

TEST(Rejected, IsAHostWhoseIdNoServiceCouldCarryInItsMarks) {
  for (const std::string& bad : {std::string(513, 'h'), std::string("h\n"), std::string("\xff")}) {
    Wanted said = wanted(Lines{"t web 80", "u web 81"});
    said.slices[0].host.id = bad;
    const Desired got = make_desired(said, *rules(modern()));
    EXPECT_EQ(show(got.services), Lines{});
    EXPECT_EQ(show(got.rejections), Lines{"no_id "});
  }
}

TEST(Rejected, IsOnlyToldOnceATaskNotOnceAPort) {
  EXPECT_EQ(show(desired({"t web 80,81,82 @docker:1.2.3.4"}, modern()).rejections), Lines{"no_address t"});
}

// Consul keeps checks in one space an agent: a second service that brings the id steals the first one's check, and the
// two would be registered in turn for ever.
TEST(CheckIds, OfTwoServicesNeverMeet) {
  Instance two = instance("x one 80 !service");
  two.checks.resize(2);
  two.checks[0].ttl = two.checks[1].ttl = "10s";
  Instance one = instance("x:2 two 81 !service");
  one.checks.resize(1);
  one.checks[0].ttl = "20s";
  EXPECT_EQ(
      show(desired_of({two, one, instance("x:3 t 80,81 {check_ttl=1s; check_tcp=a}")}).services),
      (Lines{"muster:x = one 10.0.0.21:80 {ttl-2:muster:x ttl 10s; ttl:muster:x ttl 10s}",
             "muster:x:2 = two 10.0.0.21:81 {ttl:muster:x:2 ttl 20s}",
             "muster:x:3:80 = t 10.0.0.21:80 {tcp:muster:x:3:80 tcp a every 10s; ttl:muster:x:3:80 ttl 1s}",
             "muster:x:3:81 = t-port2 10.0.0.21:81 {tcp:muster:x:3:81 tcp a every 10s; ttl:muster:x:3:81 ttl 1s}"}));
}

TEST(CheckIds, AreKnownAsOursByHeadAndService) {
  for (const char* head : {"service", "http-2", "http", "tcp", "grpc", "ttl", "script"}) {
    EXPECT_TRUE(our_check_id(check_id(head, "muster:a"), "muster:a")) << head;
    EXPECT_FALSE(our_check_id(check_id(head, "muster:a"), "muster:a:80")) << head;
    EXPECT_FALSE(our_check_id(check_id(head, "muster:a"), "a")) << head;
  }
  for (const char* other : {"", "muster:a", "backup:muster:a", "service:muster:a:1", "httpmuster:a"}) {
    EXPECT_FALSE(our_check_id(other, "muster:a")) << other;
  }
}

TEST(Desired, UnitesTheSlicesOfSourcesAndHostsAndDoesNotMindTheirOrder) {
  Wanted said;
  said.slices = {{"mesos", {"S1", "10.0.0.21", "", ""}, slice(Lines{"a web 80", "same web 90 {tags=mesos1}"})},
                 {"mesos", {"S2", "10.0.0.22", "", ""}, slice(Lines{"b web 81", "same web 90 {tags=mesos2}"})},
                 {"nomad", {"n1", "", "n1", ""}, slice(Lines{"c web 82", "same web 90 {tags=nomad}"})}};
  const Desired got = make_desired(said, *rules(modern()));
  ASSERT_EQ(got.services.size(), 4u);
  EXPECT_EQ(got.services[0].meta.at(kMetaHost), "S1");
  EXPECT_EQ(got.services[1].meta.at(kMetaHost), "S2");
  EXPECT_EQ(got.services[2].meta.at(kMetaSource), "nomad");
  EXPECT_EQ(got.services[3].tags, Lines{"mesos1"});
  std::reverse(said.slices.begin(), said.slices.end());
  EXPECT_EQ(make_desired(said, *rules(modern())).services, got.services);
}

TEST(Desired, HoldsOneCanaryThatNoTaskCanTakeThePlaceOf) {
  RuleSettings settings = modern();
  settings.canary = true;
  const Desired got = desired({"canary:prod web", "a web 80", "z web 80"}, settings);
  ASSERT_EQ(got.services.size(), 3u);
  EXPECT_EQ(got.services[1].id, "muster:canary:prod");
  EXPECT_EQ(got.services[1].meta.at(kMetaSource), kCanarySource);
  EXPECT_EQ(show(got.rejections), Lines{"id_collision canary:prod"});
  EXPECT_TRUE(make_desired(Wanted{}, *rules(settings)).services.empty());
}

TEST(Desired, IgnoresHowSureASliceIs) {
  const auto complete = make_desired(wanted(slice(Lines{"a web 80"}, true)), *rules(modern()));
  const auto incomplete = make_desired(wanted(slice(Lines{"a web 80"}, false)), *rules(modern()));
  EXPECT_EQ(complete.services, incomplete.services);
}

TEST(Hash, IsOfTheWholeDefinitionButItselfAndState) {
  const Service base = desired({"web.1 web 80 {check_http=http://{host}/}"}, modern()).services.at(0);
  EXPECT_EQ(base.meta.at(kMetaHash), definition_hash(base));
  const auto changed = [&](auto change) {
    Service other = base;
    change(other);
    return definition_hash(other) != definition_hash(base);
  };
  EXPECT_TRUE(changed([](Service& s) { s.id += "x"; }));
  EXPECT_TRUE(changed([](Service& s) { s.name += "x"; }));
  EXPECT_TRUE(changed([](Service& s) { s.tags.push_back("x"); }));
  EXPECT_TRUE(changed([](Service& s) { s.address += "0"; }));
  EXPECT_TRUE(changed([](Service& s) { ++s.port; }));
  EXPECT_TRUE(changed([](Service& s) { s.meta["x"] = ""; }));
  EXPECT_TRUE(changed([](Service& s) { s.weight_passing = 2; }));
  EXPECT_TRUE(changed([](Service& s) { s.weight_warning = 2; }));
  EXPECT_TRUE(changed([](Service& s) { s.enable_tag_override = true; }));
  EXPECT_TRUE(changed([](Service& s) { s.checks.clear(); }));
  for (auto field : {&Check::id, &Check::name, &Check::http, &Check::tcp, &Check::grpc, &Check::ttl, &Check::interval,
                     &Check::timeout}) {
    EXPECT_TRUE(changed([&](Service& s) { s.checks[0].*field += "x"; }));
  }
  EXPECT_TRUE(changed([](Service& s) { s.checks[0].args.push_back("x"); }));
  EXPECT_FALSE(changed([](Service& s) { s.checks[0].status = "passing"; }));
  EXPECT_FALSE(changed([](Service& s) { s.maintenance = "x"; }));
  EXPECT_FALSE(changed([](Service& s) { s.meta[kMetaHash] = "x"; }));
  EXPECT_FALSE(changed([](Service& s) { s.meta[kMetaEpoch] = "7"; }));
}

TEST(Hash, TellsWhereOneFieldEnds) {
  Service a, b;
  a.tags = {"ab", "c"};
  b.tags = {"a", "bc"};
  EXPECT_NE(definition_hash(a), definition_hash(b));
  a.tags = b.tags = {};
  // A check's eight texts, its count of arguments and one argument look like five pairs of Meta.
  a.meta = {{"0a", "name"}, {"0b", "tcp"}, {"0c", "ttl"}, {"0d", "timeout"}, {"1", "argument"}};
  Check check;
  check.id = "0a", check.name = "name", check.http = "0b", check.tcp = "tcp", check.grpc = "0c", check.ttl = "ttl";
  check.interval = "0d", check.timeout = "timeout", check.args = {"argument"};
  b.checks = {check};
  EXPECT_NE(definition_hash(a), definition_hash(b));
}

// A reviewer's story: cs@A.service and cs@a.service. The catalog's index of ids knows no case, so each write of the one
// evicted the other there, which was then mended, for ever.
TEST(Ids, ThatDifferInCaseAloneAreOne) {
  const Case cases[] = {
      {"one of small letters", {"cs@A cs 80 !service", "cs@a cs 81 !service"}, {"muster:cs@A = cs 10.0.0.21:80"}},
      {"none of small letters", {"cs@aB cs 80 !service", "cs@Ab cs 81 !service"}, {"muster:cs@Ab = cs 10.0.0.21:81"}},
      {"the order is not told",
       {"b cs 80 !service", "cs@a cs 81 !service", "cs@A cs 82 !service"},
       {"muster:b = cs 10.0.0.21:80", "muster:cs@A = cs 10.0.0.21:82"}},
  };
  for (const Case& each : cases) {
    const Desired got = desired(each.instances, modern());
    EXPECT_EQ(show(got.services), each.services) << each.story;
    ASSERT_EQ(got.rejections.size(), 1u) << each.story;
    EXPECT_EQ(to_string(got.rejections[0].reason), "id_collision") << each.story;
  }
  EXPECT_TRUE(desired({"Web.1 web 80", "web.2 web 80", "WEB.3 web 80"}, modern()).rejections.empty());
}

}  // namespace
}  // namespace muster
