#include "units/text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text.h"

namespace muster::units {
namespace {

constexpr std::string_view kBlank = " \t\n\r";
constexpr std::string_view kOurs = "X-Consul";

std::string_view stripped(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

// A last backslash that no other one escapes.
bool continues(std::string_view line) {
  bool escaped = false;
  for (const char c : line) escaped = !escaped && c == '\\';
  return escaped;
}

// One line off the front; \r\n, \n and \r end it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
    return line;
  }
  const bool pair = text.substr(end).starts_with("\r\n");
  text.remove_prefix(end + (pair ? 2 : 1));
  return line;
}

class Decoder {
 public:
  Decoder(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  UnitText run() && {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    std::string pending;
    std::size_t begun = 0;  // line where `pending` began; 0: nothing pends
    for (std::size_t number = 1; !text_.empty(); ++number) {
      const std::string_view line = take_line(text_);
      const std::string_view content = stripped(line);
      if (!content.empty() && (content.front() == '#' || content.front() == ';')) continue;
      if (begun == 0) begun = number;
      if (pending.size() + line.size() > kMostLineBytes) return too_much(begun, "a line of more than 64 KiB");
      pending += line;
      if (continues(pending)) {
        pending.back() = ' ';
        continue;
      }
      take(stripped(pending), begun);
      if (out_.entries.size() > kMostEntries) return too_much(begun, "more than 10000 assignments");
      pending.clear();
      begun = 0;
    }
    if (begun != 0) take(stripped(pending), begun);
    return std::move(out_);
  }

 private:
  UnitText too_much(std::size_t line, const char* what) {
    UnitText out;
    out.mistakes.push_back({{file_, line}, std::string(what) + "; nothing of this file is used"});
    out.partial = true;
    return out;
  }

  void mistake(std::size_t line, std::string text) { out_.mistakes.push_back({{file_, line}, std::move(text)}); }

  void take(std::string_view line, std::size_t number) {
    if (line.empty()) return;
    if (line.front() == '[') return take_section(line, number);
    if (!section_) return;
    const std::size_t equals = line.find('=');
    const bool ours = section_->starts_with(kOurs);
    if (equals == std::string_view::npos || equals == 0) {
      if (ours) mistake(number, "not an assignment; write Key=value");
      return;
    }
    const std::string_view key = stripped(line.substr(0, equals));
    const std::string_view value = stripped(line.substr(equals + 1));
    if (ours && (!printable(key) || value.find('\x7f') != value.npos)) return mistake(number, "control characters");
    out_.entries.push_back({*section_, std::string(key), std::string(value), {file_, number}});
  }

  void take_section(std::string_view line, std::size_t number) {
    section_.reset();
    const std::string_view name = line.substr(1, line.size() - 2);
    const bool ours = name.starts_with(kOurs);
    if (line.size() < 2 || line.back() != ']') {
      if (line.substr(1).starts_with(kOurs)) mistake(number, "a section header must end with ]");
      return;
    }
    if (name.empty() || !printable(name)) return;
    // systemd refuses the whole file for it ("Bad characters in section header"), so the unit would not even load.
    if (ours && name.find_first_of("\"'\\") != name.npos) {
      mistake(number,
              "systemd does not load a unit with quotes or backslashes in a section header; write [X-Consul:NAME]");
    }
    section_ = std::string(name);
    out_.sections.push_back({*section_, "", "", {file_, number}});
  }

  std::string_view text_;
  const std::string& file_;
  std::optional<std::string> section_;
  UnitText out_;
};

// Bytes of the escape behind a backslash, and what it stands for.
struct Escape {
  std::size_t length = 0;  // 0: none
  std::string bytes;
};

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0U | (point >> 6U));
  } else if (point < 0x10000) {
    put(0xE0U | (point >> 12U));
    put(0x80U | ((point >> 6U) & 0x3FU));
  } else {
    put(0xF0U | (point >> 18U));
    put(0x80U | ((point >> 12U) & 0x3FU));
    put(0x80U | ((point >> 6U) & 0x3FU));
  }
  put(0x80U | (point & 0x3FU));
}

std::optional<std::uint32_t> number_of(std::string_view digits, std::size_t count, std::uint32_t base) {
  if (digits.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : digits.substr(0, count)) {
    std::uint32_t digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

// As systemd's cunescape_one; a NUL is refused by it too.
Escape read_escape(std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv\\\"'s";
  constexpr std::string_view kMeaning = "\a\b\f\n\r\t\v\\\"' ";
  if (text.empty()) return {};
  if (const std::size_t at = kLetters.find(text.front()); at != kLetters.npos) return {1, std::string(1, kMeaning[at])};
  std::size_t digits = 3, head = 0;
  std::uint32_t base = 8;
  if (text.front() == 'x' || text.front() == 'u' || text.front() == 'U') {
    digits = text.front() == 'x' ? 2 : text.front() == 'u' ? 4 : 8;
    head = 1;
    base = 16;
  }
  const auto value = number_of(text.substr(head), digits, base);
  if (!value || *value == 0) return {};
  Escape out{head + digits, ""};
  if (digits > 3) {
    if (*value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) return {};
    append_utf8(out.bytes, *value);
  } else {
    if (*value > 0xFF) return {};
    out.bytes = static_cast<char>(static_cast<unsigned char>(*value));
  }
  return out;
}

}  // namespace

std::string to_string(const Place& place) {
  return place.line == 0 ? place.file : place.file + ":" + std::to_string(place.line);
}

UnitText decode_text(std::string_view text, const std::string& file) {
  const auto refused = [&](const char* why) {
    UnitText out;
    out.mistakes.push_back({{file, 0}, why});
    out.partial = true;
    return out;
  };
  if (text.size() > kMostBytes) return refused("over 1 MiB, which no unit file is; nothing of it is used");
  if (text.find('\0') != text.npos || !valid_utf8(text)) {
    return refused("not a text in UTF-8; nothing of it is used");
  }
  return Decoder(text, file).run();
}

void append(UnitText& text, UnitText more) {
  const auto move_to = [](auto& into, auto& from) {
    into.insert(into.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_to(text.entries, more.entries);
  move_to(text.sections, more.sections);
  move_to(text.mistakes, more.mistakes);
  text.partial = text.partial || more.partial;
}

Words split_words(std::string_view value) {
  Words out;
  std::string word;
  bool in_word = false;
  char quote = 0;
  while (!value.empty()) {
    const char c = value.front();
    value.remove_prefix(1);
    if (c == '\\') {
      const Escape escape = read_escape(value);
      if (escape.length == 0) {
        out.sound = false;
        return out;
      }
      word += escape.bytes;
      value.remove_prefix(escape.length);
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (kBlank.find(c) != kBlank.npos) {
      if (in_word) out.words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  out.sound = quote == 0;
  if (in_word && out.sound) out.words.push_back(std::move(word));
  return out;
}

}  // namespace muster::units
