#include "zk/url.h"

#include <charconv>

namespace muster::zk {
namespace {

constexpr std::string_view kScheme = "zk://";
constexpr std::string_view kExample = "; write zk://[user:password@]host1:2181,host2:2181/mesos";

tl::unexpected<Error> wrong(std::string what) { return fail(Fault::Leave, std::move(what) + std::string(kExample)); }

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), port);
  return status == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65536;
}

// "h", "h:2181", "[::1]" or "[::1]:2181"
Result<std::string> parse_server(std::string_view server) {
  const std::size_t bracket = server.starts_with('[') ? server.find(']') : 0;
  if (bracket == std::string_view::npos) return wrong("no ']' after the IPv6 address in the list of servers");
  const std::size_t colon = server.find(':', bracket);
  const std::string_view host = server.substr(0, colon);
  if (host.empty() || host == "[]") return wrong("empty host name in the list of servers");
  if (host.find_first_of(" \t\r\n@?#") != std::string_view::npos)
    return wrong("a host name holds a forbidden character");
  if (colon == std::string_view::npos) return std::string(host) + ":2181";
  if (!is_port(server.substr(colon + 1))) return wrong("port of '" + std::string(host) + "' is not in 1..65535");
  return std::string(server);
}

Result<std::string> parse_path(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);  // Mesos drops the slash at the end too
  if (path.empty()) return std::string("/");
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    if (part.empty() || part == "." || part == "..") return wrong("path has an empty, '.' or '..' part");
    for (const char c : part) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return wrong("path holds a control character");
    }
    rest.remove_prefix(part.size());
  }
  return std::string(path);
}

}  // namespace

std::string Url::hosts() const {
  std::string joined;
  for (const std::string& server : servers) joined += (joined.empty() ? "" : ",") + server;
  return joined;
}

std::string Url::redacted() const { return std::string(kScheme) + hosts() + path; }

Result<Url> parse_url(std::string_view text) {
  text = trim(text);
  if (!text.starts_with(kScheme)) return wrong("does not begin with zk://");
  text.remove_prefix(kScheme.size());
  Url url;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    Result<std::string> path = parse_path(text.substr(slash));
    if (!path) return tl::unexpected(path.error());
    url.path = std::move(*path);
    text = text.substr(0, slash);
  }
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    url.credentials = text.substr(0, at);
    if (const std::size_t colon = url.credentials.find(':'); colon == 0 || colon == std::string::npos) {
      return wrong("credentials are not user:password");
    }
    text.remove_prefix(at + 1);
  }
  for (;;) {
    const std::size_t comma = text.find(',');
    Result<std::string> server = parse_server(text.substr(0, comma));
    if (!server) return tl::unexpected(server.error());
    url.servers.push_back(std::move(*server));
    if (comma == std::string_view::npos) return url;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace muster::zk
