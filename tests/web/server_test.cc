#include "web/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "support/http.h"

namespace muster::web {
namespace {

using Clock = std::chrono::steady_clock;

struct Running {
  std::mutex mutex;  // of readiness
  Readiness readiness;
  std::unique_ptr<Server> server;

  Running() {
    auto started = Server::start("127.0.0.1:0", {[] { return std::string("muster_x 1\n"); },
                                                 [this] {
                                                   const std::lock_guard lock(mutex);
                                                   return readiness;
                                                 }});
    if (started) server = std::move(*started);
    EXPECT_TRUE(started) << started.error().message;
  }

  void set(Readiness now) {
    const std::lock_guard lock(mutex);
    readiness = std::move(now);
  }

  // How long it took, in milliseconds.
  long close() {
    const auto start = Clock::now();
    server.reset();
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  }

  support::HttpAnswer call(const std::string& method, const std::string& path, const std::string& body = "") const {
    return support::http({.method = method, .port = server->port(), .path = path, .body = body});
  }
};

// A connection that says nothing of itself.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(port));
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
  }
  ~Connection() { close(fd_); }
  std::string exchange(const std::string& request) const {
    EXPECT_EQ(send(fd_, request.data(), request.size(), 0), std::ssize(request));
    std::string answer;
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(fd_, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
    return answer;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

 private:
  int fd_;
};

TEST(Server, MetricsAreServedInPrometheusTextFormat) {
  const Running running;
  const auto answer = running.call("GET", "/metrics?name=x");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "muster_x 1\n");
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST(Server, HealthIsOkWhileTheProcessLives) {
  const Running running;
  const auto answer = running.call("GET", "/health");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "OK\n");
}

TEST(Server, ReadyTellsOneReasonALine) {
  Running running;
  running.set({false, {"mesos: no answer yet", "agent http://x\nforged"}});
  EXPECT_EQ(running.call("GET", "/ready").status, 503);
  EXPECT_EQ(running.call("GET", "/ready").body, "mesos: no answer yet\nagent http://x forged\n");
  running.set({true, {}});
  EXPECT_EQ(running.call("GET", "/ready").status, 200);
  EXPECT_EQ(running.call("GET", "/ready").body, "OK\n");
}

TEST(Server, AnyOtherPathIsNotFound) {
  const Running running;
  for (const char* path :
       {"/", "/metrics/", "/etc/passwd", "/../../etc/passwd", "/%2e%2e/", "/.htpasswd", "/health2"}) {
    EXPECT_EQ(running.call("GET", path).status, 404) << path;
  }
}

TEST(Server, HeadHasNoBodyAndOtherMethodsAreRefused) {
  const Running running;
  const std::string head = Connection(running.server->port()).exchange("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
  EXPECT_NE(head.find("\r\nContent-Length: 11\r\n"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"}) {
    EXPECT_EQ(running.call(method, "/health", "x").status, 405) << method;
  }
}

TEST(Server, AnOversizedRequestIsRefusedAndTheNextOneAnswered) {
  const Running running;
  const auto answer = support::http(
      {.port = running.server->port(), .path = "/health", .headers = {"X-Large: " + std::string(20000, 'x')}});
  EXPECT_NE(answer.status, 200);
  EXPECT_EQ(running.call("GET", "/health").status, 200);
}

TEST(Server, SilentConnectionsDoNotKeepOthersOut) {
  const Running running;
  const int port = running.server->port();
  const Connection a(port), b(port), c(port);
  EXPECT_EQ(running.call("GET", "/health").status, 200);
}

// A reviewer's story: sixty connections that said nothing kept /health waiting for half a minute, and whoever restarts
// by it would have restarted muster.
TEST(Server, SixtySilentConnectionsDelayHealthByLittle) {
  const Running running;
  std::vector<std::unique_ptr<Connection>> idle;
  for (int i = 0; i < 60; ++i) idle.push_back(std::make_unique<Connection>(running.server->port()));
  const auto start = Clock::now();
  EXPECT_EQ(running.call("GET", "/health").status, 200);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  EXPECT_LT(took.count(), 5000);
  std::printf("answered in %lld ms behind 60 silent connections\n", static_cast<long long>(took.count()));
}

// A reviewer's story: a port that the dying predecessor still held ended muster with exit code 2, after which systemd
// does not try again.
TEST(Server, AnAddressInUseMayBeHadLater) {
  const Running running;
  const std::string listen = "127.0.0.1:" + std::to_string(running.server->port());
  const auto second = Server::start(listen, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::Retry);
  EXPECT_EQ(second.error().message.substr(0, 10 + listen.size()), "--listen=" + listen + ":");
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
}

TEST(Server, AnAddressThatThisMachineDoesNotHaveMayBeHadLater) {
  const auto server = Server::start("192.0.2.1:80", {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().fault, Fault::Retry);
  EXPECT_NE(server.error().message.find("--listen=192.0.2.1:80: "), std::string::npos) << server.error().message;
}

TEST(Server, APortOfAllInterfacesThatIsInUseMayBeHadLater) {
  const auto first = Server::start(":0", {[] { return std::string(); }, [] { return Readiness{}; }});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = Server::start(":" + std::to_string((*first)->port()), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::Retry) << second.error().message;
}

TEST(Server, AMalformedAddressIsAUsageError) {
  const auto server = Server::start("nonsense", {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().fault, Fault::Leave) << server.error().message;
}

TEST(Server, Ipv6WorksOrSaysWhyNot) {
  const auto server = Server::start("[::1]:0", {});
  if (server) return;
  EXPECT_EQ(server.error().message.substr(0, 18), "--listen=[::1]:0: ");
}

TEST(Server, AllInterfacesIncludeLoopback) {
  const auto server = Server::start(":0", {[] { return std::string(); }, [] { return Readiness{}; }});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(support::http({.port = (*server)->port(), .path = "/health"}).status, 200);
}

// civetweb alone takes two seconds to notice, and muster must end within one.
TEST(Server, ClosesAtOnceAlsoWithSilentConnectionsOpen) {
  for (const int silent : {0, 3}) {
    Running running;
    std::vector<std::unique_ptr<Connection>> idle;
    for (int i = 0; i < silent; ++i) idle.push_back(std::make_unique<Connection>(running.server->port()));
    // Connections are taken in order: once this one is answered, the silent ones before it are being read.
    EXPECT_EQ(running.call("GET", "/health").status, 200);
    const long took = running.close();
    EXPECT_LT(took, 900) << "silent connections: " << silent;
    std::printf("closed in %ld ms with %d silent connections\n", took, silent);
  }
}

// As in a process that was put into the mount namespace of another pid namespace: there is no /proc/self.
TEST(Server, ClosesAtOnceAlsoWhereItsDescriptorsAreNotListed) {
  const auto hidden = [] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(2);
    if (mount("tmpfs", "/proc", "tmpfs", 0, nullptr) != 0) _exit(3);
    Running running;
    if (running.call("GET", "/health").status != 200) _exit(4);
    _exit(running.close() < 900 ? 0 : 1);
  };
  const pid_t child = fork();
  if (child == 0) hidden();
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace muster::web
