#include "support/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace muster::support {
namespace {

constexpr int kLowest = 12000;
constexpr int kCount = 20000;

bool can_bind(int type, int port) {
  const int socket = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int reuse = type == SOCK_STREAM ? 1 : 0;  // a port in TIME_WAIT is free; a listening one still is not
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  bool bound = bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (bound && type == SOCK_STREAM) bound = listen(socket, 1) == 0;
  close(socket);
  return bound;
}

// The lock lives as long as the process: the descriptor is never closed on purpose.
bool reserve(int port) {
  const std::string folder = "/tmp/muster-test-ports-" + std::to_string(getuid());
  mkdir(folder.c_str(), 0700);
  const int lock = open((folder + '/' + std::to_string(port)).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) return true;
  close(lock);
  return false;
}

}  // namespace

int free_port() {
  static std::mt19937 random{std::random_device{}()};
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = kLowest + static_cast<int>(random() % kCount);
    if (reserve(port) && can_bind(SOCK_STREAM, port) && can_bind(SOCK_DGRAM, port)) return port;
  }
  fprintf(stderr, "no free port between %d and %d\n", kLowest, kLowest + kCount);
  abort();
}

}  // namespace muster::support
