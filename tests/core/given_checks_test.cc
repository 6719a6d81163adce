// Checks and states that the scheduler itself knows, finished services, and two sources that see one thing.
#include "core/given_checks.h"

#include <gtest/gtest.h>

#include "core/notation.h"

namespace muster {
namespace {

using notation::compat;
using notation::instance;
using notation::Lines;
using notation::modern;
using notation::show;

Check http(const std::string& target) {
  Check out;
  out.http = target;
  out.interval = "5s";
  out.timeout = "2s";
  out.failures_before_critical = 3;
  return out;
}

Check tcp(const std::string& target) {
  Check out;
  out.tcp = target;
  return out;
}

Desired desired_of(const std::vector<Instance>& instances, const RuleSettings& settings = modern()) {
  return make_desired(notation::wanted(notation::slice(instances)), *notation::rules(settings));
}

Desired with_check(const std::string& task, const Check& check, const RuleSettings& settings = modern()) {
  Instance out = instance(task);
  out.checks = {check};
  return desired_of({out}, settings);
}

TEST(SchedulerCheck, RunsOnThePairOfItsPort) {
  struct Case {
    const char* story;
    const char* task;
    Check check;
    Lines services;
    Lines rejected{};
  };
  const Case cases[] = {
      {"the host's network",
       "t web 31000",
       http("http://{host}:{port:31000}/up"),
       {"muster:t:31000 = web 10.0.0.21:31000 {http:muster:t:31000 http http://10.0.0.21:31000/up every 5s}"}},
      {"a bridge: at the port that is mapped to it",
       "t web 31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21",
       http("http://{host}:{port:80}/up"),
       {"muster:t:31000 = web 10.0.0.21:31000 {http:muster:t:31000 http http://10.0.0.21:31000/up every 5s}"}},
      {"a network of its own",
       "t web 31000>80 @netinfo:9.0.1.2/dcos @host:10.0.0.21",
       http("http://{host}:{port:81}/up"),
       {"muster:t:31000 = web 9.0.1.2:80 {http:muster:t:31000 http http://9.0.1.2:81/up every 5s}"}},
      {"IPv6",
       "t web 31000>80 @netinfo:fd01::2/dcos",
       tcp("{host}:{port:80}"),
       {"muster:t:31000 = web fd01::2:80 {tcp:muster:t:31000 tcp [fd01::2]:80 every 10s}"}},
      {"every port of the task: it is the task that is checked",
       "t web 31000,31001",
       tcp("{host}:{port:31000}"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s}",
        "muster:t:31001 = web-port2 10.0.0.21:31001 {tcp:muster:t:31001 tcp 10.0.0.21:31000 every 10s}"}},
      {"a port that nobody else reaches",
       "t web 31000>80 @netinfo:172.17.0.2/bridge @host:10.0.0.21",
       http("http://{host}:{port:81}/up"),
       {"muster:t:31000 = web 10.0.0.21:31000"},
       {"bad_check t"}},
      {"a label wins",
       "t web 31000 {check_tcp={host}:{port}}",
       http("http://{host}:{port:31000}/up"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s}"}},
      {"a label wins where it stands, and an empty one is no check",
       "t web 31000,31001 {port.1.check_http=}",
       tcp("{host}:{port:31000}"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s}",
        "muster:t:31001 = web-port2 10.0.0.21:31001"}},
      {"an interval alone is no check",
       "t web 31000 {check_interval=3s}",
       tcp("{host}:{port:31000}"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s}"}},
      {"passing from the start where the scheduler says that it is",
       "t web 31000 !passing",
       tcp("{host}:{port:31000}"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s passing}"}},
      {"also by a check of the labels, but no TTL: that is the task's word",
       "t web 31000 !passing {check_tcp={host}:{port}; check_ttl=9s}",
       tcp("{host}:{port:31000}"),
       {"muster:t:31000 = web 10.0.0.21:31000 {tcp:muster:t:31000 tcp 10.0.0.21:31000 every 10s passing; "
        "ttl:muster:t:31000 ttl 9s}"}},
  };
  for (const Case& each : cases) {
    const Desired got = with_check(each.task, each.check);
    EXPECT_EQ(show(got.services), each.services) << each.story;
    EXPECT_EQ(show(got.rejections), each.rejected) << each.story;
  }
}

TEST(SchedulerCheck, KeepsTimeoutAndThresholds) {
  const Check check = with_check("t web 80", http("http://{host}:{port:80}/")).services.at(0).checks.at(0);
  EXPECT_EQ(check.timeout, "2s");
  EXPECT_EQ(check.failures_before_critical, 3);
}

TEST(SchedulerCheck, IsLeftOutByFlagAndByCompat) {
  RuleSettings off = modern();
  off.health_checks = false;
  EXPECT_TRUE(with_check("t web 80", tcp("{host}:{port:80}"), off).services.at(0).checks.empty());
  const Desired old = with_check("t web 80 !passing {check_tcp={host}}", http("http://{host}:{port:80}/"), compat());
  EXPECT_EQ(show(old.services.at(0).checks.at(0)),
            "service:mesos-consul:10.0.0.21:web:10.0.0.21:80 tcp 10.0.0.21 every 10s");
}

// A flip of the scheduler's health must not write the definition anew.
TEST(SchedulerCheck, StatusIsNoPartOfTheDefinition) {
  const Check check = tcp("{host}:{port:80}");
  EXPECT_EQ(with_check("t web 80", check).services.at(0).meta.at(kMetaHash),
            with_check("t web 80 !passing", check).services.at(0).meta.at(kMetaHash));
}

TEST(GivenCheck, LosesWhatConsulWouldRefuseAndNoMore) {
  struct Case {
    const char* story;
    Check check;
    const char* shown;  // "": dropped
    Lines rejected;
  };
  const auto changed = [](Check check, auto change) {
    change(check);
    return check;
  };
  const Check base = http("http://a/");
  const Case cases[] = {
      {"sound", base, "http:muster:u http http://a/ every 5s", {}},
      {"no kind", Check{}, "", {"bad_check u"}},
      {"two kinds", changed(base, [](Check& c) { c.tcp = "a:1"; }), "", {"bad_check u"}},
      {"no interval", tcp("a:1"), "tcp:muster:u tcp a:1 every 10s", {}},
      {"a wrong interval",
       changed(base, [](Check& c) { c.interval = "soon"; }),
       "http:muster:u http http://a/ every 10s",
       {"bad_check u"}},
      {"a wrong timeout",
       changed(base, [](Check& c) { c.timeout = "-1s"; }),
       "http:muster:u http http://a/ every 5s",
       {"bad_check u"}},
      {"a wrong status",
       changed(base, [](Check& c) { c.status = "fine"; }),
       "http:muster:u http http://a/ every 5s",
       {"bad_check u"}},
      {"a control character", http("http://a/\n"), "", {"bad_check u"}},
      {"a target of 5000 bytes", http(std::string(5000, 'x')), "", {"bad_check u"}},
      {"a script", changed(Check{}, [](Check& c) { c.args = {"/bin/true"}; }), "", {"script_check u"}},
      {"a TTL that is none", changed(Check{}, [](Check& c) { c.ttl = "never"; }), "", {"bad_check u"}},
      {"a TTL with an interval",
       changed(base, [](Check& c) { c.http.clear(), c.ttl = "30s"; }),
       "ttl:muster:u ttl 30s",
       {}},
      {"a header without a name",
       changed(base, [](Check& c) { c.header = {{"", "x"}, {"A", "b\n"}, {"Host", "web"}}; }),
       "http:muster:u http http://a/ every 5s",
       {"bad_check u"}},
      {"a name that cannot be shown",
       changed(base, [](Check& c) { c.name = "\xff"; }),
       "http:muster:u http http://a/ every 5s",
       {"bad_check u"}},
      {"only a TTL is reported",
       changed(base, [](Check& c) { c.reported = true; }),
       "http:muster:u http http://a/ every 5s",
       {}},
  };
  for (const Case& each : cases) {
    const Desired got = with_check("u unit 80 !service", each.check);
    ASSERT_EQ(got.services.size(), 1u);
    Lines checks;
    for (const Check& check : got.services[0].checks) checks.push_back(show(check));
    EXPECT_EQ(checks, *each.shown == '\0' ? Lines{} : Lines{each.shown}) << each.story;
    EXPECT_EQ(show(got.rejections), each.rejected) << each.story;
    for (const Check& check : got.services[0].checks) {
      EXPECT_FALSE(check.reported) << each.story;
      EXPECT_LE(check.header.size(), 1u) << each.story;
    }
  }
}

TEST(GivenCheck, KeepsWhatItsReporterSays) {
  Check reported;
  reported.ttl = "30s";
  reported.reported = true;
  reported.status = "warning";
  reported.output = "line\nline";
  const Check got = with_check("u unit 80 !service", reported).services.at(0).checks.at(0);
  EXPECT_TRUE(got.reported);
  EXPECT_EQ(got.status, "warning");
  EXPECT_EQ(got.output, "line\nline");
}

// A reviewer's story: Check=unit 30s under an audit interval of 10m: the unit was critical for nine minutes of ten,
// since reports are renewed in audits and nowhere else.
TEST(GivenCheck, ThatIsReportedLivesForThreeAudits) {
  RuleSettings settings = modern();
  settings.ttl_floor = std::chrono::minutes(30);
  const auto ttl_of = [&](const char* ttl, bool reported, Lines rejections) {
    Instance one = instance("u unit 80 !service");
    Check& check = one.checks.emplace_back();
    check.ttl = ttl;
    check.reported = reported;
    const Desired got = desired_of({one}, settings);
    EXPECT_EQ(show(got.rejections), rejections) << ttl;
    return got.services.at(0).checks.at(0).ttl;
  };
  EXPECT_EQ(ttl_of("30s", true, {"bad_check u"}), "30m");
  EXPECT_EQ(ttl_of("30m", true, {}), "30m");
  EXPECT_EQ(ttl_of("87600h", true, {}), "87600h");
  EXPECT_EQ(ttl_of("30s", false, {}), "30s") << "the service reports that itself";
}

TEST(GivenCheck, RunsAScriptOnlyWhenAllowed) {
  RuleSettings settings = modern();
  settings.enable_script_checks = true;
  Check script;
  script.args = {"/bin/true", "x"};
  EXPECT_EQ(show(with_check("u unit 80 !service", script, settings).services.at(0)),
            "muster:u = unit 10.0.0.21:80 {script:muster:u args /bin/true x every 10s}");
}

TEST(GivenCheck, IsOneOf64AtMost) {
  Instance unit = instance("u unit 80 !service");
  unit.checks.assign(100, tcp("a:1"));
  const Desired got = desired_of({unit});
  EXPECT_EQ(got.services.at(0).checks.size(), 64u);
  EXPECT_EQ(got.rejections.size(), 36u);
}

TEST(Finished, ServicesHaveWeightsAddressesAndTagOverride) {
  Instance unit = instance("u unit 80 !service");
  unit.weight_passing = 10;
  unit.weight_warning = 0;
  unit.enable_tag_override = true;
  unit.tagged_addresses = {{"lan", {"10.0.0.5", 0}},   {"wan", {"edge.example.com", 443}},
                           {"", {"10.0.0.6", 1}},      {"bad", {"0.0.0.0", 1}},
                           {"worse", {"a b", 1}},      {"empty", {"", 1}},
                           {"six", {"fd00::5", 8080}}, {"number", {"10.0.0", 1}}};
  const Desired got = desired_of({unit});
  ASSERT_EQ(got.services.size(), 1u);
  EXPECT_EQ(got.services[0].weight_passing, 10);
  EXPECT_EQ(got.services[0].weight_warning, 0);
  EXPECT_TRUE(got.services[0].enable_tag_override);
  EXPECT_EQ(
      got.services[0].tagged_addresses,
      (TaggedAddresses{{"lan", {"10.0.0.5", 0}}, {"six", {"fd00::5", 8080}}, {"wan", {"edge.example.com", 443}}}));
  EXPECT_EQ(got.rejections.size(), 5u);
}

// Consul 1.8.7 answers 400 to a weight of 0 while passing.
TEST(Finished, ServicesWithAWeightOfZeroGetOne) {
  Instance unit = instance("u unit 80 !service");
  unit.weight_passing = 0;
  const Desired got = desired_of({unit});
  EXPECT_EQ(got.services.at(0).weight_passing, 1);
  EXPECT_EQ(show(got.rejections), Lines{"bad_label u"});
}

TEST(Maintenance, IsOfAnyKindAndNamesItsReason) {
  for (const char* kind : {"", "!service", "!host"}) {
    Instance one = instance(std::string("u unit 80 !failing ") + kind);
    one.maintenance = "unit is reloading";
    EXPECT_EQ(desired_of({one}).services.at(0).maintenance, "muster: unit is reloading") << kind;
    EXPECT_EQ(desired_of({one}, compat()).services.at(0).maintenance, std::nullopt) << kind;
  }
}

TEST(Maintenance, ReasonIsClippedAndPrintable) {
  Instance one = instance("u unit 80");
  one.maintenance = "a\nb\xff" + std::string(1000, 'x');
  const std::string reason = desired_of({one}).services.at(0).maintenance.value();
  EXPECT_TRUE(reason.starts_with("muster: a?b?xxx")) << reason;
  EXPECT_EQ(reason.size(), 200u);
}

// A unit that fleet's registry and the machine's own D-Bus both show.
class TwoSources : public testing::Test {
 protected:
  static Instance seen(const std::string& text, std::uint8_t distance, const char* key = "m1/web.service") {
    Instance out = instance(text);
    out.key = key;
    out.distance = distance;
    return out;
  }
  static Wanted both(const std::vector<Instance>& near, const std::vector<Instance>& far, bool complete = true) {
    Wanted out;
    out.agent = AgentKey{"http://10.0.0.21:8500"};
    out.slices = {{"fleet", {"m1", "10.0.0.21", "", ""}, at(1, notation::slice(far, complete))},
                  {"systemd", {"here", "", "", "http://127.0.0.1:8500"}, at(0, notation::slice(near, complete))}};
    return out;
  }
  static SlicePtr at(std::uint8_t distance, const SlicePtr& slice) {
    auto out = std::make_shared<Slice>(*slice);
    out->distance = distance;
    return out;
  }
  static Lines names(const Wanted& wanted) { return show(make_desired(wanted, *notation::rules(modern())).services); }
};

TEST_F(TwoSources, TheNearerWinsWhateverTheOrder) {
  Wanted wanted = both({seen("web.service web 80 !service", 0)}, {seen("m1/web.service web 81 !service", 1)});
  EXPECT_EQ(names(wanted), Lines{"muster:web.service = web 10.0.0.21:80"});
  std::swap(wanted.slices[0], wanted.slices[1]);
  EXPECT_EQ(names(wanted), Lines{"muster:web.service = web 10.0.0.21:80"});
}

TEST_F(TwoSources, WithoutAKeyOrOfOtherKeysAreTwo) {
  EXPECT_EQ(names(both({seen("a web 80 !service", 0, "")}, {seen("b web 81 !service", 1, "")})).size(), 2u);
  EXPECT_EQ(names(both({seen("a web 80 !service", 0)}, {seen("b web 81 !service", 1, "m1/other")})).size(), 2u);
}

TEST_F(TwoSources, AtOneDistanceAreBothRegistered) {
  EXPECT_EQ(names(both({seen("a web 80 !service", 1)}, {seen("b web 81 !service", 1)})).size(), 2u);
}

TEST_F(TwoSources, TheNearerIsBelievedAlsoWhenItRegistersNothing) {
  EXPECT_EQ(names(both({seen("a web 80 !service !draining", 0)}, {seen("b web 81 !service", 1)})), Lines{});
}

TEST_F(TwoSources, TheFartherSpeaksWhereTheNearerIsSilent) {
  EXPECT_EQ(names(both({}, {seen("b web 81 !service", 1)})), Lines{"muster:b = web 10.0.0.21:81"});
}

// The farther came first and is registered: when the nearer appears, the new stands before the old goes, and no slice
// need be complete for that, since the unit is still listed.
TEST_F(TwoSources, TheLosersServiceGoesByRule) {
  const Owner owner = notation::owner(modern());
  const auto rules = notation::rules(modern());
  const std::vector<Instance> far{seen("b web 81 !service", 1)};
  const Desired before = make_desired(both({}, far), *rules);
  const Wanted now = both({seen("a web 80 !service", 0)}, far, false);
  const Plan plan =
      prove(make_plan(make_desired(now, *rules), notation::agent_with(before.services), owner), now, owner);
  EXPECT_EQ(show(plan.actions), (Lines{"register muster:a (not in the agent)",
                                       "deregister muster:b (runs, but the rules do not want it)"}));
  EXPECT_TRUE(plan.held.empty());
}

// One id for both: the winner takes it over in place, and nothing is removed.
TEST_F(TwoSources, OfOneIdChangeHandsInPlace) {
  const Owner owner = notation::owner(modern());
  const auto rules = notation::rules(modern());
  const std::vector<Instance> far{seen("web.service web 80 !service", 1)};
  const Desired before = make_desired(both({}, far), *rules);
  const Wanted now = both({seen("web.service web 80 !service", 0)}, far, false);
  const Desired after = make_desired(now, *rules);
  ASSERT_EQ(after.services.size(), 1u);
  EXPECT_TRUE(after.rejections.empty());
  const Plan plan = prove(make_plan(after, notation::agent_with(before.services), owner), now, owner);
  EXPECT_EQ(show(plan.actions), Lines{"update muster:web.service (Meta muster_host: m1 -> here; "
                                      "Meta muster_source: fleet -> systemd)"});
}

// Reviewers' stories: systemctl stop, and fleet, which hears of it late or, with its etcd down, never, brought the
// service back as passing. "D-Bus wins" held only while D-Bus saw it run.
class NearerWord : public TwoSources {
 protected:
  enum class Says { Ended, Doubtful, BelowIsDoubtful, OfAnotherHost, FromAfar };
  static Wanted knowledge(Says says) {
    Wanted out = both({}, {seen(kId, 1, "m1/web.service/admin")});
    out.slices[1].host.id = says == Says::OfAnotherHost ? "m2" : "m1";
    auto near = std::make_shared<Slice>(*out.slices[1].slice);
    if (says == Says::Doubtful) near->doubtful = {"m1/web.service/admin"};
    if (says == Says::BelowIsDoubtful) near->doubtful = {"m1/web.service", "m1/web.service/"};
    if (near->doubtful.empty()) near->ended = {"m1/web.service/admin"};
    if (says == Says::FromAfar) near->distance = 1;
    out.slices[1].slice = near;
    return out;
  }
  // The farther one registered it once; what becomes of it.
  static Plan plan_of(const Wanted& now) {
    const Owner owner = notation::owner(modern());
    const auto rules = notation::rules(modern());
    const Desired before = make_desired(both({}, {seen(kId, 1, "m1/web.service/admin")}), *rules);
    return prove(make_plan(make_desired(now, *rules), notation::agent_with(before.services), owner), now, owner);
  }
  static constexpr char kId[] = "m1/web.service/admin web 80 !service";
};

TEST_F(NearerWord, OfAnEndEndsWhatIsSeenFromAfar) {
  EXPECT_EQ(show(plan_of(knowledge(Says::Ended)).actions),
            Lines{"deregister muster:m1/web.service/admin (the scheduler says that it ended)"});
}

TEST_F(NearerWord, OfDoubtRegistersNothingAndRemovesNothing) {
  for (const Says says : {Says::Doubtful, Says::BelowIsDoubtful}) {
    EXPECT_EQ(names(knowledge(says)), Lines{});
    EXPECT_EQ(show(plan_of(knowledge(says)).actions), Lines{});
    EXPECT_EQ(show(plan_of(knowledge(says)).held), Lines{"deregister muster:m1/web.service/admin: unproven"});
  }
}

TEST_F(NearerWord, CountsForItsOwnHostAndOnlyWhereItIsNearer) {
  for (const Says says : {Says::OfAnotherHost, Says::FromAfar}) {
    EXPECT_EQ(names(knowledge(says)).size(), 1u);
    EXPECT_TRUE(plan_of(knowledge(says)).actions.empty());
    EXPECT_TRUE(plan_of(knowledge(says)).held.empty());
  }
}

// After an hour systemd had forgotten the end, and what fleet had heard last before its fleetd died came back.
TEST_F(NearerWord, OfAWholeHostIsAlsoWhatItDoesNotSay) {
  Wanted now = knowledge(Says::Ended);
  const auto say = [&](bool complete, std::vector<std::string> covers, std::vector<std::string> ended = {}) {
    auto near = std::make_shared<Slice>(*now.slices[1].slice);
    near->ended = std::move(ended);
    near->complete = complete;
    near->covers = std::move(covers);
    now.slices[1].slice = near;
  };
  say(true, {"m1/*.service", "m1/*.service/*"});
  EXPECT_EQ(names(now), Lines{});
  EXPECT_EQ(show(plan_of(now).actions), Lines{"deregister muster:m1/web.service/admin (absent from a complete read)"});
  now = knowledge(Says::Ended);
  say(true, {"m1/*.service/*"}, {"m1/web.service/admin"});
  EXPECT_EQ(names(now), Lines{});
  say(true, {"m1/db.service"}, {"m1/web.service/admin"});
  EXPECT_EQ(names(now).size(), 1u) << "systemd is not to follow it, which is no word on whether it runs";
  for (const auto& [complete, covers] :
       {std::pair(false, std::vector<std::string>{"m1/*"}),
        std::pair(true, std::vector<std::string>{"m1/db@*.service/*"}), std::pair(true, std::vector<std::string>{})}) {
    say(complete, covers);
    EXPECT_EQ(names(now).size(), 1u);
    EXPECT_TRUE(plan_of(now).actions.empty());
  }
}

// fleet, after a restart, has told nothing yet, and what it once registered has been stopped.
TEST_F(NearerWord, IsEnoughWhereTheFartherHasNotSpoken) {
  Wanted now = knowledge(Says::Ended);
  now.slices.erase(now.slices.begin());
  EXPECT_EQ(show(plan_of(now).actions),
            Lines{"deregister muster:m1/web.service/admin (the scheduler says that it ended)"});
}

}  // namespace
}  // namespace muster
