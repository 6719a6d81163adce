// Structured logs on stderr: one line an event, `time level message key=value ...`. The only file pair with spdlog.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace muster::log {

enum class Level : std::uint8_t { Debug, Info, Warn, Error };

struct Field {
  std::string_view key;
  std::string value;  // quoted and escaped when it holds anything but graphic ASCII
};

void set_level(Level level);
// Any thread.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Debug, m, f); }
inline void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Info, m, f); }
inline void warn(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Warn, m, f); }
inline void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Error, m, f); }

}  // namespace muster::log
