#include "net/polls.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <map>
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

constexpr auto kPatience = 20s;

// Polls whose answers are kept as "200 body" or the error's text.
class Kept {
 public:
  explicit Kept(HttpOptions options = {})
      : polls(options, [this](Polls::Id id, Result<Response> answer) {
          ++count;
          answers[id] = answer ? std::to_string(answer->status) + " " + answer->body : answer.error().message;
          if (on_answer) on_answer(id);
        }) {}
  void get(Polls::Id id, const std::string& base, const std::string& path, std::chrono::milliseconds timeout = 10s) {
    polls.start(id, {.base = base, .path = path}, timeout);
  }
  bool until(std::size_t wanted) {
    const auto end = Clock::now() + kPatience;
    while (count < wanted && Clock::now() < end) polls.step(end);
    return count == wanted;
  }

  std::size_t count = 0;
  std::map<Polls::Id, std::string> answers;
  std::function<void(Polls::Id)> on_answer;
  Polls polls;
};

// Answers /hang never, everything else with its path.
HttpReply answer(const HttpRequest& request) {
  if (request.path == "/hang") return {.manner = Manner::Hang};
  return {.body = request.path};
}

TEST(Polls, AnswersOthersWhileOneHangs) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.get(1, server.url(), "/hang");
  kept.get(2, server.url(), "/a");
  kept.get(3, server.url(), "/b");
  ASSERT_TRUE(kept.until(2));
  EXPECT_EQ(kept.answers[2], "200 /a");
  EXPECT_EQ(kept.answers[3], "200 /b");
  EXPECT_EQ(kept.polls.running(), 1u);
}

TEST(Polls, EndsEachAtItsOwnDeadline) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.get(1, server.url(), "/hang", 10s);
  kept.get(2, server.url(), "/hang", 150ms);
  const auto start = Clock::now();
  ASSERT_TRUE(kept.until(1));
  EXPECT_NE(kept.answers[2].find("timed out"), std::string::npos) << kept.answers[2];
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(Polls, TellsWhatFailedOnceAndByName) {
  HttpServer server({"127.0.0.1:0"}, answer);
  const std::string url = server.url();
  server.close_listener(0);
  Kept kept;
  kept.get(1, url, "/a?secret=1");
  kept.get(2, "gopher://x", "/");
  ASSERT_TRUE(kept.until(2));
  EXPECT_EQ(kept.answers[1], "GET " + url + "/a: cannot connect: Connection refused");
  EXPECT_NE(kept.answers[2].find("http://"), std::string::npos) << kept.answers[2];
}

TEST(Polls, RefusesABodyOverTheLimit) {
  HttpServer server({"127.0.0.1:0"}, [](const HttpRequest&) { return HttpReply{.body = std::string(1001, 'x')}; });
  Kept kept({.max_body = 1000});
  kept.get(1, server.url(), "/a");
  ASSERT_TRUE(kept.until(1));
  EXPECT_NE(kept.answers[1].find("answer over 1000 bytes"), std::string::npos) << kept.answers[1];
}

TEST(Polls, SaysNothingOfOneThatWasCancelledOrReplaced) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.get(1, server.url(), "/hang");
  kept.get(2, server.url(), "/hang");
  kept.polls.step(Clock::now() + 50ms);
  kept.polls.cancel(1);
  kept.get(2, server.url(), "/second");
  ASSERT_TRUE(kept.until(1));
  EXPECT_EQ(kept.answers, (std::map<Polls::Id, std::string>{{2, "200 /second"}}));
  EXPECT_EQ(kept.polls.running(), 0u);
}

TEST(Polls, LetsAnAnswerCancelOthersThatEndedWithIt) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.on_answer = [&](Polls::Id) {
    for (Polls::Id id = 0; id < 20; ++id) kept.polls.cancel(id);
  };
  for (Polls::Id id = 0; id < 20; ++id) kept.get(id, server.url(), "/a");
  ASSERT_TRUE(kept.until(1));
  kept.polls.step(Clock::now() + 50ms);
  EXPECT_EQ(kept.count, 1u);
}

TEST(Polls, AskAgainFromWithinAnAnswerOverTheSameConnection) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.on_answer = [&](Polls::Id id) { kept.get(id, server.url(), "/" + std::to_string(kept.count)); };
  kept.get(7, server.url(), "/0");
  const auto end = Clock::now() + kPatience;
  while (kept.count < 500 && Clock::now() < end) kept.polls.step(end);
  EXPECT_EQ(kept.count, 500u);
  EXPECT_EQ(kept.answers[7], "200 /499");
}

TEST(Polls, WakesFromAnyThreadAndForgetsNoWake) {
  Kept kept;
  kept.polls.wake();
  kept.polls.step(Clock::now() + kPatience);
  std::jthread waker([&] { kept.polls.wake(); });
  const auto start = Clock::now();
  kept.polls.step(start + kPatience);
  EXPECT_LT(Clock::now() - start, kPatience / 2);
}

TEST(Polls, SeesAPeerThatDiesUnderAPoll) {
  HttpServer server({"127.0.0.1:0"}, answer);
  Kept kept;
  kept.get(1, server.url(), "/hang");
  kept.polls.step(Clock::now() + 50ms);
  server.close_listener(0);
  ASSERT_TRUE(kept.until(1));
  EXPECT_EQ(kept.answers[1].substr(0, 4), "GET ") << kept.answers[1];
}

long resident_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

double cpu_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

TEST(Polls, HoldsThousandsAtOnceAndIsIdleMeanwhile) {
  constexpr std::size_t kMany = 1300;  // three shards
  std::atomic<std::size_t> asked{0};
  std::vector<std::string> addresses;
  for (int i = 1; i <= 13; ++i) addresses.push_back("127.0.0." + std::to_string(i) + ":0");
  HttpServer server(addresses, [&](const HttpRequest& request) {
    ++asked;
    return answer(request);
  });
  Kept kept;
  const long before = resident_kib();
  for (Polls::Id id = 0; id < kMany; ++id) kept.get(id, server.url(id % addresses.size()), "/hang", 60s);
  const auto end = Clock::now() + kPatience;
  while (asked < kMany && Clock::now() < end) kept.polls.step(Clock::now() + 20ms);
  ASSERT_EQ(asked, kMany);
  const double cpu = cpu_ms();
  kept.polls.step(Clock::now() + 300ms);
  // Both sides of 1300 connections live in this process.
  std::printf("%zu polls: %ld KiB, idle for 300 ms: %.1f ms CPU\n", kMany, resident_kib() - before, cpu_ms() - cpu);
  EXPECT_LT(cpu_ms() - cpu, 150);
  for (Polls::Id id = 0; id < kMany; id += 2) kept.polls.cancel(id);
  for (Polls::Id id = 1; id < kMany; id += 2) kept.get(id, server.url(id % addresses.size()), "/a");
  ASSERT_TRUE(kept.until(kMany / 2));
}

}  // namespace
}  // namespace muster::net
