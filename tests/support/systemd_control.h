// Starts and stops units over D-Bus, at once: systemctl would take longer than what is measured.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "dbus/bus.h"
#include "support/systemd.h"
#include "support/wait.h"

namespace muster::support {

// Thread: one.
class SystemdControl {
 public:
  explicit SystemdControl(const SystemdHost& host) {
    auto bus = dbus::Bus::open(host.bus());
    if (bus) bus_ = *std::move(bus);
    if (!bus_) fprintf(stderr, "%s\n", bus.error().message.c_str());
    if (!bus_) abort();
    manage("Subscribe", {});  // the connection stands from here on
  }

  // When it returns systemd has the job, no more.
  void start(const std::string& unit) { manage("StartUnit", {unit, "replace"}); }
  void stop(const std::string& unit) { manage("StopUnit", {unit, "replace"}); }

 private:
  void manage(const std::string& method, std::vector<dbus::Argument> arguments) {
    const dbus::Call call{"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                          method, std::move(arguments)};
    const auto done = bus_->call(call, dbus::Clock::now() + kPatience, {});
    if (done) return;
    fprintf(stderr, "%s: %s\n", method.c_str(), done.error().message.c_str());
    abort();
  }

  std::unique_ptr<dbus::Bus> bus_;
};

}  // namespace muster::support
