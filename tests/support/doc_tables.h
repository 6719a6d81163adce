// Reference tables in docs/*.md, held against what the binary says of itself.
// A table stands between `<!-- table: NAME -->` and `<!-- /table -->`; the text around it is written by hand.
// With UPDATE_DOCS=1 in the environment the test rewrites the tables instead of failing.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace muster::support {

struct DocTable {
  std::string name;
  std::vector<std::string> rows;  // with the head of the table
};

// Cells joined to a row of a Markdown table.
inline std::string doc_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) {
    row += ' ';
    for (const char c : cell) row += c == '|' ? "\\|" : std::string(1, c);
    row += " |";
  }
  return row;
}

inline std::string doc_text(const DocTable& table) {
  std::string text = "<!-- table: " + table.name + " -->\n";
  for (const std::string& row : table.rows) text += row + "\n";
  return text + "<!-- /table -->\n";
}

// The tables of the file as it is, in its order.
inline std::vector<std::string> tables_in(const std::string& text) {
  const std::string start = "<!-- table: ";
  const std::string end = "<!-- /table -->\n";
  std::vector<std::string> tables;
  for (std::size_t from = text.find(start); from != text.npos; from = text.find(start, from)) {
    const std::size_t to = text.find(end, from);
    if (to == text.npos) break;
    tables.push_back(text.substr(from, to + end.size() - from));
    from = to;
  }
  return tables;
}

inline std::string doc_name(const std::string& table) {
  const std::size_t from = std::string("<!-- table: ").size();
  return table.substr(from, table.find(" -->") - from);
}

// Each line of `text` that `other` does not have, after `sign`.
inline std::string lines_only_in(const std::string& text, const std::string& other, char sign) {
  std::string found;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = text.find('\n', from);
    const std::string line = text.substr(from, to - from);
    if (("\n" + other).find("\n" + line + "\n") == std::string::npos) found += std::string(1, sign) + line + "\n";
    from = to + 1;
  }
  return found;
}

// Fails with the exact lines that are missing from the file or too many in it.
inline void expect_tables(const std::string& path, const std::vector<DocTable>& wanted) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::string difference;
  std::string rewritten = text;
  for (const DocTable& table : wanted) {
    bool there = false;
    for (const std::string& found : tables_in(text)) {
      if (doc_name(found) != table.name) continue;
      there = true;
      const std::string right = doc_text(table);
      if (found == right) continue;
      const std::string lines = lines_only_in(found, right, '-') + lines_only_in(right, found, '+');
      difference += lines.empty() ? "the order of the table " + table.name + "\n" : lines;
      rewritten.replace(rewritten.find(found), found.size(), right);
    }
    if (there) continue;
    difference += "+" + doc_text(table);
    rewritten += "\n## " + table.name + "\n\n" + doc_text(table);
  }
  for (const std::string& found : tables_in(text)) {
    bool known = false;
    for (const DocTable& table : wanted) known = known || table.name == doc_name(found);
    if (!known) difference += "-the whole table " + doc_name(found) + "\n";
  }
  if (difference.empty()) return;
  if (std::getenv("UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << rewritten;
    return;
  }
  ADD_FAILURE() << path << " differs from the binary; run this test with UPDATE_DOCS=1 to rewrite its tables:\n"
                << difference;
}

}  // namespace muster::support
