#include "cli/help.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace muster::cli {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kColumn = 34;

// `left` at two blanks, then `text` wrapped from kColumn on.
void append_entry(std::string& out, const std::string& left, const std::string& text) {
  std::string line = "  " + left;
  if (line.size() + 2 > kColumn) {
    out += line + "\n";
    line.clear();
  }
  line.resize(kColumn, ' ');
  std::istringstream words(text);
  std::string word;
  bool first = true;
  while (words >> word) {
    if (!first && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line.assign(kColumn, ' ');
      first = true;
    }
    if (!first) line += ' ';
    line += word;
    first = false;
  }
  out += line + "\n";
}

std::string description(const Flag& flag) {
  std::string text = flag.help;
  if (flag.repeatable) text += " (repeatable)";
  if (!flag.fallback.empty() && flag.fallback != "false" && !flag.secret) text += " [default: " + flag.fallback + "]";
  return text;
}

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string help_text(const Program& program, const std::vector<FlagGroup>& groups) {
  std::string out = program.name + " " + program.version + ": " + program.summary + "\n\nUsage: " + program.name;
  out += program.verbs.empty() ? " [FLAGS]\n" : " [VERB] [FLAGS]\n";
  if (!program.verbs.empty()) {
    out += "\nVerbs:\n";
    for (const Verb& verb : program.verbs) {
      append_entry(out, verb.operands.empty() ? verb.name : verb.name + " " + verb.operands, verb.help);
    }
  }
  for (const FlagGroup& group : groups) {
    out += "\n" + group.title + ":\n";
    for (const Flag& flag : group.flags) {
      append_entry(out, "--" + flag.name + (flag.value.empty() ? "" : "=" + flag.value), description(flag));
    }
  }
  out += "\nHelp:\n";
  append_entry(out, "-h, --help", "Print this text and exit");
  append_entry(out, "--version", "Print the version and exit");
  out +=
      "\nA flag wins over the environment, the environment over the config file. --some-flag=x is also\n"
      "MUSTER_SOME_FLAG=x in the environment and `some-flag = x` in the config file. A switch takes =false.\n";
  if (!program.examples.empty()) out += "\nExamples:\n" + program.examples;
  return out;
}

std::string suggestion(const std::string& typed, const std::vector<std::string>& known, const std::string& dashes) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return distance(typed, a) < distance(typed, b);
  });
  if (nearest == known.end()) return "";
  const std::size_t allowed = std::max<std::size_t>(1, std::min<std::size_t>(3, typed.size() / 3));
  if (distance(typed, *nearest) <= allowed) return "; did you mean " + dashes + *nearest + "?";
  return "";
}

}  // namespace muster::cli
