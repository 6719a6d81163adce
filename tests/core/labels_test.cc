// Labels of one port, who is let in, Meta from labels and names from Marathon: the tables of docs/mesos.md.
#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::compat;
using notation::desired;
using notation::instance;
using notation::Lines;
using notation::modern;
using notation::show;

Lines services(const std::string& task, const RuleSettings& settings = modern()) {
  return show(desired({task}, settings).services);
}

TEST(PortLabel, NamesTagsAndChecksOnePort) {
  struct Case {
    const char* story;
    const char* labels;
    Lines services;
  };
  // Two ports, http (0) and admin (1).
  const Case cases[] = {
      {"nothing said", "", {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = web-port2 10.0.0.21:81 [admin]"}},
      {"a name by the port's name, cleaned",
       "port.admin.name=Web_Admin.x",
       {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = webadmin-x 10.0.0.21:81 [admin]"}},
      {"a name by its index",
       "port.1.name=ops",
       {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = ops 10.0.0.21:81 [admin]"}},
      {"the port's name wins over the index, whatever the order",
       "port.admin.name=ops; port.1.name=other",
       {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = ops 10.0.0.21:81 [admin]"}},
      {"an empty name is none",
       "port.admin.name=",
       {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = web-port2 10.0.0.21:81 [admin]"}},
      {"tags, after those of the task, each once",
       "tags=v1; port.http.tags=edge,,v1,blue; port.0.tags=zero",
       {"muster:t:80 = web 10.0.0.21:80 [v1,http,zero,edge,blue]", "muster:t:81 = web-port2 10.0.0.21:81 [v1,admin]"}},
      {"opt-out of one", "port.admin.consul=False", {"muster:t:80 = web 10.0.0.21:80 [http]"}},
      {"opt-out of all leaves no service, not even one without a port", "port.0.consul=false; port.1.consul=false", {}},
      {"a check of one port alone",
       "port.http.check_http=http://{host}:{port}/up",
       {"muster:t:80 = web 10.0.0.21:80 [http] {http:muster:t:80 http http://10.0.0.21:80/up every 10s}",
        "muster:t:81 = web-port2 10.0.0.21:81 [admin]"}},
      {"it replaces all kinds that the task asks for, but not the interval",
       "check_tcp={host}:{port}; Check_Interval=5s; port.http.CHECK_HTTP=http://{host}:{port}/",
       {"muster:t:80 = web 10.0.0.21:80 [http] {http:muster:t:80 http http://10.0.0.21:80/ every 5s}",
        "muster:t:81 = web-port2 10.0.0.21:81 [admin] {tcp:muster:t:81 tcp 10.0.0.21:81 every 5s}"}},
      {"an interval alone changes the interval",
       "check_tcp={host}:{port}; port.1.check_interval=1m",
       {"muster:t:80 = web 10.0.0.21:80 [http] {tcp:muster:t:80 tcp 10.0.0.21:80 every 10s}",
        "muster:t:81 = web-port2 10.0.0.21:81 [admin] {tcp:muster:t:81 tcp 10.0.0.21:81 every 1m}"}},
      {"an empty one: no check here",
       "check_tcp={host}:{port}; port.admin.check_tcp=",
       {"muster:t:80 = web 10.0.0.21:80 [http] {tcp:muster:t:80 tcp 10.0.0.21:80 every 10s}",
        "muster:t:81 = web-port2 10.0.0.21:81 [admin]"}},
      {"of no port of this task",
       "port.x.name=a; port.2.consul=false; port..name=b; port.http=c; port.httpname=d; port.1name=e",
       {"muster:t:80 = web 10.0.0.21:80 [http]", "muster:t:81 = web-port2 10.0.0.21:81 [admin]"}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(services("t web http:80,admin:81 {" + std::string(each.labels) + "}"), each.services) << each.story;
  }
}

TEST(PortLabel, OfAResourcePortGoesByItsIndex) {
  EXPECT_EQ(services("t web 31000,31001 {port.1.name=ops; port.0.consul=false}"),
            Lines{"muster:t:31001 = ops 10.0.0.21:31001"});
  RuleSettings settings = modern();
  settings.service_port_label = "expose";
  EXPECT_EQ(services("t web 31000,31001 {expose=1; port.1.name=ops}", settings),
            Lines{"muster:t:31001 = ops 10.0.0.21:31001"})
      << "the index counts ports that are left out";
}

TEST(PortLabel, MayStandAtThePortItselfAndGivesWayToTheTasks) {
  Instance task = instance("t web http:80,admin:81 {port.1.name=ops; port.1.check_interval=7s}");
  task.ports[0].labels = {{"consul", "false"}};
  task.ports[1].labels = {{"name", "own"}, {"check_tcp", "{host}:{port}"}, {"check_interval", "3s"}};
  const auto got =
      make_desired(notation::wanted(notation::slice(std::vector<Instance>{task})), *notation::rules(modern()));
  EXPECT_EQ(show(got.services),
            Lines{"muster:t:81 = ops 10.0.0.21:81 [admin] {tcp:muster:t:81 tcp 10.0.0.21:81 every 7s}"});
}

TEST(PortLabel, NameMustPassTheListsAndGetsItsOwnTaskTags) {
  RuleSettings settings = modern();
  settings.blacklist = {"^ops$"};
  settings.task_tag = {"admin:private", "web:public"};
  EXPECT_EQ(services("t web 80,81,82 {port.1.name=ops; port.2.name=admin}", settings),
            (Lines{"muster:t:80 = web 10.0.0.21:80 [public]", "muster:t:82 = admin 10.0.0.21:82 [private]"}));
}

TEST(PortLabel, OverTheLimitIsIgnoredAndReported) {
  const Desired got = desired({"t web 80 {port.0.name=" + std::string(256, 'n') + "}"}, modern());
  EXPECT_EQ(show(got.services), Lines{"muster:t:80 = web 10.0.0.21:80"});
  EXPECT_EQ(show(got.rejections), Lines{"bad_label t"});
}

TEST(PortLabel, MeansNothingToMesosConsul) {
  Instance task = instance("t web http:80 {port.http.name=x; port.0.consul=false; consul=false}");
  task.ports[0].labels = {{"name", "y"}, {"consul", "false"}, {"check_tcp", "{host}"}};
  const auto got =
      make_desired(notation::wanted(notation::slice(std::vector<Instance>{task})), *notation::rules(compat()));
  EXPECT_EQ(show(got.services), Lines{"mesos-consul:10.0.0.21:web:10.0.0.21:80 = web 10.0.0.21:80 [http]"});
}

TEST(OptIn, AndOptOutGoByTheLabelConsul) {
  struct Case {
    const char* labels;
    bool by_default;
    bool opt_in;
  };
  const Case cases[] = {
      {"", true, false},
      {"{consul=true}", true, true},
      {"{consul=web}", true, true},
      {"{consul=}", true, false},
      {"{consul=false}", false, false},
      {"{consul=FALSE}", false, false},
      {"{Consul=false}", true, false},
      {"{consul=true; consul=false}", true, true},
  };
  RuleSettings opt_in = modern();
  opt_in.opt_in = true;
  RuleSettings compat_opt_in = compat();
  compat_opt_in.opt_in = true;
  for (const Case& each : cases) {
    const std::string task = std::string("t web 80 ") + each.labels;
    EXPECT_EQ(services(task).size(), each.by_default) << each.labels;
    EXPECT_EQ(services(task, opt_in).size(), each.opt_in) << each.labels;
    EXPECT_EQ(services(task, compat()).size(), 1u) << each.labels << ": mesos-consul does not know it";
    EXPECT_EQ(services(task, compat_opt_in).size(), each.opt_in) << each.labels << ": but it is asked for";
  }
  EXPECT_EQ(services("S0:n1 - 5051 [agent] !host", opt_in).size(), 1u) << "hosts have no labels";
  EXPECT_EQ(services("unit web 80 !service", opt_in).size(), 1u) << "nor have services of other sources";
}

// What runs and is no longer let in goes by rule, and no slice need be complete for it.
TEST(OptIn, TakesAwayWhatWasThere) {
  const Desired before = desired({"t web 80"}, modern());
  const Wanted now = notation::wanted(notation::slice(Lines{"t web 80 {consul=false}"}, false));
  const Owner owner = notation::owner(modern());
  const Plan plan =
      prove(make_plan(make_desired(now, *notation::rules(modern())), notation::agent_with(before.services), owner), now,
            owner);
  EXPECT_EQ(show(plan.actions), Lines{"deregister muster:t:80 (runs, but the rules do not want it)"});
}

TEST(Visibility, LetsThroughWhatIsAskedFor) {
  RuleSettings settings = modern();
  const auto registered = [&](const std::string& visibility) {
    Instance task = instance("t web 80");
    task.visibility = visibility;
    const auto got =
        make_desired(notation::wanted(notation::slice(std::vector<Instance>{task})), *notation::rules(settings));
    return got.services.size() == 1;
  };
  for (const char* any : {"", "FRAMEWORK", "CLUSTER", "EXTERNAL", "NEW"}) EXPECT_TRUE(registered(any)) << any;
  settings.visibility = {"CLUSTER", "EXTERNAL"};
  EXPECT_TRUE(registered("CLUSTER"));
  EXPECT_TRUE(registered("EXTERNAL"));
  EXPECT_FALSE(registered("FRAMEWORK"));
  EXPECT_FALSE(registered(""));
  settings.visibility = {"none"};
  EXPECT_TRUE(registered(""));
  EXPECT_FALSE(registered("CLUSTER"));
}

TEST(MetaLabel, GoesToMetaUnderAKeyThatConsulTakes) {
  RuleSettings settings = modern();
  settings.meta_label_prefix = {"meta.", "team/"};
  const Desired got =
      desired({"t web 80 {meta.version=1.2; meta.git commit=abc; meta.version=late; team/owner=pay; other=x; meta.=y; "
               "meta.consul-x=n; meta.muster_owner=n; meta.long=" +
               std::string(513, 'v') + "}"},
              settings);
  ASSERT_EQ(got.services.size(), 1u);
  Meta meta = got.services[0].meta;
  for (const char* own : {kMetaOwner, kMetaSource, kMetaHost, kMetaInstance, kMetaHash}) meta.erase(own);
  EXPECT_EQ(meta, (Meta{{"version", "1.2"}, {"git_commit", "abc"}, {"owner", "pay"}}));
  ASSERT_EQ(show(got.rejections), Lines{"meta_limit t"});
  EXPECT_EQ(got.rejections[0].detail, "3 Meta pairs over Consul's limits dropped");
  EXPECT_EQ(desired({"t web 80 {meta.version=1.2}"}, modern()).services.at(0).meta.count("version"), 0u);
}

TEST(MetaLabel, NeedsAPrefix) {
  RuleSettings settings = modern();
  settings.meta_label_prefix = {""};
  const auto compiled = Rules::compile(settings);
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().fault, Fault::Leave);
  EXPECT_NE(compiled.error().message.find("--meta-label-prefix"), std::string::npos);
}

// Marathon names the tasks of /shop/prod/web "web.prod.shop".
TEST(MarathonName, BecomesWhatTheOperatorWants) {
  struct Case {
    const char* task;
    Lines patterns;
    const char* name;
  };
  const Lines first{R"(^([^.]+)\.)"};
  const Lines two{R"(^([^.]+\.[^.]+)\.)", R"(^([^.]+)\.)"};
  const Lines of_prod{R"(^(.+)\.prod\.)"};
  const Case cases[] = {
      {"web.prod.shop", {}, "web-prod-shop"},
      {"web.prod.shop", first, "web"},
      {"web", first, "web"},
      {"web.prod.shop", two, "web-prod"},
      {"web.shop", two, "web"},
      {"web.prod.shop", of_prod, "web"},
      {"web.test.shop", of_prod, "web-test-shop"},
      {"api.v2.prod.shop", of_prod, "api-v2"},
      {"web.prod.shop 80 {overrideTaskName=shop-web}", first, "shop-web"},
  };
  for (const Case& each : cases) {
    RuleSettings settings = modern();
    settings.shared_service_name = each.patterns;
    EXPECT_EQ(desired({std::string("t ") + each.task}, settings).services.at(0).name, each.name) << each.task;
  }
}

}  // namespace
}  // namespace muster
