// systemd's manager over D-Bus: typed calls and typed signals. Wire facts: org.freedesktop.systemd1(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "dbus/bus.h"
#include "muster/result.h"
#include "units/state.h"

namespace muster::systemd {

using dbus::Clock;

// One row of ListUnitsByPatterns.
struct Listed {
  std::string name;
  std::string load;
  std::string active;
  std::string sub;
  bool job = false;  // one is under way for it
};

// Where a unit comes from. Constant while it is loaded and no daemon-reload comes between.
struct Origin {
  std::string fragment;
  std::vector<std::string> drop_ins;
  friend bool operator==(const Origin&, const Origin&) = default;
};

// What a signal tells of a unit; what it does not tell is empty.
struct Patch {
  std::optional<std::string> active{};
  std::optional<std::string> sub{};
  std::optional<std::string> invocation{};
  std::optional<std::string> result{};
  std::optional<std::string> status_text{};
  std::optional<std::uint32_t> restarts{};
  std::optional<std::int32_t> exit_code{};
  std::optional<std::int32_t> exit_status{};
  std::optional<bool> job{};
};

// What only units are asked for that want to be registered, and what of it each needs: a question costs us 6 us, and
// there may be hundreds of units.
struct Question {
  std::string unit;
  bool environment = false;
  bool status_text = false;
};
struct Details {
  std::optional<std::vector<std::string>> environment;  // nothing: systemd did not tell
  Patch patch;
};

struct Event {
  enum class Kind : std::uint8_t {
    None,      // the deadline came
    Changed,   // `patch` of `unit`
    Unloaded,  // UnitRemoved: not a stop
    Reload,    // daemon-reload begins
    Reloaded,  // ... and has ended
  };
  Kind kind = Kind::None;
  std::string unit{};
  Patch patch{};
};

// Into `state`; false: it said so already.
bool apply(const Patch& patch, units::UnitState& state);

// Thread: one. Errors: Fault::Retry, the connection is gone (or the stop_token fired); Fault::Item, of one unit.
class Manager {
 public:
  // Subscribed when it returns: what happens from now on comes by next().
  static Result<std::unique_ptr<Manager>> connect(const std::string& address, const std::stop_token& stop);

  // Every loaded unit that one of the patterns matches (fnmatch), by its first name: aliases are no units of their own.
  Result<std::vector<Listed>> list(const std::vector<std::string>& patterns, const std::stop_token& stop);

  // Of many units at once, in their order; nothing where systemd refused. Never ask for a unit that is not loaded: the
  // question would load it, and the signals of that would look like news.
  Result<std::vector<std::optional<Origin>>> read_origins(const std::vector<std::string>& units,
                                                          const std::stop_token& stop);
  Result<std::vector<Details>> read_details(const std::vector<Question>& questions, const std::stop_token& stop);
  // What became of the main process: told by no signal.
  Result<Patch> read_exit(const std::string& unit, const std::stop_token& stop);
  // What the sockets that start this unit listen on, as streams; of a .socket what it does itself.
  Result<std::vector<std::string>> read_listen(const std::string& unit, const std::stop_token& stop);

  // Signals of units that this refuses are dropped unread.
  void only(std::function<bool(const std::string& unit)> concerns) { concerns_ = std::move(concerns); }
  // What came before the last answer, without looking for more.
  std::vector<Event> buffered();
  Result<Event> next(Clock::time_point deadline, const std::stop_token& stop);

 private:
  explicit Manager(std::unique_ptr<dbus::Bus> bus) : bus_(std::move(bus)) {}
  struct Property {
    std::string unit;
    std::string interface;
    std::string name;
  };
  Result<void> subscribe(const std::stop_token& stop);
  // The answers in order, each inside its variant; nothing where systemd refused.
  Result<std::vector<std::optional<dbus::Message>>> read(const std::vector<Property>& properties,
                                                         const std::stop_token& stop);
  std::optional<Event> decode(dbus::Message& message) const;

  std::unique_ptr<dbus::Bus> bus_;
  std::function<bool(const std::string&)> concerns_;
};

}  // namespace muster::systemd
