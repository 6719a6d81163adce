#include "units/environment.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text.h"
#include "units/specifier.h"

namespace muster::units {
namespace {

// As systemd takes them: it drops an assignment whose name no shell would take, or whose value holds control
// characters.
bool sound(const Variable& variable) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  };
  return !variable.name.empty() && !(variable.name.front() >= '0' && variable.name.front() <= '9') &&
         std::all_of(variable.name.begin(), variable.name.end(), fits) && valid_utf8(variable.value) &&
         std::none_of(variable.value.begin(), variable.value.end(), control);
}

bool line_end(char c) { return c == '\n' || c == '\r'; }
bool blank(char c) { return c == ' ' || c == '\t' || line_end(c); }

// A text of which blanks at its end may be cut off, but not those that were quoted or escaped.
struct Trimmed {
  std::string text;
  std::size_t sure = 0;  // so much of it stays

  void add(char c) {
    text += c;
    if (!blank(c)) sure = text.size();
  }
  void add_quoted(char c) {
    text += c;
    keep();
  }
  void keep() { sure = text.size(); }
  void trim() { text.resize(sure); }
};

// systemd's state machine, one character at a time.
class EnvironmentDecoder {
 public:
  explicit EnvironmentDecoder(const std::string& file) : file_(file) {}

  // Nothing: systemd would refuse it.
  std::optional<std::vector<Variable>> run(std::string_view text) && {
    for (const char c : text) {
      take(c);
      line_ += c == '\n';
    }
    if (state_ != State::Comment && state_ != State::CommentEscape && state_ != State::BeforeKey &&
        state_ != State::Key) {
      finish();
    }
    if (bad_) return std::nullopt;
    return std::move(out_);
  }

 private:
  enum class State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    Escape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
  };

  void take(char c) {
    switch (state_) {
      case State::BeforeKey:
        return take_start(c);
      case State::Key:
        return take_key(c);
      case State::BeforeValue:
      case State::Value:
        return take_value(c);
      case State::Escape:  // at a line's end the value goes on
        if (!line_end(c)) value_.add_quoted(c);
        state_ = State::Value;
        return;
      case State::Single:
        if (c != '\'') return value_.add_quoted(c);
        state_ = State::BeforeValue;
        return;
      case State::Double:
        if (c != '"' && c != '\\') return value_.add_quoted(c);
        state_ = c == '"' ? State::BeforeValue : State::DoubleEscape;
        return;
      case State::DoubleEscape:  // as in a shell
        if (c != '\n' && std::string_view("\"\\`$").find(c) == std::string_view::npos) value_.add_quoted('\\');
        if (c != '\n') value_.add_quoted(c);
        state_ = State::Double;
        return;
      case State::Comment:
        if (line_end(c) || c == '\\') state_ = c == '\\' ? State::CommentEscape : State::BeforeKey;
        return;
      case State::CommentEscape:  // so a comment goes on in the next line; since systemd 254 it does not
        state_ = State::Comment;
    }
  }

  void take_start(char c) {
    if (c == '#' || c == ';') {
      state_ = State::Comment;
    } else if (!blank(c)) {
      state_ = State::Key;
      begun_ = line_;
      key_ = {};
      value_ = {};
      key_.add(c);
    }
  }

  void take_key(char c) {
    if (line_end(c)) {
      state_ = State::BeforeKey;
    } else if (c == '=') {
      state_ = State::BeforeValue;
    } else {
      key_.add(c);
    }
  }

  void take_value(char c) {
    const bool before = state_ == State::BeforeValue;
    if (line_end(c)) {
      finish();
      state_ = State::BeforeKey;
    } else if (c == '\\') {
      value_.keep();
      state_ = State::Escape;
    } else if (before && (c == '\'' || c == '"')) {
      state_ = c == '"' ? State::Double : State::Single;
    } else if (!before || !blank(c)) {
      state_ = State::Value;
      value_.add(c);
    }
  }

  void finish() {
    key_.trim();
    value_.trim();
    Variable variable{std::move(key_.text), std::move(value_.text), {file_, begun_}};
    bad_ = bad_ || !valid_utf8(variable.name) || !valid_utf8(variable.value);
    if (sound(variable)) put(out_, std::move(variable));
  }

  const std::string& file_;
  State state_ = State::BeforeKey;
  Trimmed key_, value_;
  std::size_t line_ = 1, begun_ = 1;
  bool bad_ = false;
  std::vector<Variable> out_;
};

}  // namespace

void put(std::vector<Variable>& variables, Variable variable) {
  std::erase_if(variables, [&](const Variable& each) { return each.name == variable.name; });
  variables.push_back(std::move(variable));
}

std::vector<Variable> environment_of(const UnitText& text, const UnitName& unit, const Machine& machine) {
  std::vector<Variable> out;
  for (const Entry& entry : text.entries) {
    if (entry.section != "Service" || entry.key != "Environment") continue;
    if (entry.value.empty()) out.clear();
    for (const std::string& word : split_words(entry.value).words) {
      const Expanded plain = expand(word, unit, machine);
      const std::size_t equals = plain.text.find('=');
      if (!plain.faults.empty() || equals == plain.text.npos) continue;
      Variable variable{plain.text.substr(0, equals), plain.text.substr(equals + 1), entry.place};
      if (sound(variable)) put(out, std::move(variable));
    }
  }
  return out;
}

std::vector<Variable> environment_of(const std::vector<std::string>& told) {
  std::vector<Variable> out;
  for (const std::string& each : told) {
    const std::size_t equals = each.find('=');
    if (equals == each.npos || equals == 0) continue;
    put(out, {each.substr(0, equals), each.substr(equals + 1), {"Environment", 0}});
  }
  return out;
}

std::vector<EnvironmentFile> environment_files_of(const UnitText& text, const UnitName& unit, const Machine& machine) {
  std::vector<EnvironmentFile> out;
  for (const Entry& entry : text.entries) {
    if (entry.section != "Service" || entry.key != "EnvironmentFile") continue;
    if (entry.value.empty()) out.clear();
    Expanded plain = expand(entry.value, unit, machine);
    if (!plain.faults.empty()) continue;
    const bool optional = plain.text.starts_with('-');
    std::string path = plain.text.substr(optional ? 1 : 0);
    if (path.starts_with('/')) out.push_back({std::move(path), optional});
  }
  return out;
}

Result<std::vector<Variable>> decode_environment(std::string_view text, const std::string& file) {
  std::optional<std::vector<Variable>> out;
  if (text.find('\0') == text.npos) out = EnvironmentDecoder(file).run(text);
  if (!out) return fail(Fault::Item, file + ": not a text in UTF-8, and systemd takes nothing of it");
  return *std::move(out);
}

}  // namespace muster::units
