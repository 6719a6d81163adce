#include "support/zookeeper.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "support/http.h"
#include "support/ports.h"
#include "support/wait.h"

namespace muster::support {
namespace {

// Where Debian's libzookeeper-java puts it; its manifest names the other jars. slf4j-simple logs to stderr.
constexpr char kJar[] = "/usr/share/java/zookeeper.jar";
constexpr char kClassPath[] = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";

// The smallest and quickest to start virtual machine that runs it.
std::vector<std::string> command(const std::string& config) {
  return {"java",         "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
          "-Xshare:auto", "-cp",     kClassPath,         "org.apache.zookeeper.server.ZooKeeperServerMain",
          config};
}

std::string config_text(const std::string& data, int port) {
  return "tickTime=500\nminSessionTimeout=1000\nmaxSessionTimeout=20000\nforceSync=no\nadmin.enableServer=false\n"
         "4lw.commands.whitelist=*\nmaxClientCnxns=0\nclientPortAddress=127.0.0.1\nclientPort=" +
         std::to_string(port) + "\ndataDir=" + data + '\n';
}

// ZooKeeper's four-letter words: one word in, text out.
std::string ask(int port, std::string_view word) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval limit{2, 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(port));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::array<char, 4096> block;
  ssize_t got = -1;
  if (connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0 &&
      send(socket, word.data(), word.size(), MSG_NOSIGNAL) == std::ssize(word)) {
    got = recv(socket, block.data(), block.size(), MSG_WAITALL);
  }
  close(socket);
  return got > 0 ? std::string(block.data(), static_cast<std::size_t>(got)) : "";
}

}  // namespace

ZooKeeper::ZooKeeper() : port_(free_port()) {
  folder_.write("zoo.cfg", config_text(folder_ / "data", port_));
  start();
}

void ZooKeeper::stop() { process_->kill(); }
void ZooKeeper::freeze() { process_->signal(SIGSTOP); }
void ZooKeeper::thaw() { process_->signal(SIGCONT); }

void ZooKeeper::start() {
  process_ = std::make_unique<Process>(ProcessOptions{command(folder_ / "zoo.cfg"), {}, folder_.path()});
  if (eventually(kPatience, [&] { return !process_->running() || ready(); }) && process_->running()) return;
  fprintf(stderr, "ZooKeeper is not ready:\n%s\n", log().c_str());
  abort();
}

bool ZooKeeper::ready() const { return ask(port_, "srvr").find("Mode: standalone") != std::string::npos; }

std::string ZooKeeper::log() const { return process_->out() + process_->err(); }

std::string no_zookeeper() {
  if (find_program("java").empty()) return "no java on this machine: scripts/setup installs it";
  if (access(kJar, R_OK) == 0) return "";
  if (getenv("MUSTER_REQUIRE_ALL") != nullptr) abort();
  return std::string("no ") + kJar + " on this machine: scripts/setup installs it";
}

}  // namespace muster::support
