#include "support/systemd.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "support/wait.h"

namespace muster::support {
namespace {

constexpr char kScript[] = MUSTER_SOURCE_DIR "/tests/support/private-systemd";

std::string unique_name() {
  static int count = 0;
  return "muster-test-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

std::string share() { return std::filesystem::path(MUSTER_BINARY).parent_path(); }

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

SystemdHost::Booted boot(std::string name, const std::string& folder) {
  SystemdHost::Booted out;
  out.name = std::move(name);
  out.process = std::make_unique<Process>(ProcessOptions{{kScript, "run", out.name, folder, share()}, {}, ""});
  const Finished ready =
      run({{kScript, "wait", out.name, folder, std::to_string(out.process->pid())}, {}, ""}, 2 * kPatience);
  out.first = static_cast<pid_t>(std::strtol(ready.out.c_str(), nullptr, 10));
  out.error = ready.err;
  return out;
}

// In order, as a machine does; what is left is killed.
void shut_down(SystemdHost::Booted& booted, const std::string& folder) {
  run({{kScript, "down", booted.name, folder}, {}, ""});
  booted.process->kill();
}

std::string why_not() {
  if (geteuid() != 0) return "a systemd of our own needs root, for namespaces and a cgroup";
  for (const char* program : {"unshare", "nsenter", "busctl", "systemctl", "dbus-daemon"}) {
    if (run({{"sh", "-c", std::string("command -v ") + program}, {}, ""}).code != 0) {
      return std::string("no ") + program + " on this machine: scripts/setup installs it";
    }
  }
  const Folder folder;
  SystemdHost::Booted probe = boot(unique_name(), folder.path());
  const std::string error = probe.first > 1 ? "" : probe.error + probe.process->err();
  shut_down(probe, folder.path());
  return error.empty() ? "" : "this machine does not let us boot a systemd of our own: " + trimmed(error);
}

}  // namespace

SystemdHost::SystemdHost(std::string machine_id, const std::map<std::string, std::string>& files)
    : machine_id_(std::move(machine_id)) {
  write(folder_ / "seed/etc/machine-id", machine_id_ + "\n");
  write(folder_ / "seed/etc/hostname", "host-" + machine_id_.substr(0, 8) + "\n");
  for (const auto& [path, text] : files) write(folder_ / ("seed/" + path), text);
  booted_ = boot(unique_name(), folder_.path());
  if (booted_.first > 1) return;
  fprintf(stderr, "a private systemd did not start: %s%s\n", booted_.error.c_str(), booted_.process->err().c_str());
  abort();
}

SystemdHost::~SystemdHost() { shut_down(booted_, folder_.path()); }

std::string SystemdHost::bus() const { return "unix:path=" + (folder_ / "run/dbus/system_bus_socket"); }

std::string SystemdHost::group() const {
  const bool hybrid = std::filesystem::exists("/sys/fs/cgroup/unified");
  return std::string("/sys/fs/cgroup/") + (hybrid ? "unified/" : "") + booted_.name;
}

void SystemdHost::write_unit(const std::string& name, const std::string& text) const {
  write(folder_ / ("run/systemd/system/" + name), text);
}

void SystemdHost::remove_unit(const std::string& name) const {
  std::filesystem::remove_all(folder_ / ("run/systemd/system/" + name));
}

void SystemdHost::bring(const std::string& file, const std::string& name) const {
  std::filesystem::copy_file(file, folder_ / ("run/" + name), std::filesystem::copy_options::overwrite_existing);
}

std::string SystemdHost::ctl(const std::vector<std::string>& arguments, bool may_fail) const {
  std::vector<std::string> argv{kScript, "ctl", booted_.name, folder_.path()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const Finished done = run({argv, {}, ""}, kPatience);
  if (done.code == 0 || may_fail) return trimmed(done.out);
  fprintf(stderr, "systemctl %s: %d %s\n", arguments.front().c_str(), done.code, done.err.c_str());
  abort();
}

ProcessOptions SystemdHost::inside(std::vector<std::string> argv) const {
  for (std::string& word : argv) {
    if (word == "muster") word = "/mnt/share/" + std::filesystem::path(MUSTER_BINARY).filename().string();
  }
  std::vector<std::string> out{"nsenter", "-t", std::to_string(booted_.first), "-m", "-u", "-i"};
  out.insert(out.end(), argv.begin(), argv.end());
  return {std::move(out), {}, ""};
}

std::string SystemdHost::state(const std::string& unit) const { return ctl({"show", "-P", "ActiveState", unit}); }

std::string no_systemd() {
  static const std::string why = why_not();
  if (!why.empty() && getenv("MUSTER_REQUIRE_ALL") != nullptr) {
    fprintf(stderr, "%s\n", why.c_str());
    abort();
  }
  return why;
}

}  // namespace muster::support
