// The source by itself, among the files of a real private systemd.
#include "systemd/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <stop_token>
#include <thread>

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
    const std::string said = setns(files, CLONE_NEWNS) == 0 ? work() : "cannot enter the host's file systems";
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

}  // namespace
}  // namespace muster::systemd
