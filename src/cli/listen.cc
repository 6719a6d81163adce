#include <arpa/inet.h>

#include <charconv>

#include "cli/options.h"

namespace muster::cli {
namespace {

tl::unexpected<Error> wrong(const std::string& what) {
  return fail(Fault::Leave,
              what + "; give ADDR:PORT such as 127.0.0.1:24476 or [::1]:24476, :PORT for all interfaces, or off");
}

bool is_address(int family, const std::string& text) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), buffer) == 1;
}

// 0 lets the system choose a free port.
bool is_port(const std::string& text) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, status] = std::from_chars(text.data(), end, number);
  return status == std::errc{} && stopped == end && number <= 65535;
}

}  // namespace

Result<std::string> parse_listen(const std::string& text) {
  if (text == "off") return std::string();
  const auto colon = text.rfind(':');
  if (colon == text.npos) return wrong("no port");
  std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (!is_port(port)) return wrong("not a port from 0 to 65535");
  if (host == "localhost") host = "127.0.0.1";
  if (host.empty() || is_address(AF_INET, host)) return host + ":" + port;
  if (host.starts_with('[') && host.ends_with(']')) {
    if (is_address(AF_INET6, host.substr(1, host.size() - 2))) return host + ":" + port;
    return wrong("not an IPv6 address");
  }
  return wrong(is_address(AF_INET6, host) || is_address(AF_INET6, text) ? "IPv6 address without brackets"
                                                                        : "not an IP address");
}

}  // namespace muster::cli
