#include "dbus/bus.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace muster::dbus {
namespace {

using std::chrono::microseconds;

constexpr char kDaemon[] = "org.freedesktop.DBus";

int append(sd_bus_message* message, const Argument& argument) {
  if (const auto* text = std::get_if<std::string>(&argument)) {
    return sd_bus_message_append_basic(message, 's', text->c_str());
  }
  int result = sd_bus_message_open_container(message, 'a', "s");
  for (const std::string& text : std::get<std::vector<std::string>>(argument)) {
    if (result >= 0) result = sd_bus_message_append_basic(message, 's', text.c_str());
  }
  return result < 0 ? result : sd_bus_message_close_container(message);
}

timespec until(Clock::time_point deadline) {
  const auto left = std::max(std::chrono::nanoseconds(deadline - Clock::now()), std::chrono::nanoseconds(0));
  return {static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
}

}  // namespace

Result<std::unique_ptr<Bus>> Bus::open(const std::string& address) {
  sd_bus* bus = nullptr;
  int error = sd_bus_new(&bus);
  if (error >= 0) error = sd_bus_set_address(bus, address.c_str());
  if (error >= 0) error = sd_bus_set_bus_client(bus, 1);
  if (error >= 0) error = sd_bus_start(bus);
  const int wake = error >= 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
  if (error >= 0 && wake < 0) error = -errno;
  if (error >= 0) return std::unique_ptr<Bus>(new Bus(bus, wake, address));
  sd_bus_unref(bus);
  return fail(Fault::Retry, "cannot connect to the bus at " + address + ": " + std::strerror(-error));
}

Bus::~Bus() {
  replies_.clear();
  signals_.clear();
  sd_bus_close_unref(bus_);
  ::close(wake_);
}

tl::unexpected<Error> Bus::broken(int error) const {
  return fail(Fault::Retry, "the bus at " + address_ + " failed: " + std::strerror(std::abs(error)));
}

Result<std::uint64_t> Bus::send(const Call& call) {
  sd_bus_message* raw = nullptr;
  int error = sd_bus_message_new_method_call(bus_, &raw, call.destination.c_str(), call.path.c_str(),
                                             call.interface.c_str(), call.member.c_str());
  const Message message(raw);
  for (const Argument& argument : call.arguments) {
    if (error >= 0) error = append(raw, argument);
  }
  std::uint64_t cookie = 0;
  if (error >= 0) error = sd_bus_send(bus_, raw, &cookie);
  if (error < 0) return broken(error);
  replies_[cookie];
  return cookie;
}

Result<Message> Bus::reply(std::uint64_t cookie, Clock::time_point deadline, const std::stop_token& stop) {
  const auto waiting = replies_.find(cookie);
  while (!waiting->second) {
    const Result<bool> took = take(deadline, stop);
    if (!took) return tl::unexpected(took.error());
    if (!*took) return fail(Fault::Retry, "no answer in time at " + address_);
  }
  Message message = *std::move(waiting->second);
  replies_.erase(waiting);
  if (std::string error = message.error_text(); !error.empty()) return fail(Fault::Item, std::move(error));
  return message;
}

Result<Message> Bus::call(const Call& call, Clock::time_point deadline, const std::stop_token& stop) {
  const Result<std::uint64_t> cookie = send(call);
  if (!cookie) return tl::unexpected(cookie.error());
  return reply(*cookie, deadline, stop);
}

Result<void> Bus::add_match(const std::string& rule, Clock::time_point deadline, const std::stop_token& stop) {
  const auto done = call({kDaemon, "/org/freedesktop/DBus", kDaemon, "AddMatch", {rule}}, deadline, stop);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::optional<Message>> Bus::next(Clock::time_point deadline, const std::stop_token& stop) {
  while (signals_.empty()) {
    const Result<bool> took = take(deadline, stop);
    if (!took) return tl::unexpected(took.error());
    if (!*took) return std::nullopt;
  }
  return buffered();
}

std::optional<Message> Bus::buffered() {
  if (signals_.empty()) return std::nullopt;
  std::optional<Message> out(std::move(signals_.front()));
  signals_.pop_front();
  return out;
}

// One message, or the deadline: false.
Result<bool> Bus::take(Clock::time_point deadline, const std::stop_token& stop) {
  for (;;) {
    sd_bus_message* raw = nullptr;
    const int progress = sd_bus_process(bus_, &raw);
    Message message(raw);
    if (progress < 0) return broken(progress);
    if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
    if (raw != nullptr) {
      sort(std::move(message));
      return true;
    }
    if (progress > 0) continue;
    if (Clock::now() >= deadline) return false;
    if (auto waited = wait(deadline, stop); !waited) return tl::unexpected(waited.error());
  }
}

void Bus::sort(Message message) {
  const std::uint64_t cookie = message.answers();
  if (cookie == 0) {
    signals_.push_back(std::move(message));
  } else if (const auto waiting = replies_.find(cookie); waiting != replies_.end()) {
    waiting->second = std::move(message);
  }
}

Result<void> Bus::wait(Clock::time_point deadline, const std::stop_token& stop) {
  const int events = sd_bus_get_events(bus_);
  if (events < 0) return broken(events);
  std::uint64_t own = UINT64_MAX;  // the library's: CLOCK_MONOTONIC, which is Clock's
  if (const int error = sd_bus_get_timeout(bus_, &own); error < 0) return broken(error);
  if (own < std::uint64_t{INT64_MAX} / 1000) {
    deadline = std::min(deadline, Clock::time_point(microseconds(static_cast<std::int64_t>(own))));
  }
  const auto wake = [this] {
    const std::uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
  };
  const std::stop_callback callback(stop, wake);
  std::array<pollfd, 2> files{{{sd_bus_get_fd(bus_), static_cast<short>(events), 0}, {wake_, POLLIN, 0}}};
  const timespec time = until(deadline);
  const bool forever = deadline == Clock::time_point::max();
  if (ppoll(files.data(), files.size(), forever ? nullptr : &time, nullptr) < 0 && errno != EINTR) return broken(errno);
  return {};
}

std::string decode_label(const std::string& path, const char* prefix) {
  char* name = nullptr;
  if (sd_bus_path_decode(path.c_str(), prefix, &name) <= 0) return "";
  std::string out(name);
  std::free(name);
  return out;
}

std::string encode_label(const char* prefix, const std::string& name) {
  char* path = nullptr;
  if (sd_bus_path_encode(prefix, name.c_str(), &path) < 0) return "";
  std::string out(path);
  std::free(path);
  return out;
}

}  // namespace muster::dbus
