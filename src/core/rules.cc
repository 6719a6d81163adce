#include "muster/rules.h"

#include <algorithm>
#include <utility>

#include "core/impossible.h"
#include "core/patterns.h"
#include "core/text.h"

namespace muster {
namespace {

struct TaskTag {
  std::string substring;  // lower case
  std::vector<std::string> tags;
};

Result<TaskTag> parse_task_tag(const std::string& value) {
  const auto wrong = [&](const char* what) {
    return fail(Fault::Leave, "--task-tag=" + value + ": " + what + "; give substring:tag[,tag...]");
  };
  if (std::count(value.begin(), value.end(), ':') != 1) return wrong("needs exactly one colon");
  const std::size_t colon = value.find(':');
  TaskTag out{lower(value.substr(0, colon)), split(value.substr(colon + 1), ',')};
  for (const std::string& tag : out.tags) {
    if (tag.empty()) return wrong("empty tag");
  }
  return out;
}

// Goes into Meta or an id of every service: what Consul would refuse there would refuse them all.
Result<void> fits(const char* flag, const std::string& value, std::size_t bytes) {
  if (value.size() <= bytes && printable(value)) return {};
  return fail(Fault::Leave, "--" + std::string(flag) + ": give at most " + std::to_string(bytes) + " printable bytes");
}

bool word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

}  // namespace

struct Rules::Compiled {
  RuleSettings settings;
  Patterns whitelist, blacklist, fw_whitelist, fw_blacklist, shared_service_name;
  std::vector<TaskTag> task_tags;
  std::vector<std::string> warnings;
};

Rules::Rules(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Rules::~Rules() = default;

const RuleSettings& Rules::settings() const { return compiled_->settings; }
const std::vector<std::string>& Rules::warnings() const { return compiled_->warnings; }

Result<std::shared_ptr<const Rules>> Rules::compile(RuleSettings settings) {
  auto out = std::make_unique<Compiled>();
  if (settings.service_id_prefix.empty()) settings.service_id_prefix = settings.compat ? "mesos-consul" : "muster";
  if (auto carried = fits("owner", settings.owner, 512); !carried) return tl::unexpected(carried.error());
  if (auto carried = fits("service-id-prefix", settings.service_id_prefix, 255); !carried) {
    return tl::unexpected(carried.error());
  }
  // Nomad's clients deregister whatever begins so and is none of theirs.
  if (settings.service_id_prefix.starts_with("_nomad")) {
    return fail(Fault::Leave,
                "--service-id-prefix=" + settings.service_id_prefix +
                    ": ids that begin with _nomad are those of Nomad itself; give another such as muster");
  }
  const std::pair<const char*, std::pair<const std::vector<std::string>*, Patterns*>> lists[] = {
      {"whitelist", {&settings.whitelist, &out->whitelist}},
      {"blacklist", {&settings.blacklist, &out->blacklist}},
      {"fw-whitelist", {&settings.fw_whitelist, &out->fw_whitelist}},
      {"fw-blacklist", {&settings.fw_blacklist, &out->fw_blacklist}},
      {"shared-service-name", {&settings.shared_service_name, &out->shared_service_name}},
  };
  for (const auto& [flag, list] : lists) {
    auto compiled = Patterns::compile(flag, *list.first);
    if (!compiled) return tl::unexpected(compiled.error());
    *list.second = std::move(*compiled);
  }
  for (const std::string& prefix : settings.meta_label_prefix) {
    if (!prefix.empty()) continue;
    return fail(Fault::Leave, "--meta-label-prefix=: an empty prefix is that of every label; give one such as meta.");
  }
  for (const std::string& value : settings.task_tag) {
    auto parsed = parse_task_tag(value);
    if (!parsed) return tl::unexpected(parsed.error());
    out->task_tags.push_back(std::move(*parsed));
  }
  for (const auto& [flag, list] : {lists[0], lists[1]}) {
    for (const std::string& pattern : *list.first) {
      const auto literal = impossible_literal(pattern, settings.group_separator);
      if (!literal) continue;
      out->warnings.push_back("--" + std::string(flag) + "=" + pattern + " can never match: names are cleaned to " +
                              "[0-9a-z-] before they are tested, and '" + *literal + "' is not among these");
    }
  }
  for (const std::string& pattern : out->shared_service_name.without_group()) {
    out->warnings.push_back("--shared-service-name=" + pattern +
                            " never names anything: it has no capture group; write (Kafka)-.* to get \"kafka\"");
  }
  out->settings = std::move(settings);
  return std::shared_ptr<const Rules>(new Rules(std::move(out)));
}

std::string Rules::clean_name(std::string_view raw) const {
  const auto shared = compiled_->shared_service_name.first_group(raw);
  std::string_view text = shared ? std::string_view(*shared) : raw;
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    // One dash a character, as Go's regexp replaces runes; a broken byte is a rune of its own there.
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    if (c == '_') {
      out += compiled_->settings.group_separator;
    } else {
      out += word(c) ? c : '-';
    }
    text.remove_prefix(length);
  }
  return lower(out);
}

bool Rules::allows_name(std::string_view cleaned) const {
  if (compiled_->blacklist.match(cleaned)) return false;
  return compiled_->whitelist.empty() || compiled_->whitelist.match(cleaned);
}

bool Rules::allows_group(std::string_view raw) const {
  // Undecided: not registered; the source calls it doubtful, so that it is not removed either.
  if (raw.empty()) return compiled_->fw_whitelist.empty() && compiled_->fw_blacklist.empty();
  if (compiled_->fw_blacklist.match(raw)) return false;
  return compiled_->fw_whitelist.empty() || compiled_->fw_whitelist.match(raw);
}

std::vector<std::string> Rules::task_tags(std::string_view cleaned) const {
  std::vector<std::string> out;
  for (const TaskTag& rule : compiled_->task_tags) {
    if (cleaned.find(rule.substring) == std::string_view::npos) continue;
    out.insert(out.end(), rule.tags.begin(), rule.tags.end());
  }
  return out;
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::NoName:
      return "no_name";
    case Reason::NoId:
      return "no_id";
    case Reason::PortOutOfRange:
      return "port_out_of_range";
    case Reason::PortWithoutNumber:
      return "port_without_number";
    case Reason::BadTag:
      return "bad_tag";
    case Reason::TooManyTags:
      return "too_many_tags";
    case Reason::MetaLimit:
      return "meta_limit";
    case Reason::BadCheck:
      return "bad_check";
    case Reason::ScriptCheck:
      return "script_check";
    case Reason::NameNotDns:
      return "name_not_dns";
    case Reason::IdCollision:
      return "id_collision";
    case Reason::BadLabel:
      return "bad_label";
    case Reason::BadEvent:
      return "bad_event";
    case Reason::BadUnit:
      return "bad_unit";
    case Reason::NoAddress:
      return "no_address";
  }
  return "other";
}

}  // namespace muster
