#include "systemd/module.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "systemd/settings.h"
#include "systemd/source.h"
#include "units/name.h"

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

// As systemctl takes it: a name without a suffix is a service's. What could match no unit that muster follows is
// refused: it would end what other patterns leave out, and follow nothing.
Result<std::string> pattern_of(const std::string& text) {
  constexpr char kGood[] = "give the name of a .service or .socket, or a pattern, like 'web@*.service'";
  constexpr std::string_view kGlob = "*?[]";
  const auto followed = [](std::string_view name) { return name.ends_with(".service") || name.ends_with(".socket"); };
  const bool glob = text.find_first_of(kGlob) != text.npos;
  const std::size_t dot = text.rfind('.');
  const bool bare = dot == text.npos;
  if (glob) {
    const bool open = bare ? text.ends_with('*') : text.find_first_of(kGlob, dot) != text.npos;
    if (open || followed(text)) return text;
    return fail(Fault::Leave,
                std::string(kGood) + (bare ? "; as it is it matches none, end it with .service or *" : ""));
  }
  const std::string name = bare ? text + ".service" : text;
  const auto unit = units::parse_name(name);
  if (!unit || !followed(name)) return fail(Fault::Leave, kGood);
  if (unit->is_template) {
    return fail(Fault::Leave,
                "a template does not run, its instances do: give '" + unit->prefix + "@*." + unit->suffix + "'");
  }
  return name;
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
    if (settings_.user) {
      machine->facts['m'] = machine->id;  // to a user's units, too, %m is the host's
      machine->id += "-" + std::to_string(getuid());
    }
    return machine;
  }

  Result<void> add_pattern(const std::string& text) {
    auto pattern = pattern_of(text);
    if (!pattern) return tl::unexpected(pattern.error());
    settings_.units.push_back(*std::move(pattern));
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
