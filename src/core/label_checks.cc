#include "core/label_checks.h"

#include <algorithm>
#include <utility>

#include "core/canonical.h"
#include "core/duration.h"
#include "core/text.h"

namespace muster {
namespace {

constexpr std::size_t kLongestTarget = 4096;

// Only {host} and {port} are known; any other brace stays as it is.
std::string interpolate(std::string_view text, const Endpoint& endpoint) {
  const std::string host = endpoint.host.find(':') == std::string::npos ? endpoint.host : "[" + endpoint.host + "]";
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("{host}")) {
      out += host;
      text.remove_prefix(6);
    } else if (text.starts_with("{port}")) {
      out += endpoint.port;
      text.remove_prefix(6);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string last_value(const std::vector<Label>& labels, std::string_view key) {
  std::string value;
  for (const Label& label : labels) {
    if (label.key.size() == key.size() && lower(label.key) == key) value = label.value;
  }
  return value;
}

}  // namespace

bool positive_duration(const std::string& text) {
  const auto parsed = parse_duration(text);
  return parsed && parsed->count() > 0;
}

std::vector<Check> checks_from_labels(const std::vector<Label>& labels, const std::string& service_id,
                                      const Endpoint& endpoint, const RuleSettings& settings, const Reject& reject) {
  std::string interval = last_value(labels, "check_interval");
  if (!interval.empty() && !positive_duration(interval)) {
    reject(Reason::BadCheck, "check_interval: not a duration such as 10s; the default of 10s is used");
    interval.clear();
  }
  if (interval.empty()) interval = kDefaultInterval;

  std::vector<Check> checks;
  // In the order in which Consul picks when one definition holds several kinds.
  for (const std::string kind : {"ttl", "http", "tcp", "script"}) {
    const std::string value = last_value(labels, "check_" + kind);
    if (value.empty()) continue;
    const std::string target = interpolate(value, endpoint);
    if (target.empty() || target.size() > kLongestTarget || !printable(target)) {
      reject(Reason::BadCheck, "check_" + kind + ": nothing is left of it, over 4096 bytes, or not printable; dropped");
      continue;
    }
    Check check;
    check.id = check_id(settings.compat ? "service" : kind, service_id);
    if (kind == "ttl") {
      if (!positive_duration(target)) {
        reject(Reason::BadCheck, "check_ttl: not a duration such as 30s; dropped");
        continue;
      }
      check.ttl = target;
    } else if (kind == "script") {
      if (!settings.enable_script_checks) {
        reject(Reason::ScriptCheck, "check_script needs --enable-script-checks; dropped");
        continue;
      }
      check.args = {"/bin/sh", "-c", target};
    } else {
      (kind == "http" ? check.http : check.tcp) = target;
    }
    if (kind != "ttl") check.interval = interval;
    checks.push_back(std::move(check));
    if (settings.compat) break;
  }
  std::sort(checks.begin(), checks.end(), [](const Check& a, const Check& b) { return a.id < b.id; });
  return checks;
}

}  // namespace muster
