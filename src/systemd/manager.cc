#include "systemd/manager.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace muster::systemd {
namespace {

constexpr char kName[] = "org.freedesktop.systemd1";
constexpr char kPath[] = "/org/freedesktop/systemd1";
constexpr char kUnits[] = "/org/freedesktop/systemd1/unit";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnit[] = "org.freedesktop.systemd1.Unit";
constexpr char kService[] = "org.freedesktop.systemd1.Service";
constexpr char kSocket[] = "org.freedesktop.systemd1.Socket";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";

// dbus-daemon refuses more than 128 calls under way of one connection (max_replies_per_connection).
constexpr std::size_t kWindow = 64;
constexpr std::chrono::seconds kPatience{10};

std::string sender_rule(const std::string& rest) { return "type='signal',sender='" + std::string(kName) + "'," + rest; }

// Where Environment, NRestarts and the like stand; empty for units that run nothing.
std::string interface_of(const std::string& unit) {
  if (unit.ends_with(".service")) return kService;
  if (unit.ends_with(".socket")) return kSocket;
  return "";
}

std::string hexadecimal(dbus::Message& message) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : message.bytes()) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

void take_text(dbus::Message& message, std::optional<std::string>& into) { into = std::string(message.string()); }

// (uo): its id, 0 where there is none.
void take_job(dbus::Message& message, Patch& patch) {
  if (!message.enter('r', "uo")) return;
  patch.job = message.number() != 0;
  message.skip("o");
  message.leave();
}

// The message stands before the value, inside its variant. False: not a property that concerns us, and not read.
bool take(std::string_view name, dbus::Message& message, Patch& patch) {
  if (name == "ActiveState") return take_text(message, patch.active), true;
  if (name == "SubState") return take_text(message, patch.sub), true;
  if (name == "Result") return take_text(message, patch.result), true;
  if (name == "StatusText") return take_text(message, patch.status_text), true;
  if (name == "InvocationID") return patch.invocation = hexadecimal(message), true;
  if (name == "NRestarts") return patch.restarts = message.number(), true;
  if (name == "ExecMainCode") return patch.exit_code = message.integer(), true;
  if (name == "ExecMainStatus") return patch.exit_status = message.integer(), true;
  if (name == "Job") return take_job(message, patch), true;
  return false;
}

Patch decode_changed(dbus::Message& message) {
  Patch patch;
  message.skip("s");
  message.enter('a', "{sv}");
  while (message.enter('e', "sv")) {
    const std::string name(message.string());
    const std::string type(message.variant_type());
    if (!message.enter('v', type.c_str())) break;
    if (!take(name, message, patch)) message.skip(type.c_str());
    message.leave();
    message.leave();
  }
  return message.good() ? patch : Patch();
}

template <typename From, typename To>
bool set(const std::optional<From>& from, To& to) {
  if (!from || *from == to) return false;
  to = *from;
  return true;
}

}  // namespace

bool apply(const Patch& patch, units::UnitState& state) {
  const std::array<bool, 9> changed{set(patch.active, state.active),
                                    set(patch.sub, state.sub),
                                    set(patch.invocation, state.invocation),
                                    set(patch.result, state.result),
                                    set(patch.status_text, state.status_text),
                                    set(patch.restarts, state.restarts),
                                    set(patch.exit_code, state.exit_code),
                                    set(patch.exit_status, state.exit_status),
                                    set(patch.job, state.job)};
  return std::find(changed.begin(), changed.end(), true) != changed.end();
}

Result<std::unique_ptr<Manager>> Manager::connect(const std::string& address, const std::stop_token& stop) {
  auto bus = dbus::Bus::open(address);
  if (!bus) return tl::unexpected(bus.error());
  std::unique_ptr<Manager> manager(new Manager(std::move(*bus)));
  if (auto done = manager->subscribe(stop); !done) return tl::unexpected(Error{Fault::Retry, done.error().message});
  return manager;
}

// Matches first: what happens between the subscription and the list must not be missed. Only what is needed wakes us.
Result<void> Manager::subscribe(const std::stop_token& stop) {
  const auto deadline = Clock::now() + kPatience;
  const std::string properties = "interface='" + std::string(kProperties) + "',member='PropertiesChanged',arg0='";
  const std::string manager = "interface='" + std::string(kManager) + "',member='";
  for (const std::string& rule :
       {sender_rule(properties + kUnit + "'"), sender_rule(properties + kService + "'"),
        sender_rule(manager + "Reloading'"), sender_rule(manager + "UnitRemoved'"),
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + std::string(kName) + "'"}) {
    if (auto done = bus_->add_match(rule, deadline, stop); !done) return done;
  }
  const auto done = bus_->call({kName, kPath, kManager, "Subscribe"}, deadline, stop);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::vector<Listed>> Manager::list(const std::vector<std::string>& patterns, const std::stop_token& stop) {
  auto answer = bus_->call({kName, kPath, kManager, "ListUnitsByPatterns", {std::vector<std::string>(), patterns}},
                           Clock::now() + kPatience, stop);
  if (!answer) return tl::unexpected(answer.error());
  std::vector<Listed> out;
  answer->enter('a', "(ssssssouso)");
  while (answer->enter('r', "ssssssouso")) {
    Listed unit;
    unit.name = answer->string();
    answer->skip("s");
    unit.load = answer->string();
    unit.active = answer->string();
    unit.sub = answer->string();
    answer->skip("so");
    unit.job = answer->number() != 0;
    answer->skip("so");
    answer->leave();
    out.push_back(std::move(unit));
  }
  if (!answer->good()) return fail(Fault::Retry, "systemd answered ListUnitsByPatterns with something else");
  return out;
}

Result<std::vector<std::optional<dbus::Message>>> Manager::read(const std::vector<Property>& properties,
                                                                const std::stop_token& stop) {
  std::vector<std::optional<dbus::Message>> out;
  std::vector<std::uint64_t> cookies;
  const auto deadline = Clock::now() + kPatience;
  while (out.size() < properties.size()) {
    while (cookies.size() < properties.size() && cookies.size() < out.size() + kWindow) {
      const Property& next = properties[cookies.size()];
      auto cookie =
          bus_->send({kName, dbus::encode_label(kUnits, next.unit), kProperties, "Get", {next.interface, next.name}});
      if (!cookie) return tl::unexpected(cookie.error());
      cookies.push_back(*cookie);
    }
    auto answer = bus_->reply(cookies[out.size()], deadline, stop);
    if (!answer && answer.error().fault != Fault::Item) return tl::unexpected(answer.error());
    out.emplace_back();
    if (!answer) continue;
    const std::string type(answer->variant_type());
    if (answer->enter('v', type.c_str())) out.back() = std::move(*answer);
  }
  return out;
}

Result<std::vector<std::optional<Origin>>> Manager::read_origins(const std::vector<std::string>& units,
                                                                 const std::stop_token& stop) {
  std::vector<Property> properties;
  for (const std::string& unit : units) {
    for (const char* name : {"FragmentPath", "DropInPaths"}) properties.push_back({unit, kUnit, name});
  }
  auto answers = read(properties, stop);
  if (!answers) return tl::unexpected(answers.error());
  std::vector<std::optional<Origin>> out(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    auto& fragment = (*answers)[2 * i];
    auto& drop_ins = (*answers)[2 * i + 1];
    if (!fragment || !drop_ins) continue;
    Origin origin{std::string(fragment->string()), drop_ins->strings()};
    if (fragment->good() && drop_ins->good()) out[i] = std::move(origin);
  }
  return out;
}

Result<std::vector<Details>> Manager::read_details(const std::vector<Question>& questions,
                                                   const std::stop_token& stop) {
  std::vector<std::size_t> of;  // the question that a property is for
  std::vector<Property> properties;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    const std::string interface = interface_of(question.unit);
    properties.push_back({question.unit, kUnit, "InvocationID"});
    if (interface == kService) properties.push_back({question.unit, interface, "NRestarts"});
    if (interface == kService && question.status_text) properties.push_back({question.unit, interface, "StatusText"});
    if (!interface.empty() && question.environment) properties.push_back({question.unit, interface, "Environment"});
    of.resize(properties.size(), i);
  }
  auto answers = read(properties, stop);
  if (!answers) return tl::unexpected(answers.error());
  std::vector<Details> out(questions.size());
  for (std::size_t i = 0; i < properties.size(); ++i) {
    std::optional<dbus::Message>& answer = (*answers)[i];
    if (!answer) continue;
    if (properties[i].name == "Environment") out[of[i]].environment = answer->strings();
    if (properties[i].name != "Environment") take(properties[i].name, *answer, out[of[i]].patch);
  }
  return out;
}

Result<Patch> Manager::read_exit(const std::string& unit, const std::stop_token& stop) {
  Patch patch;
  if (interface_of(unit) != kService) return patch;
  const std::vector<Property> properties{{unit, kService, "ExecMainCode"}, {unit, kService, "ExecMainStatus"}};
  auto answers = read(properties, stop);
  if (!answers) return tl::unexpected(answers.error());
  for (std::size_t i = 0; i < properties.size(); ++i) {
    if ((*answers)[i]) take(properties[i].name, *(*answers)[i], patch);
  }
  return patch;
}

Result<std::vector<std::string>> Manager::read_listen(const std::string& unit, const std::stop_token& stop) {
  std::vector<Property> properties;
  if (interface_of(unit) == kSocket) {
    properties.push_back({unit, kSocket, "Listen"});
  } else {
    auto by = read({{unit, kUnit, "TriggeredBy"}}, stop);
    if (!by) return tl::unexpected(by.error());
    if (by->at(0)) {
      for (const std::string& other : by->at(0)->strings()) {
        if (other.ends_with(".socket")) properties.push_back({other, kSocket, "Listen"});
      }
    }
  }
  auto sockets = read(properties, stop);
  if (!sockets) return tl::unexpected(sockets.error());
  std::vector<std::string> out;
  for (std::optional<dbus::Message>& listen : *sockets) {
    if (!listen || !listen->enter('a', "(ss)")) continue;
    while (listen->enter('r', "ss")) {
      const bool stream = listen->string() == "Stream";
      std::string address(listen->string());
      if (stream) out.push_back(std::move(address));
      listen->leave();
    }
  }
  return out;
}

// Nothing for what is of no concern.
std::optional<Event> Manager::decode(dbus::Message& message) const {
  if (message.is_signal(kProperties, "PropertiesChanged")) {
    std::string unit = dbus::decode_label(std::string(message.path()), kUnits);
    if (unit.empty() || (concerns_ && !concerns_(unit))) return std::nullopt;
    Patch patch = decode_changed(message);
    return Event{Event::Kind::Changed, std::move(unit), std::move(patch)};
  }
  if (message.is_signal(kManager, "Reloading")) {
    const bool begins = message.boolean();
    if (!message.good()) return std::nullopt;
    return Event{begins ? Event::Kind::Reload : Event::Kind::Reloaded};
  }
  if (message.is_signal(kManager, "UnitRemoved")) {
    std::string unit(message.string());
    if (unit.empty() || (concerns_ && !concerns_(unit))) return std::nullopt;
    return Event{Event::Kind::Unloaded, std::move(unit)};
  }
  return std::nullopt;
}

std::vector<Event> Manager::buffered() {
  std::vector<Event> out;
  while (auto message = bus_->buffered()) {
    if (auto event = decode(*message)) out.push_back(*std::move(event));
  }
  return out;
}

Result<Event> Manager::next(Clock::time_point deadline, const std::stop_token& stop) {
  for (;;) {
    auto message = bus_->next(deadline, stop);
    if (!message) return tl::unexpected(message.error());
    if (!*message) return Event{};
    if ((*message)->is_signal("org.freedesktop.DBus", "NameOwnerChanged")) {
      return fail(Fault::Retry, "systemd left the bus, or came to it anew");
    }
    if (auto event = decode(**message)) return *std::move(event);
  }
}

}  // namespace muster::systemd
