#include "systemd/module.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "systemd/settings.h"
#include "systemd/source.h"

namespace muster::systemd {
namespace {

constexpr char kSystemBus[] = "unix:path=/run/dbus/system_bus_socket";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Whether sd-bus knows a transport of it (sd_bus_set_address(3)): it would try the others in vain, for ever.
bool reachable(const std::string& bus) {
  const std::vector<std::string> addresses = split(bus, ';');
  return std::any_of(addresses.begin(), addresses.end(), [](const std::string& each) {
    return each.starts_with("unix:path=") || each.starts_with("unix:abstract=") || each.starts_with("unix:guid=") ||
           each.starts_with("tcp:") || each.starts_with("unixexec:") || each.starts_with("x-machine-unix:");
  });
}

constexpr char kGoodBus[] =
    "give a D-Bus address, like unix:path=/run/dbus/system_bus_socket; its transport is unix:, tcp:, unixexec: or "
    "x-machine-unix:";

Result<void> set_switch(bool& into, const std::string& text) {
  if (text != "true" && text != "false") return fail(Fault::Leave, "give true or false");
  into = text == "true";
  return {};
}

Result<std::string> bus_of(const Settings& settings) {
  if (!settings.bus.empty()) return settings.bus;
  const char* const name = settings.user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS";
  std::string given = variable(name);
  if (!given.empty() && !reachable(given)) {
    return fail(Fault::Leave, "the variable " + std::string(name) + "='" + given + "': " + kGoodBus +
                                  "; or unset it, or give --systemd-bus");
  }
  if (!given.empty()) return given;
  if (!settings.user) return std::string(kSystemBus);
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (!runtime.empty()) return "unix:path=" + runtime + "/bus";
  return fail(Fault::Leave,
              "--systemd-user: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set; run muster "
              "as a user service, or give --systemd-bus=unix:path=/run/user/UID/bus");
}

class SystemdModule final : public Module {
 public:
  std::string_view name() const override { return "systemd"; }
  bool configured() const override { return settings_.enabled || settings_.user || !settings_.units.empty(); }
  bool one_host() const override { return true; }
  std::string usage() const override { return "--systemd for the units of this host, or --systemd-user for a user's"; }

  FlagGroup flags() override;

  Result<std::string> default_owner() const override {
    auto host = identity();
    if (!host) return tl::unexpected(host.error());
    return "systemd:" + host->id;
  }

  Result<std::unique_ptr<Source>> make() const override {
    auto host = identity();
    if (!host) return tl::unexpected(host.error());
    auto bus = bus_of(settings_);
    if (!bus) return tl::unexpected(bus.error());
    SourceSettings out;
    out.bus = *std::move(bus);
    out.patterns = settings_.units;
    if (out.patterns.empty()) out.patterns = kEveryUnit;
    out.host = {.id = host->id, .ip = "127.0.0.1", .consul_node = "", .url = ""};
    out.machine = *std::move(host);
    out.policy.external_source = "systemd";
    out.policy.unit_check_ttl = settings_.unit_check_ttl;
    return make_source(std::move(out));
  }

 private:
  // A user's units are services of their own: another user may run one of the same name.
  Result<units::Machine> identity() const {
    if (settings_.user && settings_.enabled) {
      return fail(Fault::Leave, "give --systemd or --systemd-user, not both: run one muster for each");
    }
    auto machine = units::read_machine("", settings_.user);
    if (!machine) return fail(Fault::Leave, machine.error().message);
    if (settings_.user) machine->id += "-" + std::to_string(getuid());
    return machine;
  }

  Result<void> add_pattern(const std::string& text) {
    if (text.empty()) return fail(Fault::Leave, "give a pattern of unit names, like 'web@*.service'");
    settings_.units.push_back(text);
    return {};
  }

  Result<void> set_bus(const std::string& text) {
    if (!reachable(text)) return fail(Fault::Leave, kGoodBus);
    settings_.bus = text;
    return {};
  }

  Result<void> set_ttl(const std::string& text) {
    const auto value = parse_duration(text);
    if (!value) return tl::unexpected(value.error());
    if (*value < std::chrono::seconds(1)) return fail(Fault::Leave, "must be at least 1s");
    settings_.unit_check_ttl = text;
    return {};
  }

  Settings settings_;
};

FlagGroup SystemdModule::flags() {
  Flag on{"systemd", "", "register units of this host's systemd", "", false, false, [this](const std::string& text) {
            return set_switch(settings_.enabled, text);
          }};
  Flag user{"systemd-user",
            "",
            "the same of the user's own systemd that muster runs as",
            "",
            false,
            false,
            [this](const std::string& text) { return set_switch(settings_.user, text); }};
  Flag units{"systemd-units",
             "GLOB",
             "only units whose name this matches; --systemd is not needed then",
             "",
             true,
             false,
             [this](const std::string& text) { return add_pattern(text); }};
  Flag bus{"systemd-bus",
           "ADDRESS",
           "D-Bus address of systemd's bus; the system's or the user's own where not given",
           "",
           false,
           false,
           [this](const std::string& text) { return set_bus(text); }};
  Flag ttl{"unit-check-ttl",
           "DURATION",
           "how long a unit's state holds in Consul without muster",
           "87600h",
           false,
           false,
           [this](const std::string& text) { return set_ttl(text); }};
  return {"systemd", {std::move(on), std::move(user), std::move(units), std::move(bus), std::move(ttl)}};
}

}  // namespace

std::unique_ptr<Module> make_module() { return std::make_unique<SystemdModule>(); }

}  // namespace muster::systemd
