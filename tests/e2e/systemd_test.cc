// The real muster on hosts with a real systemd and a real Consul agent each, as a user without any right.
#include "support/systemd.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "e2e/cluster.h"
#include "e2e/needs.h"
#include "fakes/fake_consul.h"
#include "support/http.h"
#include "support/systemd_control.h"

namespace muster::e2e {
namespace {

using nlohmann::json;
using support::ConsulClient;
using support::ConsulOptions;
using support::ConsulServer;
using support::eventually;
using support::kPatience;
using support::Muster;
using support::seconds;
using support::SystemdControl;
using support::SystemdHost;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr char kIdA[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr char kIdB[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

std::string id_of(const std::string& machine, const std::string& unit) { return "muster:" + machine + "/" + unit; }

std::string unit_file(const std::string& consul, const std::string& service = "") {
  return "[Service]\nExecStart=/bin/sleep 10000\n" + service + "[X-Consul]\n" + consul;
}

class SystemdEndToEnd : public testing::Test {
 protected:
  void SetUp() override { skip_for({support::no_consul(), support::no_systemd()}); }
};

// Nobody on that host, with --systemd.
Muster muster_on(const SystemdHost& host, const std::string& agent, std::vector<std::string> more = {},
                 std::map<std::string, std::string> env = {}) {
  const int port = support::free_port();
  std::vector<std::string> argv{"setpriv",
                                "--reuid=65534",
                                "--regid=65534",
                                "--clear-groups",
                                "muster",
                                "--consul-agent=" + agent,
                                "--listen=127.0.0.1:" + std::to_string(port)};
  if (more.empty()) more = {"--systemd"};
  argv.insert(argv.end(), more.begin(), more.end());
  support::ProcessOptions command = host.inside(std::move(argv));
  command.env = std::move(env);
  return Muster(command, port);
}

bool settled(const Muster& muster) {
  return muster.metric("muster_source_updates_total", {"result=\"ok\""}).value_or(0) > 0 &&
         muster.metric("muster_queue_depth").value_or(1) == 0;
}

// Of the index: nothing has changed since `index`, or it is another.
struct Seen {
  std::string index;
  std::size_t passing = 0;
};

Seen look(const support::ConsulAgent& agent, const std::string& service, const std::string& index) {
  const auto answer = agent.call("GET", "/v1/health/service/" + service + "?passing&wait=5s&index=" + index);
  const json list = json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !list.is_array()) return {"0", 0};
  return {answer.headers.at("x-consul-index"), list.size()};
}

// How long until as many instances pass, as any client of the catalog sees it.
double wait_for(const support::ConsulAgent& agent, const std::string& service, std::size_t passing,
                Clock::time_point from, std::string index) {
  for (const auto end = from + kPatience; Clock::now() < end;) {
    const Seen seen = look(agent, service, index);
    if (seen.passing == passing) return Milliseconds(Clock::now() - from).count();
    index = seen.index;
  }
  return Milliseconds(kPatience).count();
}

struct Series {
  std::vector<double> values;
  double quantile(double q) const {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return sorted.at(static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5));
  }
  std::string text() const {
    std::ostringstream out;
    out.precision(3);
    out << "p50 " << quantile(0.5) << " ms, p99 " << quantile(0.99) << " ms";
    return out.str();
  }
};

struct Times {
  Series start, stop, put, remove;
  void add(const Times& more) {
    for (auto member : {&Times::start, &Times::stop, &Times::put, &Times::remove}) {
      const auto& from = (more.*member).values;
      (this->*member).values.insert((this->*member).values.end(), from.begin(), from.end());
    }
  }
};

Times race(const SystemdHost& host, const support::ConsulAgent& agent, const std::string& name, int rounds) {
  Times out;
  SystemdControl control(host);
  const std::string unit = name + ".service";
  const json plain{{"Name", name + "-plain"}, {"Port", 1}, {"Check", {{"TTL", "87600h"}, {"Status", "passing"}}}};
  const auto timed = [&](const std::string& service, std::size_t passing, Series& into, const auto& act) {
    const std::string index = look(agent, service, "0").index;
    const auto begin = Clock::now();
    act();
    into.values.push_back(wait_for(agent, service, passing, begin, index));
  };
  for (int round = 0; round < rounds; ++round) {
    timed(name, 1, out.start, [&] { control.start(unit); });
    timed(name, 0, out.stop, [&] { control.stop(unit); });
    timed(name + "-plain", 1, out.put, [&] { agent.put("/v1/agent/service/register", plain); });
    timed(name + "-plain", 0, out.remove, [&] { agent.put("/v1/agent/service/deregister/" + name + "-plain"); });
    EXPECT_TRUE(eventually(kPatience, [&] { return host.state(unit) == "inactive"; }));
  }
  return out;
}

TEST_F(SystemdEndToEnd, AStartIsInTheCatalogAndAStopOutOfItWithinMillisecondsOnTwoHostsAtOnce) {
  const ConsulServer server;
  const ConsulClient agent_a(server, ConsulOptions{.address = kHostA});
  const ConsulClient agent_b(server, ConsulOptions{.address = kHostB});
  const SystemdHost a(kIdA), b(kIdB);
  a.write_unit("alpha.service", unit_file("Port=7001\n"));
  b.write_unit("beta.service", unit_file("Port=7002\n"));
  const Muster on_a = muster_on(a, agent_a.url());
  const Muster on_b = muster_on(b, agent_b.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return settled(on_a) && settled(on_b); })) << on_a.log() << on_b.log();

  constexpr int kRounds = 50;
  Times times, other;
  std::thread beside([&] { other = race(b, agent_b, "beta", kRounds); });
  times = race(a, agent_a, "alpha", kRounds);
  beside.join();
  times.add(other);
  std::cout << "two hosts, " << kRounds << " rounds each\n  start to passing: " << times.start.text()
            << "\n  Consul's own PUT: " << times.put.text() << "\n  stop to gone:     " << times.stop.text()
            << "\n  Consul's own:     " << times.remove.text() << "\n";
  // Where Consul alone takes tens of milliseconds, the machine is busy with something else.
  const double busy = std::max(0.0, times.put.quantile(0.99) - 10),
               busy_stop = std::max(0.0, times.remove.quantile(0.99) - 10);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which slow muster and not Consul
  EXPECT_LT(times.start.quantile(0.99), 100 + 4 * busy);
  EXPECT_LT(times.stop.quantile(0.99), 50 + 4 * busy_stop);
#else
  static_cast<void>(busy);
  static_cast<void>(busy_stop);
#endif
  EXPECT_EQ(Cluster::ids(agent_a), std::vector<std::string>{});
}

TEST_F(SystemdEndToEnd, EachHostSpeaksOnlyOfItselfAlsoWhereTwoShareAnAgent) {
  const ConsulServer server;
  const SystemdHost a(kIdA), b(kIdB);
  for (const SystemdHost* host : {&a, &b}) {
    host->write_unit("web.service", unit_file("Port=7001\n"));
    host->ctl({"start", "web.service"});
  }
  const Muster on_a = muster_on(a, server.url());
  const Muster on_b = muster_on(b, server.url());
  const std::vector<std::string> both{id_of(kIdA, "web.service"), id_of(kIdB, "web.service")};
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == both; })) << on_a.log() << on_b.log();
  a.ctl({"stop", "web.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 1; }));
  EXPECT_EQ(Cluster::ids(server).front(), both.back());
}

TEST_F(SystemdEndToEnd, ADaemonReloadWithTwoHundredUnitsAsksConsulNothing) {
  const fakes::FakeConsul consul;
  const SystemdHost host(kIdA);
  std::vector<std::string> start{"start"};
  for (int i = 0; i < 200; ++i) {
    const std::string unit = "u" + std::to_string(i) + ".service";
    host.write_unit(unit, unit_file("Port=" + std::to_string(7000 + i) + "\n"));
    start.push_back(unit);
  }
  host.ctl({"daemon-reload"});
  host.ctl(start);
  const Muster muster = muster_on(host, consul.url(), {"--systemd", "--watch-agents=0", "--audit-interval=10m"});
  ASSERT_TRUE(eventually(kPatience, [&] { return consul.ids().size() == 201 && settled(muster); })) << muster.log();
  const auto updates = [&] { return muster.metric("muster_source_updates_total", {"result=\"ok\""}).value_or(0); };
  const double before = updates();
  const fakes::FakeCounts counts = consul.total();
  host.ctl({"daemon-reload"});
  ASSERT_TRUE(eventually(kPatience, [&] { return updates() > before; })) << "the list after the reload";
  host.ctl({"daemon-reload"});
  ASSERT_TRUE(eventually(kPatience, [&] { return updates() > before + 1 && settled(muster); }));
  EXPECT_EQ(consul.total().writes(), counts.writes());
  EXPECT_EQ(consul.total().reads, counts.reads);
  std::cout << "two daemon-reloads, 200 units: " << consul.total().reads - counts.reads << " reads, "
            << consul.total().writes() - counts.writes() << " writes\n";
}

TEST_F(SystemdEndToEnd, AReloadBringsWhatTheFilesSayNow) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("web.service", unit_file("Name=old\nPort=7001\n[X-Consul:admin]\nPort=7002\n"));
  host.ctl({"start", "web.service"});
  const Muster muster = muster_on(host, server.url());
  const std::string id = id_of(kIdA, "web.service");
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 2; })) << muster.log();
  host.write_unit("web.service.d/name.conf", "[X-Consul]\nName=new\nTags=a b\n");
  host.write_unit("web.service", unit_file("Name=old\nPort=7001\n"));
  host.ctl({"daemon-reload"});
  ASSERT_TRUE(eventually(kPatience, [&] {
    const json service = Cluster::service(server, id);
    return service.is_object() && service.value("Service", "") == "new" && Cluster::ids(server).size() == 1;
  })) << muster.log();
  EXPECT_EQ(Cluster::service(server, id).at("Tags"), (json{"a", "b"}));
}

TEST_F(SystemdEndToEnd, AKilledProcessThatIsRestartedStaysRegistered) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("web.service", unit_file("Port=7001\n", "Restart=on-failure\nRestartSec=300ms\n"));
  host.ctl({"start", "web.service"});
  const Muster muster = muster_on(host, server.url());
  const std::string id = id_of(kIdA, "web.service");
  const auto output = [&] {
    const json checks = server.get("/v1/agent/checks");
    return checks.is_object() && checks.contains("ttl:" + id) ? checks.at("ttl:" + id) : json::object();
  };
  ASSERT_TRUE(eventually(kPatience, [&] { return look(server, "web", "0").passing == 1; })) << muster.log();
  const json before = server.get("/v1/catalog/service/web").at(0);
  host.ctl({"kill", "-s", "KILL", "web.service"});
  std::string dying;
  EXPECT_TRUE(eventually(kPatience, [&] {
    const json check = output();
    if (check.value("Status", "") == "critical")
      dying += check.value("Output", "") + "\n";  // a start clears the signal
    return check.value("Status", "") == "passing" && check.value("Output", "").find("restarts 1") != std::string::npos;
  })) << output();
  EXPECT_NE(dying.find("SIGKILL"), std::string::npos) << "seen while it was down: " << dying;
  EXPECT_EQ(muster.metric("muster_consul_writes_total", {"verb=\"deregister\"", "result=\"ok\""}), 0);
  EXPECT_EQ(server.get("/v1/catalog/service/web").at(0).at("CreateIndex"), before.at("CreateIndex"));
}

TEST_F(SystemdEndToEnd, SixOfTenStoppedAtOnceAreSixEndsAndNoBreakerHoldsThem) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  std::vector<std::string> start{"start"}, stop{"stop"};
  for (int i = 0; i < 10; ++i) {
    const std::string unit = "web@" + std::to_string(7000 + i) + ".service";
    start.push_back(unit);
    if (i < 6) stop.push_back(unit);
  }
  host.write_unit("web@.service", unit_file("Port=%i\n"));
  host.ctl(start);
  const Muster muster = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 10; })) << muster.log();
  host.ctl(stop);
  EXPECT_TRUE(eventually(seconds(5), [&] { return Cluster::ids(server).size() == 4; })) << muster.log();
  EXPECT_EQ(muster.log().find("absent"), std::string::npos) << muster.log();
}

TEST_F(SystemdEndToEnd, ABusThatGoesAwayRemovesNothingAndWhatStoppedMeanwhileGoesWhenItIsBack) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("stays.service", unit_file("Port=7001\n"));
  host.write_unit("goes.service", unit_file("Port=7002\n"));
  host.ctl({"start", "stays.service", "goes.service"});
  const Muster muster = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 2; })) << muster.log();
  host.ctl({"stop", "dbus.socket", "dbus.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return muster.ready() == 503; })) << muster.log();
  host.ctl({"stop", "goes.service"});
  ASSERT_TRUE(eventually(kPatience, [&] {
    return muster.metric("muster_source_updates_total", {"result=\"error\""}).value_or(0) >= 3;
  })) << muster.log();
  EXPECT_EQ(Cluster::ids(server).size(), 2u) << "nothing is known of them, and nothing removed";
  host.ctl({"start", "dbus.socket"});
  EXPECT_TRUE(eventually(kPatience, [&] { return muster.ready() == 200 && Cluster::ids(server).size() == 1; }))
      << muster.log();
  EXPECT_EQ(Cluster::ids(server).front(), id_of(kIdA, "stays.service"));
}

TEST_F(SystemdEndToEnd, DrainKeepsAStoppingUnitRegisteredButOutOfRotation) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("web.service", unit_file("Port=7001\nDrain=30s\n", "ExecStop=/bin/sleep 2\n"));
  host.ctl({"start", "web.service"});
  const Muster muster = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return look(server, "web", "0").passing == 1; })) << muster.log();
  host.ctl({"stop", "--no-block", "web.service"});
  EXPECT_TRUE(eventually(kPatience, [&] {
    return look(server, "web", "0").passing == 0 && Cluster::ids(server).size() == 1;
  })) << muster.log();
  EXPECT_EQ(host.state("web.service"), "deactivating");
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).empty(); })) << muster.log();
}

// It went at once, and was deregistered while it still served.
TEST_F(SystemdEndToEnd, ADrainSurvivesARestartOfMuster) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("web.service", unit_file("Port=7001\nDrain=60s\n", "ExecStop=/bin/sleep 1000\nTimeoutStopSec=60\n"));
  host.ctl({"start", "web.service"});
  const auto drains = [&] { return look(server, "web", "0").passing == 0 && Cluster::ids(server).size() == 1; };
  {
    const Muster muster = muster_on(host, server.url());
    ASSERT_TRUE(eventually(kPatience, [&] { return look(server, "web", "0").passing == 1; })) << muster.log();
    host.ctl({"stop", "--no-block", "web.service"});
    ASSERT_TRUE(eventually(kPatience, drains)) << muster.log();
  }
  const Muster again = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return settled(again); })) << again.log();
  EXPECT_TRUE(drains()) << again.log();
  EXPECT_EQ(again.metric("muster_consul_writes_total", {"verb=\"deregister\"", "result=\"ok\""}).value_or(0), 0);
  host.ctl({"kill", "-s", "KILL", "web.service"});
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).empty(); })) << again.log();
}

// Nineteen services ended for want of a suffix; and where a pattern is mistaken, nothing ends.
TEST_F(SystemdEndToEnd, UnitsAreNamedAsSystemctlTakesThemAndAMistakenNameEndsNothing) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("web@.service", unit_file("Port=%i\n"));
  host.ctl({"start", "web@7001.service", "web@7002.service"});
  const std::vector<std::string> both{id_of(kIdA, "web@7001.service"), id_of(kIdA, "web@7002.service")};
  {
    const Muster all = muster_on(host, server.url());
    ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == both; })) << all.log();
  }
  {
    const Muster mistaken = muster_on(host, server.url(), {"--systemd-units=wbe@7002", "--audit-interval=1s"});
    ASSERT_TRUE(eventually(kPatience, [&] {
      return mistaken.metric("muster_agent_reconciles_total").value_or(0) > 2 && settled(mistaken);
    })) << mistaken.metrics();
    EXPECT_EQ(Cluster::ids(server), both) << mistaken.log();
    EXPECT_NE(mistaken.log().find("no loaded unit matches"), std::string::npos) << mistaken.log();
  }
  const Muster one = muster_on(host, server.url(), {"--systemd-units=web@7002"});
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == std::vector{both[1]}; })) << one.log();
}

TEST_F(SystemdEndToEnd, OneBadUnitCostsOnlyItself) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  host.write_unit("good.service", unit_file("Port=7001\n"));
  host.write_unit("word.service", unit_file("Port=eighty\n"));
  host.write_unit("sealed.service", unit_file("Port=7003\n"));
  host.write_unit("silent.service", "[Service]\nExecStart=/bin/sleep 10000\n");
  host.ctl({"start", "good.service", "word.service", "sealed.service", "silent.service"});
  support::run(host.inside({"chmod", "600", "/run/systemd/system/sealed.service"}));
  support::run(host.inside({"ln", "-s", "good.service", "/run/systemd/system/alias.service"}));
  host.ctl({"daemon-reload"});
  const Muster muster = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return settled(muster) && !Cluster::ids(server).empty(); })) << muster.log();
  EXPECT_EQ(Cluster::ids(server), std::vector<std::string>{id_of(kIdA, "good.service")})
      << "and no second by its alias";
  EXPECT_GE(muster.metric("muster_source_skipped_total", {"reason=\"bad_unit\""}).value_or(0), 2) << muster.metrics();
}

// muster has no right to what only root may read: it says so, and nothing that is registered goes.
TEST_F(SystemdEndToEnd, AnEnvironmentFileThatCannotBeReadRemovesNothing) {
  const ConsulServer server;
  const SystemdHost host(kIdA, {{"etc/default/web", "PORT=7001\nTOKEN=s3cr3t\n"}, {"etc/default/db", "PORT=7002\n"}});
  for (const char* unit : {"web", "db"}) {
    host.write_unit(unit + std::string(".service"),
                    unit_file("Port=${PORT}\n", "EnvironmentFile=/etc/default/%p\nEnvironment=PORT=1\n"));
  }
  support::run(host.inside({"chmod", "600", "/etc/default/db"}));
  host.ctl({"start", "web.service", "db.service"});
  const Muster muster = muster_on(host, server.url());
  const auto skipped = [&] {
    return muster.metric("muster_source_skipped_total", {"reason=\"bad_unit\""}).value_or(0);
  };
  const std::vector<std::string> web{id_of(kIdA, "web.service")};
  ASSERT_TRUE(eventually(kPatience, [&] { return settled(muster) && Cluster::ids(server) == web; })) << muster.log();
  const auto port = [&] {
    const json service = Cluster::service(server, web[0]);
    return service.is_object() ? service.value("Port", 0) : 0;
  };
  EXPECT_EQ(port(), 7001);
  EXPECT_NE(muster.log().find("/etc/default/db: Permission denied"), std::string::npos) << muster.log();
  const double before = skipped();
  support::run(host.inside({"chmod", "600", "/etc/default/web"}));
  host.ctl({"restart", "web.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return skipped() > before; })) << muster.log();
  // What it said last. Until it is back the catalog may still show what the stop took from the agent.
  EXPECT_TRUE(eventually(kPatience, [&] { return port() == 7001 && look(server, "web", "0").passing == 1; }))
      << muster.log();
  EXPECT_EQ(muster.log().find("s3cr3t"), std::string::npos);
}

TEST_F(SystemdEndToEnd, ATransientUnitSpeaksThroughItsEnvironment) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  const Muster muster = muster_on(host, server.url());
  ASSERT_TRUE(eventually(kPatience, [&] { return settled(muster); })) << muster.log();
  const std::vector<std::string> run{"nsenter",
                                     "-t",
                                     std::to_string(host.pid()),
                                     "-m",
                                     "-u",
                                     "-i",
                                     "-p",
                                     "-C",
                                     "systemd-run",
                                     "--unit=job",
                                     "--setenv=CONSUL_NAME=batch",
                                     "--setenv=CONSUL_PORT=7009",
                                     "/bin/sleep",
                                     "1000"};
  ASSERT_EQ(support::run({run, {}, ""}).code, 0);
  EXPECT_TRUE(eventually(kPatience, [&] { return look(server, "batch", "0").passing == 1; })) << muster.log();
  host.ctl({"stop", "job.service"});
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).empty(); })) << muster.log();
}

TEST_F(SystemdEndToEnd, AUsersOwnUnitsAreRegisteredAsThoseOfThatUserBesideTheHostsOwn) {
  const ConsulServer server;
  const SystemdHost host(
      kIdA,
      {{"etc/systemd/system/manager.service",
        "[Service]\nUser=nobody\nDelegate=yes\nRuntimeDirectory=lab\nRuntimeDirectoryMode=0700\n"
        "Environment=XDG_RUNTIME_DIR=/run/lab HOME=/run/lab DBUS_SESSION_BUS_ADDRESS=unix:path=/run/lab/bus\n"
        "ExecStart=/lib/systemd/systemd --user --unit=start.target\n"},
       {"etc/systemd/user/start.target", "[Unit]\nRequires=dbus.socket\nAfter=dbus.socket\n"},
       {"etc/systemd/user/dbus.socket", "[Socket]\nListenStream=%t/bus\n"},
       {"etc/systemd/user/dbus.service",
        "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\n"
        "ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation\n"},
       {"etc/systemd/user/web.service", unit_file("Port=7001\nMeta=host=%m\n")}});
  host.ctl({"start", "manager.service"});
  const std::map<std::string, std::string> env{{"XDG_RUNTIME_DIR", "/run/lab"},
                                               {"DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/lab/bus"}};
  // Inside the host's pid namespace as well: systemctl talks to the manager's private socket.
  const auto user_ctl = [&](const std::string& verb) {
    return support::run(
        {{"nsenter", "-t", std::to_string(host.pid()), "-m", "-u", "-i", "-p", "-C", "setpriv", "--reuid=65534",
          "--regid=65534", "--clear-groups", "systemctl", "--user", verb, "web.service"},
         env,
         ""});
  };
  ASSERT_TRUE(eventually(kPatience, [&] { return user_ctl("start").code == 0; })) << user_ctl("start").err;
  host.write_unit("web.service", unit_file("Port=7002\n"));
  host.ctl({"start", "web.service"});
  const std::vector<std::string> own{id_of(std::string(kIdA) + "-65534", "web.service")};
  const std::vector<std::string> both{own[0], id_of(kIdA, "web.service")};
  const Muster muster = muster_on(host, server.url(), {"--systemd-user", "--audit-interval=1s"}, env);
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == own; })) << muster.log();
  EXPECT_EQ(Cluster::service(server, own[0]).at("Meta").value("host", ""), kIdA) << "%m is the host's";
  const Muster beside = muster_on(host, server.url(), {"--systemd", "--audit-interval=1s"});
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == both; })) << beside.log();
  const auto audits = [](const Muster& of) {
    return of.metric("muster_agent_reconciles_total", {"result=\"equal\""}).value_or(0);
  };
  const double before = audits(muster), before_beside = audits(beside);
  EXPECT_TRUE(eventually(kPatience, [&] { return audits(muster) > before + 2 && audits(beside) > before_beside + 2; }))
      << muster.metrics();
  EXPECT_EQ(Cluster::ids(server), both);
  for (const Muster* each : {&muster, &beside}) {
    EXPECT_EQ(each->metric("muster_consul_writes_total", {"verb=\"deregister\"", "result=\"ok\""}).value_or(0), 0);
  }
  host.ctl({"stop", "web.service"});
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == own; })) << beside.log();
  const support::Finished stopped = user_ctl("stop");
  EXPECT_EQ(stopped.code, 0) << stopped.err;
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).empty(); })) << muster.log();
}

TEST_F(SystemdEndToEnd, TwoMustersOfOneHostWithOwnersOfTheirOwnLeaveEachOthersUnitsAlone) {
  const ConsulServer server;
  const SystemdHost host(kIdA);
  for (const char* unit : {"web.service", "db.service"}) {
    host.write_unit(unit, unit_file("Port=7001\n"));
    host.ctl({"start", unit});
  }
  const std::vector<std::string> both{id_of(kIdA, "db.service"), id_of(kIdA, "web.service")};
  const Muster web = muster_on(host, server.url(), {"--systemd-units=web*", "--owner=web", "--audit-interval=1s"});
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 1; })) << web.log();
  const Muster db = muster_on(host, server.url(), {"--systemd-units=db*", "--owner=db", "--audit-interval=1s"});
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == both; })) << db.log();
  host.ctl({"stop", "db.service"});
  ASSERT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server).size() == 1; })) << db.log();
  const auto removals = [](const Muster& of) {
    return of.metric("muster_consul_writes_total", {"verb=\"deregister\"", "result=\"ok\""}).value_or(0);
  };
  EXPECT_TRUE(eventually(kPatience, [&] { return removals(db) == 1; })) << db.log();
  EXPECT_EQ(removals(web), 0) << web.log();
}

TEST_F(SystemdEndToEnd, TheUnitThatWeDeployServesTheHostItRunsOn) {
  const ConsulServer server;
  const auto file = [](const std::string& name) {
    std::ifstream in(MUSTER_SOURCE_DIR "/deploy/systemd/" + name);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  };
  // As its own comment says for clusters without ACLs: a systemd in namespaces of its own cannot mount credentials.
  std::string unit = file("muster.service");
  for (const std::string part : {" --consul-token-file=${CREDENTIALS_DIRECTORY}/consul-token",
                                 "LoadCredential=consul-token:/etc/muster/consul-token\n"}) {
    const std::size_t at = unit.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    unit.erase(at, part.size());
  }
  const int port = support::free_port();
  const SystemdHost host(kIdA,
                         {{"etc/systemd/system/muster.service", unit},
                          {"etc/systemd/system/muster.service.d/host.conf", file("host.conf")},
                          {"etc/muster/muster.conf", "systemd = true\nconsul-agent = \"" + server.url() +
                                                         "\"\nlisten = \"127.0.0.1:" + std::to_string(port) + "\"\n"},
                          {"etc/systemd/system/web.service", unit_file("Port=7001\n")}});
  const auto linked = support::run(host.inside({"ln", "-s", "muster", "/usr/local/bin/muster"}));
  ASSERT_EQ(linked.code, 0) << linked.err;
  const auto added =
      support::run(host.inside({"sh", "-c", "useradd --system --no-create-home --shell /usr/sbin/nologin muster"}));
  ASSERT_EQ(added.code, 0) << added.err;
  host.ctl({"start", "muster.service", "web.service"});
  const std::vector<std::string> one{id_of(kIdA, "web.service")};
  EXPECT_TRUE(eventually(kPatience, [&] { return Cluster::ids(server) == one; }))
      << host.ctl({"status", "muster"}, true);
  host.ctl({"stop", "muster.service"});
  EXPECT_EQ(Cluster::ids(server), one) << "a muster that is stopped leaves everything registered";
}

// utime and stime, in ticks of 10 ms.
long ticks(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  long user = 0, system = 0;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  rest >> user >> system;
  return user + system;
}

long kilobytes(pid_t pid, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + ":")) return std::strtol(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return -1;
}

TEST_F(SystemdEndToEnd, IdleCostsNoRequestAndNoTimeAndLittleMemory) {
  const fakes::FakeConsul consul;
  const SystemdHost host(kIdA);
  host.write_unit("web@.service", unit_file("Port=%i\n"));
  std::vector<std::string> start{"start"};
  for (int i = 0; i < 20; ++i) start.push_back("web@" + std::to_string(7000 + i) + ".service");
  host.ctl(start);
  Muster muster = muster_on(host, consul.url(), {"--systemd", "--watch-agents=0", "--audit-interval=10h"});
  ASSERT_TRUE(eventually(kPatience, [&] { return consul.ids().size() == 21 && settled(muster); })) << muster.log();
  const seconds idle(std::getenv("MUSTER_LONG") != nullptr ? 60 : 8);
  const pid_t pid = muster.process().pid();
  std::this_thread::sleep_for(seconds(1));  // the metrics that we asked for are done with
  const fakes::FakeCounts counts = consul.total();
  const long before = ticks(pid);
  std::this_thread::sleep_for(idle);
  const long used = ticks(pid) - before;
  EXPECT_EQ(consul.total().reads, counts.reads);
  EXPECT_EQ(consul.total().writes(), counts.writes());
  const long rss = kilobytes(pid, "VmRSS"), anonymous = kilobytes(pid, "RssAnon");
  std::cout << "20 units, idle for " << idle.count() << " s: " << used << " ticks, RSS " << rss
            << " kB, of it anonymous " << anonymous << " kB\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(used, 1);
  EXPECT_LT(anonymous, 4096);
#endif
}

}  // namespace
}  // namespace muster::e2e
