#include "core/impossible.h"

namespace muster {
namespace {

// By the grammar of regular expressions; each part answers the character that it needs and that no name holds.
class Judge {
 public:
  using Verdict = std::optional<char>;

  Judge(std::string_view pattern, std::string_view also) : rest_(pattern), also_(also) {}

  Verdict run() {
    // Flags may fold case; a quantifier behind a character that is not ASCII covers more than its last byte.
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if ((rest_[i] & 0x80) != 0 || (rest_.substr(i, 2) == "(?" && rest_.substr(i, 3) != "(?:")) return std::nullopt;
    }
    const Verdict verdict = alternatives();
    return doubt_ || !rest_.empty() ? std::nullopt : verdict;
  }

 private:
  // Up to the closing parenthesis or the end. Impossible only where every branch is.
  Verdict alternatives() {
    Verdict first = sequence();
    bool all = first.has_value();
    while (eat('|')) all = sequence().has_value() && all;
    return all ? first : std::nullopt;
  }

  Verdict sequence() {
    Verdict first;
    while (!doubt_ && !rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      const Verdict verdict = item();
      if (!may_be_left_out() && !first) first = verdict;
    }
    return first;
  }

  Verdict item() {
    const char c = take();
    if (c == '(') {
      if (rest_.starts_with("?:")) rest_.remove_prefix(2);
      const Verdict verdict = alternatives();
      doubt_ = doubt_ || !eat(')');
      return verdict;
    }
    if (c == '[') return char_class();
    if (c == '\\') return escape();
    return c == '.' || c == '^' || c == '$' ? std::nullopt : literal(c);
  }

  // \d, \b and their like are possible; \Q, \p, \x and other long ones are not read here.
  Verdict escape() {
    const char c = take();
    if (!word(c)) return literal(c);
    doubt_ = doubt_ || std::string_view("dDwWsSbBAz").find(c) == std::string_view::npos;
    return std::nullopt;
  }

  // Behind its '['. The first ']' may be a member.
  Verdict char_class() {
    const bool negated = eat('^');
    Verdict first;
    bool any = negated;
    for (bool begun = false; !doubt_ && !(begun && eat(']')); begun = true) {
      char from = take();
      if (from == '[' && rest_.starts_with(':')) doubt_ = true;
      if (from == '\\') from = escaped_member();
      if (!begun) first = from;
      char to = from;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        take();
        to = take();
        if (to == '\\') to = escaped_member();
      }
      for (int c = from; c <= to; ++c) any = any || possible(static_cast<char>(c));
    }
    return any ? std::nullopt : first;
  }

  char escaped_member() {
    const char c = take();
    doubt_ = doubt_ || word(c);
    return c;
  }

  bool may_be_left_out() {
    bool out = false;
    while (!rest_.empty() && std::string_view("*+?{").find(rest_.front()) != std::string_view::npos) {
      const char c = take();
      out = out || c == '*' || c == '?';
      if (c != '{') continue;
      out = out || rest_.empty() || rest_.front() < '1' || rest_.front() > '9';
      while (!doubt_ && take() != '}') continue;
    }
    return out;
  }

  Verdict literal(char c) const { return possible(c) ? std::nullopt : Verdict(c); }
  bool possible(char c) const {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || also_.find(c) != std::string_view::npos;
  }
  static bool word(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

  bool eat(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char take() {
    doubt_ = doubt_ || rest_.empty();
    if (rest_.empty()) return '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  std::string_view also_;
  bool doubt_ = false;
};

}  // namespace

std::optional<char> impossible_literal(std::string_view pattern, std::string_view also) {
  return Judge(pattern, also).run();
}

}  // namespace muster
