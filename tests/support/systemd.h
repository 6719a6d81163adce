// A whole host of its own: a real systemd (the system's instance) in namespaces of its own, on an overlay of this
// machine's root, with a machine id. Its network is ours.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/folder.h"
#include "support/process.h"

namespace muster::support {

// Thread: one. Runs from construction to destruction, and dies with the test; one that does not start aborts the test
// program and shows why.
class SystemdHost {
 public:
  struct Booted {
    std::string name;  // of its cgroup
    std::unique_ptr<Process> process;
    pid_t first = -1;  // systemd itself; less than 2: it did not start
    std::string error;
  };

  // `files` are laid over the root before it boots: {"etc/systemd/system/x.service", text}.
  explicit SystemdHost(std::string machine_id, const std::map<std::string, std::string>& files = {});
  ~SystemdHost();
  SystemdHost(const SystemdHost&) = delete;
  SystemdHost& operator=(const SystemdHost&) = delete;

  const std::string& machine_id() const { return machine_id_; }
  std::string bus() const;  // D-Bus address, as seen from outside
  pid_t pid() const { return booted_.first; }
  std::string group() const;  // folder of its cgroup

  // A unit file below /run/systemd/system; systemd reads it when it next loads the unit, or at a daemon-reload.
  void write_unit(const std::string& name, const std::string& text) const;
  void remove_unit(const std::string& name) const;
  // A copy of a file of this machine as /run/NAME.
  void bring(const std::string& file, const std::string& name) const;
  // systemctl inside; its output. Aborts where it fails, unless `may_fail`.
  std::string ctl(const std::vector<std::string>& arguments, bool may_fail = false) const;
  // To run a program inside its mount, uts and ipc namespaces, where it sees the host's files and bus, as a child of
  // ours. "muster" is the muster under test.
  ProcessOptions inside(std::vector<std::string> argv) const;
  // The state of a unit, as `systemctl show -P ActiveState` says it.
  std::string state(const std::string& unit) const;

 private:
  std::string machine_id_;
  Folder folder_;
  Booted booted_;
};

// Why no systemd of our own can run here: a container without the right to make namespaces or cgroups, no root. Empty
// when it can; asked once. With MUSTER_REQUIRE_ALL an answer but that aborts.
std::string no_systemd();

}  // namespace muster::support
