#include "net/http.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "fakes/http_server.h"

namespace muster::net {
namespace {

using namespace std::chrono_literals;
using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using fakes::Manner;
using Clock = std::chrono::steady_clock;

HttpReply echo(const HttpRequest& r) { return {.body = r.method + " " + r.target + " [" + r.body + "]"}; }

Request get(const HttpServer& server, std::string path = "/") {
  return {.base = server.url(), .path = std::move(path), .body = {}, .headers = {}};
}

HttpOptions quick(std::chrono::milliseconds timeout = 300ms) { return {.timeout = timeout}; }

// Says its piece to the first connection whatever is asked, and closes.
class OneShot {
 public:
  explicit OneShot(std::string text) : text_(std::move(text)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::jthread([this] { talk(); });
  }
  ~OneShot() { close(fd_); }
  const std::string& url() const { return url_; }

 private:
  void talk() {
    const int peer = accept(fd_, nullptr, nullptr);
    std::array<char, 4096> asked;
    EXPECT_GT(recv(peer, asked.data(), asked.size(), 0), 0);
    send(peer, text_.data(), text_.size(), MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    while (recv(peer, asked.data(), asked.size(), 0) > 0) {
    }
    close(peer);
  }

  std::string text_;
  std::string url_;
  int fd_ = socket(AF_INET, SOCK_STREAM, 0);
  std::jthread thread_;
};

std::string error_of(HttpReply reply, HttpOptions options = quick()) {
  HttpServer server({"127.0.0.1:0"}, [&](const HttpRequest&) { return reply; });
  const auto answer = HttpClient(options).send(get(server, "/v1/x?secret=1"), {});
  return answer ? "status " + std::to_string(answer->status) : answer.error().message;
}

TEST(HttpClient, SendsMethodPathBodyAndHeaders) {
  HttpRequest seen;
  HttpServer server({"127.0.0.1:0"}, [&](const HttpRequest& r) {
    seen = r;
    return HttpReply{.status = 403, .body = "no", .headers = {"X-Consul-Index: 7"}};
  });
  const Request request{.method = "PUT",
                        .base = server.url(),
                        .path = "/v1/agent/service/deregister/a%2Fb?x=1%202",
                        .body = "{}",
                        .headers = {"X-Consul-Token: t"}};
  const auto answer = HttpClient({}).send(request, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 403);
  EXPECT_EQ(answer->body, "no");
  EXPECT_EQ(answer->headers.at("x-consul-index"), "7");
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/v1/agent/service/deregister/a/b");
  EXPECT_EQ(seen.query.at("x"), "1 2");
  EXPECT_EQ(seen.body, "{}");
  EXPECT_EQ(seen.headers.at("x-consul-token"), "t");
  EXPECT_FALSE(seen.headers.contains("accept-encoding"));
}

TEST(HttpClient, KeepsOneConnectionAndChangesMethodsOnIt) {
  HttpServer server({"127.0.0.1:0"}, echo);
  HttpClient client({});
  EXPECT_EQ(client.send({.method = "PUT", .base = server.url(), .path = "/a", .body = "x", .headers = {}}, {})->body,
            "PUT /a [x]");
  EXPECT_EQ(client.send(get(server, "/b"), {})->body, "GET /b []");
  EXPECT_EQ(client.send({.method = "PUT", .base = server.url(), .path = "/c", .body = "", .headers = {}}, {})->body,
            "PUT /c []");
  EXPECT_EQ(client.send({.method = "HEAD", .base = server.url(), .path = "/", .body = "", .headers = {}}, {})->body,
            "");
}

TEST(HttpClient, ReachesManyAddressesUnixSocketsAndIpv6) {
  const std::string path = "unix:/tmp/muster-http-test-" + std::to_string(::getpid()) + ".sock";
  HttpServer server({path, "[::1]:0", "127.0.0.7:0"},
                    [](const HttpRequest& r) { return HttpReply{.body = std::to_string(r.listener)}; });
  HttpClient client({});
  for (std::size_t i = 0; i < 3; ++i) {
    const auto answer = client.send({.base = server.url(i), .path = "/", .body = {}, .headers = {}}, {});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, std::to_string(i));
  }
}

TEST(HttpClient, ReturnsRedirectsAsTheyAre) {
  EXPECT_EQ(error_of({.status = 307, .headers = {"Location: http://127.0.0.1:1/"}}), "status 307");
}

TEST(HttpClient, NamesMethodPeerAndPathOfEveryFailureButNotTheQuery) {
  const std::string message = error_of({.manner = Manner::Hang});
  EXPECT_TRUE(message.starts_with("GET http://127.0.0.1:")) << message;
  EXPECT_NE(message.find("/v1/x: timed out"), std::string::npos) << message;
  EXPECT_EQ(message.find("secret"), std::string::npos) << message;
}

TEST(HttpClient, TellsResetTruncatedAndTooLargeApart) {
  EXPECT_NE(error_of({.manner = Manner::Reset}).find("connection lost"), std::string::npos);
  EXPECT_NE(error_of({.body = std::string(1000, 'x'), .manner = Manner::Truncate}).find("truncated"),
            std::string::npos);
  EXPECT_NE(error_of({.body = std::string(1000, 'x')}, {.max_body = 999}).find("over 999 bytes"), std::string::npos);
  EXPECT_EQ(error_of({.body = std::string(1000, 'x')}, {.max_body = 1000}), "status 200");
  EXPECT_NE(error_of({.body = std::string(100, 'x'), .manner = Manner::Drip}).find("timed out"), std::string::npos);
}

// A peer that dies between two headers once looked like a 200 without a body.
TEST(HttpClient, TakesACutHeadForAnError) {
  const std::string head = "HTTP/1.1 200 OK\r\nX-A: b\r\n";
  for (std::size_t cut = 0; cut <= head.size(); cut += 3) {
    OneShot peer(head.substr(0, cut));
    const Request request{.base = peer.url(), .path = "/"};
    EXPECT_FALSE(HttpClient(quick()).send(request, {})) << cut;
    OneShot again(head.substr(0, cut));
    EXPECT_FALSE(HttpStream::open({.base = again.url(), .path = "/"}, quick(), {})) << cut;
  }
}

TEST(HttpClient, DoesNotCollectHeadersWithoutEnd) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 3000; ++i) head += "X-" + std::to_string(i) + ": " + std::string(100, 'x') + "\r\n";
  OneShot peer(head + "Content-Length: 0\r\n\r\n");
  const auto answer = HttpClient({}).send({.base = peer.url(), .path = "/"}, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("head over"), std::string::npos) << answer.error().message;
}

TEST(HttpClient, SaysThatAClosedPortRefuses) {
  HttpServer server({"127.0.0.1:0"}, echo);
  HttpClient client(quick());
  EXPECT_TRUE(client.send(get(server), {}));
  server.close_listener(0);
  const auto refused = client.send(get(server), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::Retry);
  EXPECT_NE(refused.error().message.find("Connection refused"), std::string::npos) << refused.error().message;
  server.open_listener(0);
  EXPECT_TRUE(client.send(get(server), {}));
}

TEST(HttpClient, TimesOutOnAFrozenPeerAndFindsItAgain) {
  HttpServer server({"127.0.0.1:0"}, echo);
  HttpClient client(quick());
  server.freeze(0, true);
  EXPECT_FALSE(client.send(get(server), {}));
  server.freeze(0, false);
  EXPECT_TRUE(client.send(get(server), {}));
}

TEST(HttpClient, StopEndsAWaitAtOnce) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.manner = Manner::Hang}; });
  std::stop_source stop;
  const std::jthread later([&] {
    while (server.requests() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  const auto start = Clock::now();
  const auto answer = HttpClient(quick(20s)).send(get(server), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message.ends_with(": stopped")) << answer.error().message;
  EXPECT_LT(Clock::now() - start, 2s);
  EXPECT_FALSE(HttpClient({}).send(get(server), stop.get_token()));
}

TEST(HttpClient, RefusesAnAddressThatIsNone) {
  const auto answer = HttpClient({}).send({.base = "10.0.0.1:8500", .path = "/", .body = {}, .headers = {}}, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("unix:///"), std::string::npos);
}

TEST(HttpClient, WorksFromManyThreadsAtOnceEachWithItsOwnClient) {
  HttpServer server({"127.0.0.1:0"}, echo);
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        HttpClient client({});
        for (int n = 0; n < 50; ++n) good += client.send(get(server), {}).has_value();
      });
    }
  }
  EXPECT_EQ(good, 400);
}

TEST(Escape, KeepsOnlyWhatEveryServerReadsTheSameWay) {
  EXPECT_EQ(escape("muster:a/b c.1_~-\xff"), "muster%3Aa%2Fb%20c.1_~-%FF");
}

Result<std::string> read_all(HttpStream& stream) {
  std::string out;
  std::array<char, 777> piece;
  while (true) {
    const auto count = stream.read(piece.data(), piece.size(), {});
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return out;
    out.append(piece.data(), *count);
  }
}

TEST(HttpStream, PullsABodyMuchLargerThanItsBuffer) {
  std::string body;
  for (int i = 0; body.size() < (8u << 20); ++i) body += std::to_string(i) + ",";
  HttpServer server({"127.0.0.1:0"},
                    [&](const HttpRequest&) { return HttpReply{.body = body, .headers = {"X-Kind: big"}}; });
  auto stream = HttpStream::open(get(server), {}, {});
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(stream->status(), 200);
  EXPECT_EQ(stream->header("x-kind"), "big");
  const auto all = read_all(*stream);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(*all == body);
}

TEST(HttpStream, HandsOverEachChunkOfAnEndlessAnswerAsItComes) {
  HttpServer server({"127.0.0.1:0"},
                    [](const HttpRequest&) { return HttpReply{.body = "hello", .stream_id = 1, .stream = true}; });
  auto stream = HttpStream::open(get(server), {}, {});
  ASSERT_TRUE(stream) << stream.error().message;
  std::array<char, 100> piece;
  EXPECT_EQ(std::string(piece.data(), stream->read(piece.data(), 3, {}).value()), "hel");
  EXPECT_EQ(std::string(piece.data(), stream->read(piece.data(), 100, {}).value()), "lo");
  server.push(1, "next");
  EXPECT_EQ(std::string(piece.data(), stream->read(piece.data(), 100, {}).value()), "next");
  server.finish(1);
  EXPECT_EQ(stream->read(piece.data(), 100, {}), 0u);
  EXPECT_EQ(stream->read(piece.data(), 100, {}), 0u);
}

TEST(HttpStream, TellsACutFromAnEnd) {
  HttpServer server({"127.0.0.1:0"},
                    [](const HttpRequest&) { return HttpReply{.body = "hello", .stream_id = 1, .stream = true}; });
  auto stream = HttpStream::open(get(server), {}, {});
  ASSERT_TRUE(stream);
  server.finish(1, true);
  const auto all = read_all(*stream);
  ASSERT_FALSE(all);
  EXPECT_NE(all.error().message.find("truncated"), std::string::npos) << all.error().message;
}

TEST(HttpStream, EndsOnSilenceAndOnStop) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.stream_id = 1, .stream = true}; });
  auto stream = HttpStream::open(get(server), quick(200ms), {});
  ASSERT_TRUE(stream);
  char byte = 0;
  auto silent = stream->read(&byte, 1, {});
  ASSERT_FALSE(silent);
  EXPECT_TRUE(silent.error().message.ends_with("silent for 200 ms")) << silent.error().message;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(stream->read(&byte, 1, stop.get_token()).error().message.ends_with("stopped"));
}

TEST(HttpStream, WaitsForBytesUntilATimeAndGoesOnAfterIt) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.stream_id = 7, .stream = true}; });
  auto stream = HttpStream::open(get(server), {}, {});
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_FALSE(stream->wait(Clock::now() + 50ms, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(stream->wait(Clock::now() + 60s, stop.get_token()));
  server.push(7, "late");
  EXPECT_TRUE(stream->wait(Clock::now() + 60s, {}));
  std::array<char, 16> buffer;
  EXPECT_EQ(stream->read(buffer.data(), buffer.size(), {}).value_or(0), 4U);
  server.finish(7, true);  // within a chunk, of which the beginning comes
  EXPECT_TRUE(stream->wait(Clock::now() + 60s, {}));
  EXPECT_EQ(stream->read(buffer.data(), buffer.size(), {}).value_or(0), 3U);
  EXPECT_TRUE(stream->wait(Clock::now() + 60s, {}));
  EXPECT_FALSE(stream->read(buffer.data(), buffer.size(), {}));
}

TEST(HttpStream, FailsToOpenWhenNobodyAnswers) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.manner = Manner::Hang}; });
  EXPECT_FALSE(HttpStream::open(get(server), quick(200ms), {}));
  server.close_listener(0);
  EXPECT_FALSE(HttpStream::open(get(server), quick(200ms), {}));
}

TEST(HttpStream, OpensOnAnEmptyAnswer) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.status = 404}; });
  auto stream = HttpStream::open(get(server), {}, {});
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(stream->status(), 404);
  EXPECT_EQ(read_all(*stream), "");
}

}  // namespace
}  // namespace muster::net
