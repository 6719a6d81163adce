#include "core/given_checks.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "core/canonical.h"
#include "core/duration.h"
#include "core/text.h"

namespace muster {
namespace {

constexpr std::size_t kTextBytes = 4096;
constexpr std::size_t kNameBytes = 255;
constexpr std::size_t kMostHeaders = 64;
constexpr std::size_t kMostChecks = 64;

bool sound(const std::string& text, std::size_t bytes = kTextBytes) { return text.size() <= bytes && printable(text); }

// The N of "{port:N}" at the front, and how long that is.
std::optional<std::pair<std::uint16_t, std::size_t>> port_at(std::string_view text) {
  constexpr std::string_view kOpen = "{port:";
  if (!text.starts_with(kOpen)) return std::nullopt;
  std::uint16_t number = 0;
  const auto [end, status] = std::from_chars(text.data() + kOpen.size(), text.data() + text.size(), number);
  if (status != std::errc{} || end == text.data() + text.size() || *end != '}') return std::nullopt;
  return std::pair(number, static_cast<std::size_t>(end - text.data()) + 1);
}

// False: it names a port that cannot be reached.
bool reach(std::string& target, const Endpoints& endpoints) {
  std::optional<Pair> pair;
  for (std::size_t at = 0; at < target.size() && !pair; ++at) {
    const auto port = port_at(std::string_view(target).substr(at));
    if (!port) continue;
    pair = endpoints.inside(port->first);
    if (!pair) return false;
    target.replace(at, port->second, std::to_string(pair->port));
  }
  if (!pair) return true;
  const std::string host = pair->ip.find(':') == std::string::npos ? pair->ip : "[" + pair->ip + "]";
  if (const std::size_t at = target.find("{host}"); at != std::string::npos) target.replace(at, 6, host);
  return true;
}

// What is wrong with the target of a check; empty when nothing is.
std::string objection(const Check& check) {
  const std::size_t kinds = !check.http.empty() + !check.tcp.empty() + !check.grpc.empty() + !check.ttl.empty() +
                            std::size_t{!check.args.empty()};
  if (kinds != 1) return "not exactly one of http, tcp, grpc, ttl and script";
  const auto bad = [](const std::string& text) { return !sound(text); };
  std::size_t bytes = 0;
  for (const std::string& arg : check.args) bytes += arg.size();
  if (bad(check.http) || bad(check.tcp) || bad(check.grpc) || bytes > kTextBytes ||
      std::any_of(check.args.begin(), check.args.end(), bad)) {
    return "over 4096 bytes, or not printable";
  }
  if (!check.ttl.empty() && !positive_duration(check.ttl)) return "its TTL is not a duration such as 30s";
  return "";
}

// Everything beside the target: what is no good is left out.
void mend(Check& check, const Reject& reject) {
  const auto keep = [&](std::string& text, bool good, const char* what) {
    if (text.empty() || good) return;
    text.clear();
    reject(Reason::BadCheck, std::string("a check's ") + what + " cannot be used; left out");
  };
  if (!check.ttl.empty()) {
    check.interval.clear();
  } else {
    keep(check.interval, positive_duration(check.interval), "interval");
    if (check.interval.empty()) check.interval = kDefaultInterval;
  }
  keep(check.timeout, positive_duration(check.timeout), "timeout");
  keep(check.name, sound(check.name, kNameBytes), "name");
  keep(check.method, sound(check.method, kNameBytes), "method");
  keep(check.tls_server_name, sound(check.tls_server_name, kNameBytes), "server name");
  keep(check.notes, sound(check.notes), "notes");
  keep(check.status, check.status == "passing" || check.status == "warning" || check.status == "critical", "status");
  const std::size_t headers = check.header.size();
  std::erase_if(check.header, [](const Header& each) {
    return each.name.empty() || !sound(each.name, kNameBytes) || !sound(each.value);
  });
  if (check.header.size() > kMostHeaders) check.header.resize(kMostHeaders);
  if (check.header.size() < headers) reject(Reason::BadCheck, "headers of a check cannot be used; left out");
  check.reported = check.reported && !check.ttl.empty();
}

// A report is renewed only in audits: one that expires between two would flip for ever.
void raise_ttl(Check& check, std::chrono::milliseconds floor, const Reject& reject) {
  const auto ttl = check.reported ? parse_duration(check.ttl) : Result<std::chrono::milliseconds>(floor);
  if (!ttl || *ttl >= floor) return;
  const std::string raised = show_duration(floor);
  reject(Reason::BadCheck, "the TTL of " + check.ttl + " is raised to " + raised + ", three times --audit-interval");
  check.ttl = raised;
}

}  // namespace

std::vector<Check> reachable_checks(std::vector<Check> checks, const Endpoints& endpoints, const Reject& reject) {
  std::vector<Check> out;
  for (Check& check : checks) {
    std::string& target = check.http.empty() ? check.tcp : check.http;
    const std::string before = target;
    if (reach(target, endpoints)) {
      out.push_back(std::move(check));
    } else {
      reject(Reason::BadCheck, "the scheduler checks " + before.substr(0, 200) +
                                   ", a port of the container that is not mapped; Consul cannot");
    }
  }
  return out;
}

std::vector<Check> given_checks(std::vector<Check> checks, const std::string& service_id, const RuleSettings& settings,
                                const Reject& reject) {
  std::vector<Check> out;
  // By kind: an agent that gets a check of another kind under a known id goes on running the old one as well.
  std::map<std::string, std::size_t> used;
  for (Check& check : checks) {
    if (const std::string what = objection(check); !what.empty() || out.size() == kMostChecks) {
      reject(Reason::BadCheck, "a check is dropped: " + (what.empty() ? "more than 64" : what));
      continue;
    }
    if (!check.args.empty() && !settings.enable_script_checks) {
      reject(Reason::ScriptCheck, "a script check needs --enable-script-checks; dropped");
      continue;
    }
    mend(check, reject);
    raise_ttl(check, settings.ttl_floor, reject);
    const std::string head = settings.compat ? "service" : std::string(kind_of(check));
    const std::size_t number = ++used[head];
    check.id = check_id(number == 1 ? head : head + "-" + std::to_string(number), service_id);
    out.push_back(std::move(check));
  }
  std::sort(out.begin(), out.end(), [](const Check& a, const Check& b) { return a.id < b.id; });
  return out;
}

}  // namespace muster
