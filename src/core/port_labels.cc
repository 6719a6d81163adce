#include "core/port_labels.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "core/text.h"

namespace muster {
namespace {

constexpr std::string_view kPort = "port.";

bool check_key(std::string_view key) { return key.size() > 6 && lower(key.substr(0, 6)) == "check_"; }

bool names_kind(const Label& label) {
  const std::string key = lower(label.key);
  return key == "check_http" || key == "check_tcp" || key == "check_ttl" || key == "check_script";
}

void append(std::vector<Label>& into, const std::vector<Label>& labels, bool kinds) {
  for (const Label& each : labels) {
    if (kinds || !names_kind(each)) into.push_back(each);
  }
}

// Of "port.http.check_tcp" for the port "http": "check_tcp".
std::string_view key_for(std::string_view key, std::string_view port) {
  if (port.empty() || !key.starts_with(kPort)) return {};
  key.remove_prefix(kPort.size());
  if (!key.starts_with(port) || key.substr(port.size(), 1) != ".") return {};
  return key.substr(port.size() + 1);
}

void take(PortSaid& said, std::vector<Label>& checks, std::string_view key, const std::string& value) {
  if (key == "consul") {
    said.wanted = lower(value) != "false";
  } else if (key == "name") {
    said.name = value;
  } else if (key == "tags") {
    for (const std::string& tag : split(value, ',')) said.tags.push_back(tag);
  } else if (check_key(key)) {
    checks.push_back({std::string(key), value});
  }
}

// As Go's strconv.Atoi(strings.TrimSpace(text)) reads it.
std::optional<std::int64_t> go_integer(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (text.starts_with('+')) text.remove_prefix(text.starts_with("+-") ? 0 : 1);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const std::string* find_label(const std::vector<Label>& labels, std::string_view key) {
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const Label& label) { return label.key == key; });
  return found == labels.end() ? nullptr : &found->value;
}

bool opted_in(const Instance& task, const RuleSettings& settings) {
  const auto shown = [&](const std::string& each) {
    return each == (task.visibility.empty() ? "none" : task.visibility);
  };
  if (!settings.visibility.empty() && std::none_of(settings.visibility.begin(), settings.visibility.end(), shown)) {
    return false;
  }
  if (settings.compat && !settings.opt_in) return true;
  const std::string* label = find_label(task.labels, "consul");
  if (label == nullptr || label->empty()) return !settings.opt_in;
  return lower(*label) != "false";
}

PortSaid said_of(const Instance& task, const Port* port, std::size_t index) {
  PortSaid said;
  std::vector<Label> own;
  if (port != nullptr) {
    for (const Label& each : port->labels) take(said, own, each.key, each.value);
    const std::string number = std::to_string(index);
    for (const std::string& name : {number, port->name == number ? std::string() : port->name}) {
      for (const Label& each : task.labels) {
        if (const auto key = key_for(each.key, name); !key.empty()) take(said, own, key, each.value);
      }
    }
  }
  std::vector<Label> common;
  for (const Label& each : task.labels) {
    if (check_key(each.key)) common.push_back(each);
  }
  const bool replaced = std::any_of(own.begin(), own.end(), names_kind);
  append(said.check_labels, common, !replaced);
  append(said.check_labels, own, true);
  said.checked = std::any_of(said.check_labels.begin(), said.check_labels.end(), names_kind);
  return said;
}

std::optional<std::set<std::size_t>> chosen_indexes(const Instance& task, const std::string& label) {
  if (label.empty()) return std::nullopt;
  const std::string* value = find_label(task.labels, label);
  if (value == nullptr) return std::nullopt;
  std::set<std::size_t> out;
  for (const std::string& part : split(*value, ',')) {
    if (const auto index = go_integer(part)) out.insert(static_cast<std::size_t>(*index));  // -1: one that no port has
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace muster
