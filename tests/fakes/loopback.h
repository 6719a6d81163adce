// Socket addresses that do not leave this machine.
#pragma once

#include <sys/socket.h>

#include <string>

namespace muster::fakes {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// "127.0.0.1:0", "[::1]:0" or "unix:/path". Ends the test program on anything else.
SocketAddress parse_address(const std::string& text);
int port_of(const SocketAddress& address);

// Ends the test program with errno's text.
[[noreturn]] void die(const std::string& what);

}  // namespace muster::fakes
