// The text of a unit file as systemd reads it: sections, assignments, continuation lines, comments. Pure.
// Source of the syntax: systemd.syntax(7), systemd.unit(5); held against a real systemd by tests/units.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::units {

inline constexpr std::size_t kMostBytes = 1u << 20;       // of a file, as systemd's own LONG_LINE_MAX of a line
inline constexpr std::size_t kMostLineBytes = 64u << 10;  // of a logical line, continuations and all
inline constexpr std::size_t kMostEntries = 10000;

// Where a value stands. `line` counts from 1; 0: the file as a whole, or something that is no file ("Environment").
struct Place {
  std::string file;
  std::size_t line = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

std::string to_string(const Place& place);  // "web.service:12", "Environment"

// Something the writer of a unit should put right: names what is wrong and what would be right.
struct Mistake {
  Place place;
  std::string text;
  friend bool operator==(const Mistake&, const Mistake&) = default;
};

struct Entry {
  std::string section;  // as between the brackets: "X-Consul:admin"
  std::string key;
  std::string value;  // as written, without blanks at either end; specifiers and quotes stand
  Place place;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct UnitText {
  std::vector<Entry> entries;  // of all sections, in the order of the text
  // A section header is there even if nothing stands below it: a bare [X-Consul] asks for a service too.
  std::vector<Entry> sections;  // key and value empty
  std::vector<Mistake> mistakes;
  bool partial = false;  // a file, or one of several, could not be read or is no text: it may say more
  friend bool operator==(const UnitText&, const UnitText&) = default;
};

// `file` names it in places. Never fails: a line that is no assignment is a mistake and skipped, as systemd does it.
// Mistakes are only noted in sections that begin with "X-Consul": the rest is systemd's to judge. A text that is binary
// (a NUL byte, not UTF-8) or over the bounds gives one mistake and no entry, and is partial.
UnitText decode_text(std::string_view text, const std::string& file);

// `more` (a drop-in) after `text`.
void append(UnitText& text, UnitText more);

// Words as systemd's extract_first_word splits them: blanks part, "" and '' and backslashes (C escapes) quote.
// Nothing: a quote without its end, or an escape that is none.
struct Words {
  std::vector<std::string> words;
  bool sound = true;  // false: the words before the damage
};
Words split_words(std::string_view value);

}  // namespace muster::units
