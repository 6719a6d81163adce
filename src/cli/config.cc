#include "cli/config.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace muster::cli {
namespace {

constexpr std::size_t kLargest = 1u << 20;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<ConfigItem>> read() {
    std::vector<ConfigItem> items;
    for (skip_gaps(); !done(); skip_gaps()) {
      auto item = read_item();
      if (!item) return tl::unexpected(item.error());
      items.push_back(std::move(*item));
    }
    return items;
  }

 private:
  Result<ConfigItem> read_item() {
    ConfigItem item;
    item.line = line_;
    if (peek() == '[') return wrong("sections are not used; write the settings without them");
    while (!done() && name_char(peek())) item.name += take();
    skip_blanks();
    if (item.name.empty() || peek() != '=') return wrong("not a setting; write name = value");
    take();
    skip_blanks();
    auto values = peek() == '[' ? read_array() : read_single();
    if (!values) return tl::unexpected(values.error());
    item.values = std::move(*values);
    skip_blanks();
    if (!done() && peek() != '\n' && peek() != '#') return wrong("text after the value; quote the whole value");
    return item;
  }

  Result<std::vector<std::string>> read_single() {
    auto value = read_value(/*in_array=*/false);
    if (!value) return tl::unexpected(value.error());
    return std::vector<std::string>{std::move(*value)};
  }

  Result<std::vector<std::string>> read_array() {
    std::vector<std::string> values;
    take();
    for (skip_gaps(); peek() != ']'; skip_gaps()) {
      if (done()) return wrong("the array is not closed; end it with ]");
      auto value = read_value(/*in_array=*/true);
      if (!value) return tl::unexpected(value.error());
      values.push_back(std::move(*value));
      skip_gaps();
      if (peek() == ',') {
        take();
      } else if (peek() != ']') {
        return wrong("no comma between two values of an array; separate them with commas and end it with ]");
      }
    }
    take();
    return values;
  }

  Result<std::string> read_value(bool in_array) {
    if (peek() == '"' || peek() == '\'') return read_quoted();
    std::string value;
    while (!done() && peek() != '\n' && !(in_array && (peek() == ',' || peek() == ']'))) {
      if (peek() == '#' && (value.empty() || blank(value.back()))) break;
      value += take();
    }
    while (!value.empty() && blank(value.back())) value.pop_back();
    if (value.empty()) return wrong("no value; write name = value, or \"\" for an empty one");
    return value;
  }

  Result<std::string> read_quoted() {
    const char quote = take();
    std::string value;
    while (!done() && peek() != quote && peek() != '\n') {
      char c = take();
      if (c == '\\' && quote == '"') {
        c = unescaped(done() ? '\0' : take());
        if (c == '\0')
          return wrong("unknown escape; use \\\" \\\\ \\n or \\t, or single quotes, which keep backslashes");
      }
      value += c;
    }
    if (peek() != quote) return wrong("the quote is not closed");
    take();
    return value;
  }

  static char unescaped(char c) {
    switch (c) {
      case '"':
      case '\\':
        return c;
      case 'n':
        return '\n';
      case 't':
        return '\t';
      default:
        return '\0';
    }
  }

  void skip_blanks() {
    while (!done() && blank(peek())) take();
  }

  // Blanks, line ends and comments.
  void skip_gaps() {
    for (skip_blanks(); !done() && (peek() == '\n' || peek() == '#'); skip_blanks()) {
      if (peek() == '#') {
        while (!done() && peek() != '\n') take();
      } else {
        take();
      }
    }
  }

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  char take() {
    if (text_[at_] == '\n') ++line_;
    return text_[at_++];
  }
  tl::unexpected<Error> wrong(const std::string& what) const {
    return fail(Fault::Leave, std::to_string(line_) + ": " + what);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

Result<std::vector<ConfigItem>> parse_config(std::string_view text) { return Reader(text).read(); }

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kLargest + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return fail(Fault::Leave, path + ": cannot be read: " + std::generic_category().message(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargest) return fail(Fault::Leave, path + ": larger than 1 MiB");
  if (text.find('\0') != text.npos) return fail(Fault::Leave, path + ": not a text file");
  return text;
}

}  // namespace muster::cli
