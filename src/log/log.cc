#include "log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>

namespace muster::log {
namespace {

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warn:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "DEBUG";
    case Level::Info:
      return "INFO";
    case Level::Warn:
      return "WARN";
    case Level::Error:
      return "ERROR";
  }
  return "ERROR";
}

// Built once and never destroyed: threads may log while static objects are being torn down.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto* made = new spdlog::logger("muster", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

bool graphic(unsigned char c) { return c > 0x20 && c < 0x7f; }

bool plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (!graphic(static_cast<unsigned char>(c)) || c == '"' || c == '\\') return false;
  }
  return true;
}

void append_escaped(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else {
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

// Bytes outside ASCII are escaped too: terminals act on some of them (C1 controls, marks that reverse the text).
void append_message(std::string& out, std::string_view message) {
  for (const char c : message) {
    if (c == ' ' || graphic(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      append_escaped(out, c);
    }
  }
}

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      append_message(out, {&c, 1});
    }
  }
  out += '"';
}

}  // namespace

void set_level(Level level) { logger().set_level(level_of(level)); }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) try {
  if (!logger().should_log(level_of(level))) return;
  std::string line(name_of(level));
  line += ' ';
  append_message(line, message);
  for (const Field& field : fields) {
    line += ' ';
    append_message(line, field.key);
    line += '=';
    if (plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  logger().log(level_of(level), spdlog::string_view_t(line));
} catch (const std::exception&) {
  // A line lost to a full pipe or to memory must not end the daemon.
}

}  // namespace muster::log
