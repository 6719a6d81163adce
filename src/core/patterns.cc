#include "core/patterns.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace muster {
namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::unique_ptr<RE2> make(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(64 << 20);  // hundreds of patterns in one
  return std::make_unique<RE2>(pattern, options);
}

}  // namespace

struct Patterns::Compiled {
  std::unique_ptr<RE2> all;                // (?:p1)|(?:p2)|..., or null where they do not join
  std::vector<std::unique_ptr<RE2>> each;  // for capture groups
};

Patterns::Patterns() = default;
Patterns::~Patterns() = default;
Patterns::Patterns(Patterns&&) noexcept = default;
Patterns& Patterns::operator=(Patterns&&) noexcept = default;

Result<Patterns> Patterns::compile(std::string_view flag, const std::vector<std::string>& patterns) {
  Patterns out;
  if (patterns.empty()) return out;
  const auto wrong = [&](const std::string& pattern, const std::string& what) {
    return fail(Fault::Leave, "--" + std::string(flag) + "=" + pattern + ": " + what +
                                  "; give a regular expression in RE2 syntax, such as ^web-.*");
  };
  out.compiled_ = std::make_unique<Compiled>();
  std::string all;
  bool joins = true;
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) return wrong(pattern, "an empty pattern matches everything");
    auto compiled = make(pattern);
    if (!compiled->ok()) return wrong(pattern, compiled->error());
    joins = joins && pattern.find("\\Q") == std::string::npos;  // without its \E it would quote all that follows
    all += (all.empty() ? "(?:" : "|(?:") + pattern + ")";
    out.compiled_->each.push_back(std::move(compiled));
  }
  // Sound patterns may still clash in one expression: a group name twice, or too much memory.
  auto joined = make(all);
  if (joins && joined->ok()) out.compiled_->all = std::move(joined);
  return out;
}

bool Patterns::empty() const { return compiled_ == nullptr; }

bool Patterns::match(std::string_view text) const {
  if (!compiled_) return false;
  if (compiled_->all) return RE2::PartialMatch(piece(text), *compiled_->all);
  return std::any_of(compiled_->each.begin(), compiled_->each.end(),
                     [&](const auto& pattern) { return RE2::PartialMatch(piece(text), *pattern); });
}

std::optional<std::string> Patterns::first_group(std::string_view text) const {
  if (!match(text)) return std::nullopt;
  for (const auto& pattern : compiled_->each) {
    std::string group;
    if (pattern->NumberOfCapturingGroups() > 0 && RE2::PartialMatch(piece(text), *pattern, &group)) return group;
  }
  return std::nullopt;
}

std::vector<std::string> Patterns::without_group() const {
  std::vector<std::string> out;
  if (!compiled_) return out;
  for (const auto& pattern : compiled_->each) {
    if (pattern->NumberOfCapturingGroups() == 0) out.push_back(pattern->pattern());
  }
  return out;
}

}  // namespace muster
