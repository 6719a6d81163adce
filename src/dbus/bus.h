// A connection to a message bus: thin RAII over sd_bus, which nothing outside this folder includes. No callbacks: calls
// wait for their answer, and signals are taken one by one, in the order in which they came.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "dbus/message.h"
#include "muster/result.h"

struct sd_bus;

namespace muster::dbus {

using Clock = std::chrono::steady_clock;

// Thread: one. Every call ends at its deadline or within a few milliseconds of a fired stop_token. Errors name the
// address; Fault::Retry means that the connection is of no further use, Fault::Item that the peer refused one call.
class Bus {
 public:
  // `address` as in D-Bus: "unix:path=/run/dbus/system_bus_socket". Returns before the peer has answered.
  static Result<std::unique_ptr<Bus>> open(const std::string& address);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Sends now or later, and does not wait: the cookie is for reply(). Many calls may be under way.
  Result<std::uint64_t> send(const Call& call);
  // The answer to it; signals that come meanwhile are kept for next().
  Result<Message> reply(std::uint64_t cookie, Clock::time_point deadline, const std::stop_token& stop);
  Result<Message> call(const Call& call, Clock::time_point deadline, const std::stop_token& stop);
  // The bus (not the peer) delivers what matches from now on.
  Result<void> add_match(const std::string& rule, Clock::time_point deadline, const std::stop_token& stop);
  // The next signal; nothing at the deadline.
  Result<std::optional<Message>> next(Clock::time_point deadline, const std::stop_token& stop);
  // The next of the signals that came before the last answer.
  std::optional<Message> buffered();

 private:
  Bus(sd_bus* bus, int wake, std::string address) : bus_(bus), wake_(wake), address_(std::move(address)) {}
  Result<bool> take(Clock::time_point deadline, const std::stop_token& stop);
  Result<void> wait(Clock::time_point deadline, const std::stop_token& stop);
  void sort(Message message);
  tl::unexpected<Error> broken(int error) const;

  sd_bus* bus_;
  int wake_;  // eventfd: a fired stop_token
  std::string address_;
  std::deque<Message> signals_;
  std::map<std::uint64_t, std::optional<Message>> replies_;  // by cookie of the calls under way
};

// "/org/freedesktop/systemd1/unit/web_408081_2eservice" below ".../unit" -> "web@8081.service"; empty: not below it.
std::string decode_label(const std::string& path, const char* prefix);
std::string encode_label(const char* prefix, const std::string& name);

}  // namespace muster::dbus
