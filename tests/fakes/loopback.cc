#include "fakes/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace muster::fakes {
namespace {

SocketAddress unix_address(const std::string& path) {
  SocketAddress out;
  auto& to = reinterpret_cast<sockaddr_un&>(out.storage);
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) die("path too long: " + path);
  std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
  out.size = sizeof to;
  return out;
}

}  // namespace

void die(const std::string& what) {
  std::fprintf(stderr, "fake http server: %s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

SocketAddress parse_address(const std::string& text) {
  if (text.starts_with("unix:")) return unix_address(text.substr(5));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) die("no port in " + text);
  const auto port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  SocketAddress out;
  if (text.front() == '[') {
    auto& to = reinterpret_cast<sockaddr_in6&>(out.storage);
    to.sin6_family = AF_INET6;
    to.sin6_port = port;
    out.size = sizeof to;
    if (inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &to.sin6_addr) != 1) die("bad address " + text);
    if (!IN6_IS_ADDR_LOOPBACK(&to.sin6_addr)) die("not loopback: " + text);
  } else {
    auto& to = reinterpret_cast<sockaddr_in&>(out.storage);
    to.sin_family = AF_INET;
    to.sin_port = port;
    out.size = sizeof to;
    if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &to.sin_addr) != 1) die("bad address " + text);
    if (ntohl(to.sin_addr.s_addr) >> 24 != 127) die("not loopback: " + text);
  }
  return out;
}

int port_of(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

}  // namespace muster::fakes
