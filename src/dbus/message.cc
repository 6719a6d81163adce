#include "dbus/message.h"

#include <systemd/sd-bus.h>

#include <cstdlib>
#include <utility>

namespace muster::dbus {
namespace {

std::string_view view(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

}  // namespace

Message::~Message() { sd_bus_message_unref(message_); }

Message& Message::operator=(Message&& other) noexcept {
  std::swap(message_, other.message_);
  std::swap(good_, other.good_);
  return *this;
}

std::string_view Message::path() const { return view(sd_bus_message_get_path(message_)); }
std::string_view Message::interface() const { return view(sd_bus_message_get_interface(message_)); }
std::string_view Message::member() const { return view(sd_bus_message_get_member(message_)); }

bool Message::is_signal(std::string_view interface, std::string_view member) const {
  std::uint8_t type = 0;
  if (sd_bus_message_get_type(message_, &type) < 0 || type != SD_BUS_MESSAGE_SIGNAL) return false;
  return this->interface() == interface && this->member() == member;
}

std::uint64_t Message::answers() const {
  std::uint64_t cookie = 0;
  return sd_bus_message_get_reply_cookie(message_, &cookie) < 0 ? 0 : cookie;
}

std::string Message::error_text() const {
  const sd_bus_error* error = sd_bus_message_get_error(message_);
  if (error == nullptr || error->name == nullptr) return "";
  return std::string(error->name) + ": " + std::string(view(error->message));
}

bool Message::check(int result) {
  if (result < 0) good_ = false;
  return result > 0;
}

std::string_view Message::text(char type) {
  const char* value = nullptr;
  if (!good_ || !check(sd_bus_message_read_basic(message_, type, &value))) good_ = false;
  return good_ ? view(value) : std::string_view();
}

std::string_view Message::string() { return text('s'); }
std::string_view Message::object_path() { return text('o'); }

std::uint32_t Message::number() {
  std::uint32_t value = 0;
  if (!good_ || !check(sd_bus_message_read_basic(message_, 'u', &value))) good_ = false;
  return value;
}

std::int32_t Message::integer() {
  std::int32_t value = 0;
  if (!good_ || !check(sd_bus_message_read_basic(message_, 'i', &value))) good_ = false;
  return value;
}

bool Message::boolean() {
  int value = 0;
  if (!good_ || !check(sd_bus_message_read_basic(message_, 'b', &value))) good_ = false;
  return value != 0;
}

std::vector<std::string> Message::strings() {
  std::vector<std::string> out;
  if (!enter('a', "s")) return out;
  const char* text = nullptr;
  while (good_ && check(sd_bus_message_read_basic(message_, 's', &text))) out.emplace_back(text);
  leave();
  return out;
}

std::vector<std::uint8_t> Message::bytes() {
  const void* data = nullptr;
  std::size_t size = 0;
  if (!good_ || sd_bus_message_read_array(message_, 'y', &data, &size) < 0) {
    good_ = false;
    return {};
  }
  const auto* first = static_cast<const std::uint8_t*>(data);
  return {first, first + size};
}

void Message::skip(const char* types) {
  if (good_) check(sd_bus_message_skip(message_, types));
}

std::string_view Message::variant_type() {
  char type = 0;
  const char* contents = nullptr;
  if (!good_ || !check(sd_bus_message_peek_type(message_, &type, &contents)) || type != 'v') return {};
  return view(contents);
}

bool Message::enter(char type, const char* contents) {
  return good_ && check(sd_bus_message_enter_container(message_, type, contents));
}

void Message::leave() {
  if (good_) check(sd_bus_message_exit_container(message_));
}

}  // namespace muster::dbus
