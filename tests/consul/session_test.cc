#include "consul/session.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/consul.h"
#include "support/wait.h"

namespace muster::consul {
namespace {

using namespace std::chrono_literals;
using support::ConsulServer;
using support::eventually;
using support::no_consul;

constexpr char kKey[] = "muster/a test%2Fwith é/leader";

// One muster's view of the lock.
struct Member {
  explicit Member(const std::string& url, std::chrono::milliseconds lock_delay = 10s) {
    const ConsulSettings consul;
    session = std::make_unique<Session>(SessionSettings{.url = url,
                                                        .name = "muster test",
                                                        .ttl = 10s,
                                                        .lock_delay = lock_delay,
                                                        .longest_wait = 5s,
                                                        .timeout = 2500ms},
                                        consul, Credentials::load(consul).value());
  }
  Session* operator->() const { return session.get(); }
  std::unique_ptr<Session> session;
};

TEST(DecodeLock, ReadsAHeldAndAFreeKey) {
  const auto held = decode_lock(
      R"([{"LockIndex":3,"Key":"k","Flags":0,"Value":"eyJob3N0IjoiaDEiLCJwaWQiOjQyfQ==","Session":"s","ModifyIndex":9}])");
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(held->session, "s");
  EXPECT_EQ(held->lock_index, 3u);
  EXPECT_EQ(held->holder, (Holder{"h1", 42}));
  const auto free = decode_lock(R"([{"LockIndex":3,"Key":"k","Flags":0,"Value":null,"ModifyIndex":9}])");
  ASSERT_TRUE(free) << free.error().message;
  EXPECT_EQ(free->session, "");
  EXPECT_EQ(free->holder, Holder{});
}

TEST(DecodeLock, RefusesWhatIsNoKey) {
  for (const char* body : {"", "null", "[]", "{}", "[1]", "[{}]", R"([{"LockIndex":-1}])", R"([{"LockIndex":"1"}])",
                           "[{\"LockIndex\":1},{\"LockIndex\":1}]", "[{\"LockIndex\":1"}) {
    EXPECT_FALSE(decode_lock(body)) << body;
  }
}

TEST(DecodeHolder, TakesWhatSomebodyElsePutThereForNobody) {
  EXPECT_EQ(decode_holder(encode_holder({"h\"1", 7})), (Holder{"h\"1", 7}));
  for (const char* value : {"", "x", "[]", R"({"host":1,"pid":"x"})"}) EXPECT_EQ(decode_holder(value), Holder{});
}

TEST(Session, NamesTheAgentThatRefuses) {
  const Member alone("http://127.0.0.1:1");
  const auto made = alone->create({});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().fault, Fault::Retry);
  EXPECT_NE(made.error().message.find("http://127.0.0.1:1/v1/session/create"), std::string::npos)
      << made.error().message;
}

TEST(Session, LocksAKeyForOneAndHandsItOverAtOnceWhenLeft) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server;
  const Member first(server.url()), second(server.url());
  ASSERT_TRUE(first->create({}));
  ASSERT_TRUE(second->create({}));
  const auto before = first->wait(kKey, 0, {});
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->session, "") << "a key that is not there is free";

  EXPECT_TRUE(first->acquire(kKey, {"one", 1}, {}).value());
  EXPECT_TRUE(first->acquire(kKey, {"one", 1}, {}).value()) << "again is no harm";
  EXPECT_FALSE(second->acquire(kKey, {"two", 2}, {}).value());
  const auto held = second->wait(kKey, 0, {});
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(held->session, first->id());
  EXPECT_EQ(held->holder, (Holder{"one", 1}));
  EXPECT_EQ(held->lock_index, 1u);
  EXPECT_TRUE(first->renew({}).value());

  // The waiter is woken by the release, and the key, although its lock delay is 10 s, can be had at once.
  std::jthread leaver([&] {
    std::this_thread::sleep_for(200ms);
    EXPECT_TRUE(first->leave(kKey, 5s));
  });
  const auto start = std::chrono::steady_clock::now();
  const auto freed = second->wait(kKey, held->index, {});
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
  ASSERT_TRUE(freed) << freed.error().message;
  EXPECT_EQ(freed->session, "");
  EXPECT_TRUE(second->acquire(kKey, {"two", 2}, {}).value());
  EXPECT_EQ(second->wait(kKey, 0, {})->lock_index, 2u) << "the epoch rises with each holder";
  leaver.join();
  EXPECT_EQ(first->id(), "");
  EXPECT_EQ(server.get("/v1/session/list").size(), 1u) << "the session that left is gone";
}

TEST(Session, IsKnownToBeGoneAndItsKeyHasALockDelay) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server;
  const Member first(server.url(), 2s), second(server.url());
  ASSERT_TRUE(first->create({}));
  ASSERT_TRUE(second->create({}));
  ASSERT_TRUE(first->acquire(kKey, {"one", 1}, {}).value());
  ASSERT_EQ(server.put("/v1/session/destroy/" + first->id()), 200);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(second->wait(kKey, 0, {})->session, "");
  EXPECT_FALSE(second->acquire(kKey, {"two", 2}, {}).value()) << "free, and not to be had yet";
  EXPECT_FALSE(first->renew({}).value());
  EXPECT_EQ(first->id(), "");
  EXPECT_TRUE(eventually(10s, [&] { return second->acquire(kKey, {"two", 2}, {}).value_or(false); }));
  EXPECT_GT(std::chrono::steady_clock::now() - start, 1500ms);
}

TEST(Session, StopsWaitingWhenTold) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server;
  const Member member(server.url());
  const auto now = member->wait(kKey, 0, {});
  ASSERT_TRUE(now);
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(member->wait(kKey, std::max<std::uint64_t>(now->index, 1), stop.get_token()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(Session, TellsWhatConsulSaidWhenTheTokenMayNotAndNeedsNoMoreRightsThanDocumented) {
  if (const std::string why = no_consul(); !why.empty()) GTEST_SKIP() << why;
  const ConsulServer server({.acl = true});
  const Member member(server.url());
  const auto made = member->create({});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("403"), std::string::npos) << made.error().message;

  // The rules that docs/operations.md asks for.
  ConsulSettings allowed;
  allowed.token = server.create_token(
      "lock", R"(session_prefix "" { policy = "write" } key_prefix "muster/" { policy = "write" })");
  Session session({.url = server.url(), .name = "muster test"}, allowed, Credentials::load(allowed).value());
  EXPECT_TRUE(eventually(support::kPatience, [&] { return session.create({}).has_value(); }));
  EXPECT_TRUE(session.acquire(kKey, {"one", 1}, {}).value_or(false));
  EXPECT_EQ(session.wait(kKey, 0, {}).value_or(LockState{}).session, session.id());
  EXPECT_TRUE(session.leave(kKey, 2s));
}

}  // namespace
}  // namespace muster::consul
