#include "nomad/rights.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "nomad/json.h"

namespace muster::nomad {
namespace {

// The words of HCL, without comments; braces, brackets and strings are words of their own, commas and = are blanks.
// Nothing: a string or comment that does not end, or a heredoc.
std::optional<std::vector<std::string>> words_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '#' || text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      const std::size_t end = text.find("*/", i + 2);
      if (end == std::string_view::npos) return std::nullopt;
      i = end + 2;
    } else if (c == '"') {
      const std::size_t end = text.find_first_of("\"\\\n", i + 1);
      if (end == std::string_view::npos || text[end] != '"') return std::nullopt;
      out.emplace_back(text.substr(i, end - i));  // the leading quote stays, and tells it from a bare word
      i = end + 1;
    } else if (c == '{' || c == '}' || c == '[' || c == ']') {
      out.emplace_back(1, c);
      ++i;
    } else if (std::string_view(" \t\r\n=,:").find(c) != std::string_view::npos) {
      ++i;
    } else if (c == '<') {
      return std::nullopt;
    } else {
      const std::size_t end = std::min(text.find_first_of(" \t\r\n=,:{}[]\"#", i), text.size());
      out.emplace_back(text.substr(i, std::max<std::size_t>(end - i, 1)));
      i = std::max(end, i + 1);
    }
  }
  return out;
}

struct Block {
  std::string name;  // of the namespace
  bool grants = false;
  bool denies = false;
};

bool is(const std::string& word, std::string_view wanted) {
  return word == wanted || (word.starts_with('"') && std::string_view(word).substr(1) == wanted);
}

// `namespace "x" {`: from the word after its brace to the one after its end.
Block read_block(const std::vector<std::string>& words, std::string name, std::size_t& at) {
  Block out{std::move(name)};
  bool policy = false;
  for (int depth = 1; at < words.size() && depth > 0; ++at) {
    const std::string& word = words[at];
    if (word == "{") ++depth;
    if (word == "}") --depth;
    if (depth > 1) continue;  // variables {...}
    if (is(word, "deny")) out.denies = true;
    // policy = "read" and "write" hold read-job, "scale" does not
    if (policy && (is(word, "read") || is(word, "write"))) out.grants = true;
    if (is(word, "read-job")) out.grants = true;
    policy = is(word, "policy");
  }
  return out;
}

std::optional<std::vector<Block>> blocks_of(std::string_view rules) {
  const auto words = words_of(rules);
  if (!words) return std::nullopt;
  std::vector<Block> out;
  for (std::size_t at = 0; at < words->size();) {
    if (!is((*words)[at], "namespace")) {
      ++at;
      continue;
    }
    if (at + 2 >= words->size() || !(*words)[at + 1].starts_with('"') || (*words)[at + 2] != "{") return std::nullopt;
    std::string name = (*words)[at + 1].substr(1);
    at += 3;
    out.push_back(read_block(*words, std::move(name), at));
  }
  return out;
}

// The names of the policies that the token holds; nothing: everything is allowed.
struct Held {
  bool everything = false;
  std::vector<std::string> policies;
};

Result<Held> decode_token(const Answer& answer) {
  Held out;
  const auto document = JsonDocument::parse(answer.body);
  if (!document) return fail(Fault::Keep, "Nomad's answer about our token is no JSON");
  const Json token = document->root();
  // From 1.10 on there is a token also where ACLs are off.
  out.everything = token["Type"].text() == "management" || token["AccessorID"].text() == "acls-disabled";
  for (std::size_t i = 0; i < token["Policies"].size(); ++i) {
    if (const auto name = token["Policies"].at(i).text()) out.policies.emplace_back(*name);
  }
  // A role brings policies of its own, which only somebody with more rights may list.
  if (token["Roles"].size() > 0) out.policies.clear();
  return out;
}

std::vector<std::string> decode_policies(const Answer& answer) {
  std::vector<std::string> out;
  const auto document = JsonDocument::parse(answer.body);
  if (!document) return out;
  for (std::size_t i = 0; i < document->root().size(); ++i) {
    if (const auto name = document->root().at(i)["Name"].text()) out.emplace_back(*name);
  }
  return out;
}

// ACLs are off, or what is known of the token.
Result<Held> read_held(Client& client, const std::stop_token& stop) {
  Result<Answer> answer = client.get("/v1/acl/token/self", stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 400 && answer->body.find("ACL support disabled") != std::string::npos) return Held{true, {}};
  Result<Held> held = answer->status == 200 ? decode_token(*answer) : Held{};
  if (!held || held->everything || !held->policies.empty()) return held;
  // An identity, or a token with roles (1.5 and later).
  Result<Answer> self = client.get("/v1/acl/policy/self", stop);
  if (!self) return tl::unexpected(self.error());
  if (self->status == 400 && self->body.find("ACL support disabled") != std::string::npos) return Held{true, {}};
  if (self->status == 200) held->policies = decode_policies(*self);
  return held;
}

}  // namespace

bool grants(std::string_view rules, std::string_view ns) {
  const auto blocks = blocks_of(rules);
  if (!blocks) return false;
  bool granted = false;
  for (const Block& block : *blocks) {
    if (block.denies) return false;
    if (block.name == "*" || block.name == ns) granted = granted || block.grants;
    // The most specific block of a namespace decides alone.
    const bool other = ns == "*" ? block.name != "*" : block.name == ns || block.name.find('*') != std::string::npos;
    if (other && !block.grants) return false;
  }
  return granted;
}

bool grants_all(std::string_view rules) { return grants(rules, "*"); }

Result<Sight> read_sight(Client& client, const std::string& ns, std::stop_token stop) {
  if (ns != "*") {  // lists of a namespace that is not there are empty, and 200
    const Result<Answer> there = client.get("/v1/namespace/" + net::escape(ns), stop);
    if (!there) return tl::unexpected(there.error());
    if (there->status != 200) return Sight::Partial;
  }
  const Result<Held> held = read_held(client, stop);
  if (!held) return tl::unexpected(held.error());
  if (held->everything) return Sight::All;
  std::string rules;
  for (const std::string& name : held->policies) {
    const std::string path = "/v1/acl/policy/" + net::escape(name);
    const Result<Answer> answer = client.get(path, stop);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status != 200) return Sight::Partial;
    const auto document = JsonDocument::parse(answer->body);
    if (!document) return Sight::Partial;
    rules.append(document->root()["Rules"].text().value_or("<")).append("\n");
  }
  return grants(rules, ns) ? Sight::All : Sight::Partial;
}

}  // namespace muster::nomad
