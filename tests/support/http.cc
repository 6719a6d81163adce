#include "support/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace muster::support {
namespace {

class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool connect_to(const Socket& socket, const HttpCall& call) {
  timeval limit{};
  limit.tv_sec = call.timeout.count() / 1000;
  limit.tv_usec = call.timeout.count() % 1000 * 1000;
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(call.port));
  inet_pton(AF_INET, call.address.c_str(), &peer.sin_addr);
  return connect(socket.fd(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0;
}

bool send_all(const Socket& socket, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t step = send(socket.fd(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (step <= 0) return false;
    sent += static_cast<std::size_t>(step);
  }
  return true;
}

std::string request(const HttpCall& call) {
  std::string text = call.method + ' ' + call.path + " HTTP/1.0\r\nHost: " + call.address + "\r\n";
  for (const std::string& header : call.headers) text += header + "\r\n";
  return text + "Content-Length: " + std::to_string(call.body.size()) + "\r\n\r\n" + call.body;
}

HttpAnswer parse(const std::string& text) {
  HttpAnswer answer;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.") || text.size() < 12) return {0, "no answer", {}};
  for (std::size_t at = text.find("\r\n"); at < end;) {
    const std::size_t next = text.find("\r\n", at + 2);
    const std::size_t colon = text.find(':', at);
    if (colon < next) {
      std::string name = text.substr(at + 2, colon - at - 2);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return tolower(c); });
      answer.headers[name] = text.substr(std::min(text.find_first_not_of(' ', colon + 1), next), next - colon - 1);
      answer.headers[name].resize(std::min(answer.headers[name].size(), answer.headers[name].find('\r')));
    }
    at = next;
  }
  answer.body = text.substr(end + 4);
  const auto length = answer.headers.find("content-length");
  if (length != answer.headers.end() && answer.body.size() < strtoull(length->second.c_str(), nullptr, 10)) {
    return {0, "answer cut short", {}};
  }
  answer.status = atoi(text.c_str() + 9);
  return answer;
}

}  // namespace

HttpAnswer http(const HttpCall& call) {
  const Socket socket;
  if (!connect_to(socket, call)) return {0, std::string("connect: ") + strerror(errno), {}};
  if (!send_all(socket, request(call))) return {0, std::string("send: ") + strerror(errno), {}};
  std::string text;
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = recv(socket.fd(), block.data(), block.size(), 0);
    if (got < 0) return {0, std::string("receive: ") + strerror(errno), {}};
    if (got == 0) return parse(text);
    text.append(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace muster::support
