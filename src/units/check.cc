#include "units/check.h"

#include <algorithm>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "units/items.h"

namespace muster::units {
namespace {

constexpr char kInterval[] = "10s";
constexpr std::size_t kLongestTarget = 4096;

tl::unexpected<Error> wrong(std::string text) { return fail(Fault::Item, std::move(text)); }

bool digits(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

// "host:port" of ":9000" and of what follows it; `rest` is what stands behind.
Result<std::string> endpoint(std::string_view target, const std::string& address, std::uint16_t port,
                             std::string& rest) {
  const std::string host = address.empty()                     ? kHostMark
                           : address.find(':') == address.npos ? address
                                                               : "[" + address + "]";
  std::string number = port == 0 ? "" : std::to_string(port);
  if (target.starts_with(':')) {
    const std::size_t end = std::min(target.find('/'), target.size());
    number = target.substr(1, end - 1);
    target.remove_prefix(end);
    if (!digits(number) || number.size() > 5 || std::stoul(number) == 0 || std::stoul(number) > 65535) {
      return wrong(":" + number + ": not a port; give 1 to 65535");
    }
  }
  rest = target;
  if (number.empty()) return wrong("needs a port: give Port=, or one of its own as in http::8080/health");
  return host + ":" + number;
}

Result<void> aim(Check& check, const std::string& kind, const std::string& target, const std::string& address,
                 std::uint16_t port) {
  std::string rest;
  if (kind == "http" || kind == "https") {
    if (target.starts_with("//")) {
      check.http = kind + ":" + target;
      return {};
    }
    const auto at = endpoint(target, address, port, rest);
    if (!at) return tl::unexpected(at.error());
    if (!rest.empty() && rest.front() != '/') return wrong(target + ": a path begins with /, as in http:/health");
    check.http = kind + "://" + *at + (rest.empty() ? "/" : rest);
    return {};
  }
  if (kind == "tcp" && !target.empty() && target.front() != ':') {
    if (target.rfind(':') == target.npos || !digits(target.substr(target.rfind(':') + 1))) {
      return wrong(target + ": give tcp, tcp::PORT or tcp:HOST:PORT");
    }
    check.tcp = target;
    return {};
  }
  const auto at = endpoint(target, address, port, rest);
  if (!at) return tl::unexpected(at.error());
  if (kind == "tcp") {
    if (!rest.empty()) return wrong(target + ": give tcp, tcp::PORT or tcp:HOST:PORT");
    check.tcp = *at;
    return {};
  }
  check.grpc = *at + (rest.empty() ? "" : (rest.front() == '/' ? "" : "/") + rest);
  check.grpc_use_tls = kind == "grpcs";
  return {};
}

// `method=HEAD` and the like.
Result<void> set_option(Check& check, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string key = word.substr(0, equals);
  const std::string value = equals == word.npos ? "" : word.substr(equals + 1);
  if (key == "method" && !check.http.empty() && !value.empty()) {
    check.method = value;
  } else if (key == "header" && !check.http.empty() && value.find(':') != value.npos) {
    const std::size_t colon = value.find(':');
    const std::size_t begin = value.find_first_not_of(' ', colon + 1);
    check.header.push_back({value.substr(0, colon), begin == value.npos ? "" : value.substr(begin)});
  } else if (word == "skip-verify" && (check.http.starts_with("https") || check.grpc_use_tls)) {
    check.tls_skip_verify = true;
  } else if (key == "status" && (value == "passing" || value == "warning" || value == "critical")) {
    check.status = value;
  } else {
    return wrong(public_part(word) +
                 ": not understood; after the kind come interval, timeout and then method=, header=NAME:VALUE (http), "
                 "skip-verify (TLS) or status=passing|warning|critical");
  }
  return {};
}

Result<CheckLine> make_ttl(CheckLine line, const std::string& kind, const std::vector<std::string>& words,
                           const std::string& target) {
  const std::string text = !target.empty() || words.size() < 2 ? target : words[1];
  if (kind == "unit") line.what = CheckLine::What::Unit;
  if (text.empty() && kind == "unit") return line;
  auto ttl = make_duration(text);
  if (!ttl) return wrong(kind + ": " + ttl.error().message);
  line.check.ttl = *std::move(ttl);
  return line;
}

}  // namespace

Result<std::string> make_duration(const std::string& text) {
  const std::string full = digits(text) ? text + "s" : text;
  const auto parsed = parse_duration(full);
  if (!parsed || parsed->count() <= 0) return wrong("'" + text + "' is not a duration such as 10s or 500ms");
  return full;
}

std::string without_login(const std::string& line) {
  const std::size_t at = line.rfind('@', lower(line).find("header="));
  if (at == line.npos) return line;
  const std::size_t slashes = line.find("//"), colon = line.find(':');
  std::size_t begin = line.npos;
  if (slashes < at) {
    begin = slashes + 2;
  } else if (colon < at && line.find(':', colon + 2) < at) {  // the slashes forgotten; "http::80/" is a port
    begin = colon + 1;
  }
  return begin == line.npos ? line : line.substr(0, begin) + "..." + line.substr(at);
}

std::string shown_check(const std::string& line) { return public_part(without_login(line)); }

Result<CheckLine> make_check(const std::vector<std::string>& words, const std::string& address, std::uint16_t port) {
  if (words.empty()) return wrong(std::string("empty; ") + kCheckKinds);
  const std::size_t colon = words.front().find(':');
  const std::string kind = lower(words.front().substr(0, colon));
  const std::string target = colon == std::string::npos ? "" : words.front().substr(colon + 1);
  CheckLine line;
  if (kind == "none" && words.size() == 1) {
    line.what = CheckLine::What::None;
    return line;
  }
  if (kind == "unit" || kind == "ttl") return make_ttl(std::move(line), kind, words, target);
  if (kind == "script" || kind == "exec") return wrong("script: unit files may not make the agent run programs");
  if (kind != "http" && kind != "https" && kind != "tcp" && kind != "grpc" && kind != "grpcs") {
    return wrong("'" + kind + "': no kind of check; " + kCheckKinds);
  }
  Check& check = line.check;
  if (target.size() > kLongestTarget || !printable(target)) return wrong("target over 4096 bytes, or not printable");
  if (auto aimed = aim(check, kind, target, address, port); !aimed) return tl::unexpected(aimed.error());
  check.interval = kInterval;
  std::size_t next = 1;
  for (std::string* into : {&check.interval, &check.timeout}) {
    if (next == words.size() || words[next].find('=') != std::string::npos || words[next] == "skip-verify") break;
    auto duration = make_duration(words[next++]);
    if (!duration) return tl::unexpected(duration.error());
    *into = *std::move(duration);
  }
  for (bool header = false; next < words.size(); ++next) {
    if (auto set = set_option(check, words[next]); !set) {
      if (!header) return tl::unexpected(set.error());
      // Unquoted, it may be the rest of the value.
      return wrong("what stands behind header= is not understood; quote what has blanks: \"header=NAME: VALUE\"");
    }
    header = header || lower(words[next]).starts_with("header=");
  }
  return line;
}

}  // namespace muster::units
