// One D-Bus message: thin RAII over sd_bus_message, read like a stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "muster/result.h"

struct sd_bus_message;

namespace muster::dbus {

// What a method call says, as a value.
using Argument = std::variant<std::string, std::vector<std::string>>;
struct Call {
  std::string destination;
  std::string path;
  std::string interface;
  std::string member;
  std::vector<Argument> arguments{};
};

// Owns one reference. Readers return a default and make good() false once anything is not of the type that is asked
// for; from then on they all do, so a caller asks once, at the end. Thread: one, that of its Bus.
class Message {
 public:
  explicit Message(sd_bus_message* owned) : message_(owned) {}
  ~Message();
  Message(Message&& other) noexcept : message_(other.message_), good_(other.good_) { other.message_ = nullptr; }
  Message& operator=(Message&& other) noexcept;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // Views last as long as the message.
  std::string_view path() const;
  std::string_view interface() const;
  std::string_view member() const;
  bool is_signal(std::string_view interface, std::string_view member) const;
  // The cookie of the call that this answers; 0: no answer.
  std::uint64_t answers() const;
  // The error that a method call was answered with, "name: text"; empty when it was none.
  std::string error_text() const;

  bool good() const { return good_; }
  std::string_view string();           // s
  std::string_view object_path();      // o
  std::uint32_t number();              // u
  std::int32_t integer();              // i
  bool boolean();                      // b
  std::vector<std::string> strings();  // as
  std::vector<std::uint8_t> bytes();   // ay
  void skip(const char* types);
  // The type inside the variant that comes next; empty when none does.
  std::string_view variant_type();
  // False at the end of an array as well, which leaves good() as it is.
  bool enter(char type, const char* contents);
  void leave();

  sd_bus_message* get() const { return message_; }  // for this folder

 private:
  bool check(int result);
  std::string_view text(char type);

  sd_bus_message* message_;
  bool good_ = true;
};

}  // namespace muster::dbus
