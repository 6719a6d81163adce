// The source by itself, among the files of a real private systemd.
#include "systemd/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stop_token>
#include <thread>
#include <utility>

#include "support/systemd.h"

namespace muster::systemd {
namespace {

using support::SystemdHost;

constexpr char kMachine[] = "0123456789abcdef0123456789abcdef";

SourceSettings settings() {
  SourceSettings out;
  out.bus = "unix:path=/run/dbus/system_bus_socket";
  out.patterns = {"*.service", "*.socket"};
  out.host = {.id = kMachine, .ip = "127.0.0.1", .consul_node = "", .url = ""};
  out.machine = units::Machine{kMachine};
  out.policy.external_source = "systemd";
  return out;
}

// What `work` says, done by a child of this process among the host's files.
std::string inside(const SystemdHost& host, const std::function<std::string()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const int files = open(("/proc/" + std::to_string(host.pid()) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
    // The thread sanitizer has a thread of its own, which must not come along.
    const bool entered = unshare(CLONE_FS) == 0 && setns(files, CLONE_NEWNS) == 0;
    const std::string said = entered ? work() : "cannot enter the host's file systems";
    const ssize_t wrote = write(ends[1], said.data(), said.size());
    _exit(wrote == std::ssize(said) ? 0 : 1);
  }
  close(ends[1]);
  std::string out;
  char block[4096];
  for (ssize_t got = read(ends[0], block, sizeof block); got > 0; got = read(ends[0], block, sizeof block)) {
    out.append(block, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return out;
}

double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

class SystemdSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = support::no_systemd(); !why.empty()) {
      std::cerr << "skipped: " << why << "\n";
      GTEST_SKIP() << why;
    }
  }
};

TEST_F(SystemdSourceTest, FiveHundredUnitsAreListedAndReadInFiftyMillisecondsOfTime) {
  constexpr int kUnits = 500;
  std::map<std::string, std::string> files;
  std::vector<std::string> start{"start"};
  for (int i = 0; i < kUnits; ++i) {
    const std::string name = "u" + std::to_string(i) + ".service";
    files["etc/systemd/system/" + name] =
        "[Unit]\nDescription=one of many\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
        "[X-Consul]\nName=web\nPort=" +
        std::to_string(7000 + i) + "\nTags=a b\nMeta=version=1\nCheck=http:/health 10s\n";
    start.push_back(name);
  }
  const SystemdHost host(kMachine, files);
  host.ctl(start);
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    const double begin = cpu_ms();
    const auto update = source->next({});
    const double used = cpu_ms() - begin;
    if (!update) return update.error().message;
    const Slice& slice = *update->slices.at(0).slice;
    return std::to_string(slice.instances.size()) + (slice.complete ? " complete " : " part ") + std::to_string(used);
  });
  ASSERT_TRUE(said.starts_with("500 complete ")) << said;
  const double used = std::stod(said.substr(13));
  std::cout << kUnits << " units: the first list costs " << used << " ms of CPU time\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(used, 50);
#endif
}

TEST_F(SystemdSourceTest, ItsOwnQuestionsAreNoNewsToIt) {
  const SystemdHost host(
      kMachine, {{"etc/systemd/system/web.service", "[Service]\nExecStart=/bin/sleep 1000\n[X-Consul]\nPort=80\n"}});
  host.ctl({"start", "web.service"});
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    if (!source->next({})) return std::string("no list");
    std::stop_source stop;
    std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::seconds(2));
      stop.request_stop();
    });
    const auto update = source->next(stop.get_token());
    return update ? std::string("an update") : update.error().message;
  });
  EXPECT_EQ(said, "stopped") << "nothing happened in two seconds";
}

// A word to the host's systemd, from inside.
void tell(const std::string& method) {
  const std::string call =
      "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager " + method +
      " >/dev/null";
  if (std::system(call.c_str()) != 0) std::cerr << call << " failed\n";
}

// "id:port" of what is registered, "-id" of what has ended, "?id" of what is in doubt; without the machine.
std::string told(const Slice& slice) {
  std::string out;
  for (std::size_t i = 0; i < slice.instances.size(); ++i) {
    const Instance each = slice.instances.at(i);
    out += each.id.substr(33) + ":" + (each.ports.empty() ? "" : std::to_string(each.ports[0].number)) + " ";
  }
  for (const std::string& id : slice.ended) out += "-" + id.substr(33) + " ";
  for (const std::string& id : slice.doubtful) out += "?" + id.substr(33) + " ";
  return out;
}

// Broken, deleted and masked files of units that run: their services were removed as absent when muster was restarted.
TEST_F(SystemdSourceTest, WhatRunsThoughSystemdCouldNotLoadItTodayIsInDoubt) {
  const SystemdHost host(kMachine);
  const std::string text = "[Service]\nExecStart=/bin/sleep 1000\n[X-Consul]\nPort=80\n[X-Consul:admin]\nPort=81\n";
  for (const char* unit : {"broken.service", "gone.service"}) {
    host.write_unit(unit, text);
    host.ctl({"start", unit});
  }
  host.write_unit("broken.service", "[Service]\n[X-Consul]\nPort=80\n");
  host.remove_unit("gone.service");
  host.ctl({"daemon-reload"});
  const std::string said = inside(host, [] {
    const auto update = make_source(settings())->next({});
    return update ? told(*update->slices.at(0).slice) : update.error().message;
  });
  EXPECT_EQ(said, "?broken.service ?broken.service/ ?gone.service ?gone.service/ ");
}

TEST_F(SystemdSourceTest, WhatNarrowerPatternsLeaveOutHasEnded) {
  const SystemdHost host(kMachine);
  for (const char* unit : {"web.service", "db.service", "plain.service"}) {
    const bool plain = std::string(unit) == "plain.service";
    host.write_unit(unit, std::string("[Service]\nExecStart=/bin/sleep 1000\n") +
                              (plain ? "" : "[X-Consul]\nPort=80\n[X-Consul:admin]\nPort=81\n"));
    host.ctl({"start", unit});
  }
  const std::string said = inside(host, [] {
    SourceSettings narrow = settings();
    narrow.patterns = {"web*"};
    const auto update = make_source(narrow)->next({});
    return update ? told(*update->slices.at(0).slice) : update.error().message;
  });
  EXPECT_EQ(said, "web.service:80 web.service/admin:81 -db.service -db.service/admin ");
}

// A pattern that was mistaken ended all that was registered, the running unit that it meant too.
TEST_F(SystemdSourceTest, PatternsThatNoUnitMatchesEndNothingUntilOneDoes) {
  const SystemdHost host(kMachine);
  for (const char* unit : {"web.service", "db.service"}) {
    host.write_unit(unit, "[Service]\nExecStart=/bin/sleep 1000\n[X-Consul]\nPort=80\n");
  }
  host.ctl({"start", "db.service"});
  const std::string said = inside(host, [] {
    SourceSettings narrow = settings();
    narrow.patterns = {"web.service"};
    const auto source = make_source(narrow);
    const auto show = [](const Update& update) {
      const Slice& slice = *update.slices.at(0).slice;
      std::string out = told(slice) + (slice.complete ? "complete; " : "part; ");
      for (const Rejection& each : update.rejections) out += each.instance + ": " + each.detail.substr(0, 15) + "; ";
      return out;
    };
    const auto before = source->next({});
    if (!before) return before.error().message;
    tell("StartUnit ss web.service replace");
    std::string after;
    for (int tries = 0; tries < 5 && after.find(":80") == after.npos; ++tries) {
      const auto update = source->next({});
      if (!update) return update.error().message;
      after = show(*update);
    }
    return show(*before) + after;
  });
  EXPECT_EQ(said, "part; web.service: --systemd-units; web.service:80 -db.service complete; ");
}

// It was said to have no .socket.
TEST_F(SystemdSourceTest, ASocketThatAsksForItsPortListensThereItself) {
  const SystemdHost host(kMachine);
  host.write_unit("sk.socket",
                  "[Socket]\nListenStream=127.0.0.1:7011\nService=other.service\n[X-Consul]\nPort=socket\n");
  host.write_unit("other.service", "[Service]\nExecStart=/bin/sleep 1000\n");
  host.ctl({"start", "sk.socket"});
  const std::string said = inside(host, [] {
    const auto update = make_source(settings())->next({});
    return update ? told(*update->slices.at(0).slice) : update.error().message;
  });
  EXPECT_EQ(said, "sk.socket:7011 ");
}

// Named in another's After=, it was listed as not there; its file then came and it was started, and nobody saw it.
TEST_F(SystemdSourceTest, AUnitThatWasNotThereWhenItWasListedIsSeenWhenItStarts) {
  const SystemdHost host(kMachine);
  host.write_unit("first.service", "[Unit]\nAfter=late.service\n[Service]\nExecStart=/bin/sleep 1000\n");
  host.ctl({"start", "first.service"});
  ASSERT_EQ(host.ctl({"show", "-P", "LoadState", "late.service"}), "not-found");
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    if (const auto before = source->next({}); !before) return before.error().message;
    std::ofstream("/run/systemd/system/late.service") << "[Service]\nExecStart=/bin/sleep 1000\n[X-Consul]\nPort=80\n";
    tell("StartUnit ss late.service replace");
    const auto after = source->next({});
    if (!after) return after.error().message;
    return told(*after->slices.at(0).slice) + (after->full ? "by a list" : "by a signal");
  });
  EXPECT_EQ(said, "late.service:80 by a signal");
}

// muster was started after its file had gone: it stayed registered until the next list, and was absent then.
TEST_F(SystemdSourceTest, TheStopOfAUnitWhoseFileIsGoneIsAnEnd) {
  const SystemdHost host(kMachine);
  host.write_unit("gone.service", "[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/sleep 0.3\n[X-Consul]\n");
  host.ctl({"start", "gone.service"});
  host.remove_unit("gone.service");
  host.ctl({"daemon-reload"});
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    const auto before = source->next({});
    if (!before) return before.error().message;
    tell("StopUnit ss gone.service replace");
    const auto after = source->next({});
    if (!after) return after.error().message;
    return told(*before->slices.at(0).slice) + told(*after->slices.at(0).slice) +
           (after->full ? "by a list" : "by a signal");
  });
  EXPECT_EQ(said, "?gone.service ?gone.service/ -gone.service by a signal");
}

// The port of a socket was asked for once, and only where the file had the very word.
TEST_F(SystemdSourceTest, ASocketThatListensElsewhereAfterAReloadIsAskedForAgain) {
  const SystemdHost host(kMachine);
  host.write_unit("web.socket", "[Socket]\nListenDatagram=127.0.0.1:7009\nListenStream=127.0.0.1:7001\n");
  host.write_unit("web.service",
                  "[Service]\nExecStart=/bin/sleep 1000\nEnvironment=CONSUL_PORT=socket CONSUL_NAME=web\n");
  host.ctl({"start", "web.socket"});
  host.ctl({"start", "web.service"});
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    const auto before = source->next({});
    if (!before) return before.error().message;
    std::ofstream("/run/systemd/system/web.socket") << "[Socket]\nListenStream=127.0.0.1:7002\n";
    tell("Reload");
    const auto after = source->next({});
    return after ? told(*before->slices.at(0).slice) + told(*after->slices.at(0).slice) : after.error().message;
  });
  EXPECT_EQ(said, "web.service:7001 web.service:7002 ");
}

std::string recorded(const std::string& name) {
  std::ifstream in(MUSTER_SOURCE_DIR "/tests/data/quadlet/v5.8.2/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Units that podman's generator wrote, given by a generator; there is no podman, so that each runs something else.
TEST_F(SystemdSourceTest, WhatQuadletGeneratesIsRegisteredAsItsFileSays) {
  std::map<std::string, std::string> files{
      {"etc/systemd/system-generators/quadlet", "#!/bin/sh\nexec cp /usr/local/share/quadlet/* \"$1\"\n"}};
  const std::string instead =
      "[Service]\nType=simple\nPIDFile=\nExecStartPre=\nExecStop=\nExecStopPost=\nExecStart=\n"
      "ExecStart=/bin/sleep 1000\n";
  std::vector<std::string> start{"start", "web@8081.service"};
  for (const char* name : {"plain.service", "labels.service", "ports.service", "web@.service", "env.service",
                           "app-pod.service", "play.service"}) {
    files["usr/local/share/quadlet/" + std::string(name)] = recorded(name);
    files["etc/systemd/system/" + std::string(name) + ".d/instead.conf"] = instead;
    if (std::string(name) != "web@.service") start.emplace_back(name);
  }
  const SystemdHost host(kMachine, files);
  support::run(host.inside({"chmod", "755", "/etc/systemd/system-generators/quadlet"}));
  host.ctl({"daemon-reload"});
  host.ctl(start);
  EXPECT_EQ(host.ctl({"show", "-P", "SourcePath", "plain.service"}), "/etc/containers/systemd/plain.container");
  const std::string said = inside(host, [] {
    const auto update = make_source(settings())->next({});
    return update ? told(*update->slices.at(0).slice) : update.error().message;
  });
  EXPECT_EQ(said,
            "app-pod.service:8085 env.service:7123 labels.service:9080 plain.service:8080 play.service:8090 "
            "ports.service:8443 web@8081.service:8081 web@8081.service/admin:7777 ");
}

// The most usual form of a port; the files were not read at all.
TEST_F(SystemdSourceTest, APortOfAnEnvironmentFileIsThatOfTheLastStart) {
  const SystemdHost host(kMachine, {{"etc/default/web", "# where it listens\nPORT=7001\n"}});
  host.write_unit(
      "web.service",
      "[Service]\nEnvironmentFile=-/run/none\nEnvironmentFile=/etc/default/%p\nEnvironmentFile=-/run/%p.env\n"
      "ExecStartPre=/bin/sh -c 'test ! -e /run/write || echo PORT=7003 > /run/web.env'\n"
      "ExecStart=/bin/sleep 1000\n[X-Consul]\nPort=${PORT}\n");
  host.ctl({"start", "web.service"});
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    std::string out;
    const auto wait_for = [&](const std::string& wanted) {
      for (int tries = 0; tries < 20; ++tries) {
        const auto update = source->next({});
        if (!update) return;
        const std::string now = told(*update->slices.at(0).slice);
        if (now.find(wanted) == now.npos) continue;
        out += wanted + " ";
        return;
      }
    };
    wait_for("web.service:7001");
    std::ofstream("/etc/default/web") << "PORT='7002'\n";
    tell("RestartUnit ss web.service replace");
    wait_for("web.service:7002");
    std::ofstream("/run/write") << "";
    tell("RestartUnit ss web.service replace");
    wait_for("web.service:7003");
    return out;
  });
  EXPECT_EQ(said, "web.service:7001 web.service:7002 web.service:7003 ");
}

// Both are deactivating without a failure; the one has a job, the other comes back, and was deregistered each time.
TEST_F(SystemdSourceTest, AStopIsKnownByItsJobAndAnExitByHavingNone) {
  const SystemdHost host(kMachine);
  host.write_unit("stopped.service",
                  "[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/sleep 30\n[X-Consul]\nPort=80\n");
  host.write_unit("comes-back.service",
                  "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 0.5\nExecStop=/bin/sleep 0.7\n"
                  "Restart=always\nRestartSec=100ms\n[X-Consul]\nPort=81\n");
  for (const char* unit : {"stopped.service", "comes-back.service"}) host.ctl({"start", unit});
  const std::string said = inside(host, [] {
    const auto source = make_source(settings());
    std::string states;
    bool over = false;
    std::size_t changes = 0;
    std::string last;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until && !(over && changes > 6)) {
      const auto update = source->next({});
      if (!update) return update.error().message;
      const Slice& slice = *update->slices.at(0).slice;
      const std::string now = told(slice);
      if (now.find("-comes-back") != now.npos) return "it ended by itself: " + now;
      std::string status = "?";
      for (std::size_t i = 0; i < slice.instances.size(); ++i) {
        const Instance each = slice.instances.at(i);
        if (each.id.ends_with("/comes-back.service")) status = each.checks.at(0).status;
      }
      changes += std::exchange(last, status) != status ? 1 : 0;
      if (!over && states.empty() && now.starts_with("comes-back.service:81 stopped.service:80 ")) {
        states = "both, ";
        tell("StopUnit ss stopped.service replace");
      }
      over = over || now.find("-stopped.service") != now.npos;
    }
    return states + (over ? "one has ended, " : "none has ended, ") + (changes > 6 ? "one comes and goes" : "");
  });
  EXPECT_EQ(said, "both, one has ended, one comes and goes");
}

}  // namespace
}  // namespace muster::systemd
