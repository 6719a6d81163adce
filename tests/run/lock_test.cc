#include "run/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "fakes/http_server.h"
#include "run/guard.h"
#include "support/wait.h"

namespace muster::run {
namespace {

using namespace std::chrono_literals;
using fakes::HttpReply;
using fakes::HttpRequest;
using nlohmann::json;
using support::eventually;

// One key and its sessions, as Consul has them; time and failures are the test's to make.
class FakeLocks {
  template <typename Work>
  auto locked(Work&& work) {
    const std::lock_guard lock(mutex_);
    return work();
  }

 public:
  FakeLocks() : server_({"127.0.0.1:0"}, [this](const HttpRequest& request) { return answer(request); }) {}

  std::string url() const { return server_.url(); }
  void set_down(bool down) {
    locked([&] { down_ = down; });
  }
  void hang() {
    locked([&] { hangs_ = true; });
  }
  std::string holder() {
    return locked([&] { return holder_; });
  }
  std::size_t sessions() {
    return locked([&] { return sessions_.size(); });
  }
  std::string last() {
    return locked([&] { return last_; });
  }
  std::uint64_t renewals() {
    return locked([&] { return renewals_; });
  }
  void end_session(const std::string& id) {
    locked([&] {
      sessions_.erase(id);
      if (holder_ == id) set_holder("");
    });
  }
  void give_to(const std::string& id) {
    locked([&] { set_holder(id); });
  }

 private:
  void set_holder(const std::string& id) {
    if (!id.empty() && holder_ != id) ++lock_index_;
    holder_ = id;
    ++index_;
  }
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (hangs_) return {.manner = fakes::Manner::Hang};
    if (down_) return {.status = 500, .body = "No cluster leader"};
    last_ = request.method + " " + request.target;
    if (request.path == "/v1/session/create") return create();
    if (request.path.starts_with("/v1/session/")) return session(request.path);
    if (request.method == "GET") return read(request);
    return put(request);
  }
  HttpReply create() {
    const std::string id = "s" + std::to_string(++made_);
    sessions_.insert(id);
    return {.body = json{{"ID", id}}.dump()};
  }
  HttpReply session(const std::string& path) {
    const std::string id = path.substr(path.rfind('/') + 1);
    if (path.find("/destroy/") != std::string::npos) {
      sessions_.erase(id);
      return {.body = "true"};
    }
    ++renewals_;
    if (!sessions_.contains(id)) return {.status = 404, .body = "Session id '" + id + "' not found"};
    return {.body = "[]"};
  }
  HttpReply put(const HttpRequest& request) {
    if (const auto released = request.query.find("release"); released != request.query.end()) {
      if (holder_ != released->second) return {.body = "false"};
      set_holder("");
      return {.body = "true"};
    }
    const std::string id = request.query.at("acquire");
    if (!holder_.empty() && holder_ != id) return {.body = "false"};
    set_holder(id);
    return {.body = "true\n"};
  }
  // A wait is answered after a short while, whatever it asked for.
  HttpReply read(const HttpRequest& request) {
    json entry{{"LockIndex", lock_index_}, {"Key", "k"}, {"Value", nullptr}};
    if (!holder_.empty()) entry["Session"] = holder_;
    HttpReply reply{.body = json{entry}.dump(), .headers = {"X-Consul-Index: " + std::to_string(index_)}};
    if (request.query.at("index") == std::to_string(index_)) reply.delay = 20ms;
    return reply;
  }

  std::mutex mutex_;
  bool down_ = false;
  bool hangs_ = false;
  std::set<std::string> sessions_;
  std::string holder_;
  std::string last_;
  std::uint64_t lock_index_ = 0;
  std::uint64_t index_ = 1;
  std::uint64_t renewals_ = 0;
  int made_ = 0;
  fakes::HttpServer server_;
};

// A muster with a lease of 400 ms.
struct Member {
  explicit Member(const FakeLocks& locks)
      : lock("k", 600ms,
             consul::Session({.url = locks.url(),
                              .name = "test",
                              .ttl = 600ms,
                              .lock_delay = 400ms,
                              .longest_wait = 200ms,
                              .timeout = 100ms},
                             consul::ConsulSettings{}, consul::Credentials::load({}).value())),
        thread([this](std::stop_token stop) { lock.run(stop, [this] { ++gained; }); }) {}
  Lock lock;
  std::atomic<int> gained{0};
  std::jthread thread;
};

TEST(Lease, IsTwoThirdsOfTheTtlAndNeverMoreThanConsulsLongestLockDelay) {
  EXPECT_EQ(lease_of(15s), 10s);
  EXPECT_EQ(lease_of(90s), 60s);
  EXPECT_EQ(lease_of(24h), 60s);
}

TEST(Lock, IsTakenWhenFreeAndKeptByRenewal) {
  FakeLocks locks;
  Member member(locks);
  ASSERT_TRUE(member.lock.wait(5s, {}));
  EXPECT_EQ(member.lock.permit(), 1u);
  ASSERT_TRUE(member.lock.proof());
  EXPECT_EQ(member.lock.proof()->session, locks.holder());
  const auto renewed = locks.renewals();
  EXPECT_TRUE(eventually(5s, [&] { return locks.renewals() > renewed + 10; }));
  EXPECT_TRUE(member.lock.may_write());
  EXPECT_EQ(member.gained, 1) << "a renewal is not a gain";
}

TEST(Lock, OneOfTwoHasItAndTheOtherTakesItOverWhenItIsGivenBack) {
  FakeLocks locks;
  auto first = std::make_unique<Member>(locks);
  ASSERT_TRUE(first->lock.wait(5s, {}));
  Member second(locks);
  EXPECT_FALSE(second.lock.wait(300ms, {}));
  EXPECT_FALSE(second.lock.proof());
  first.reset();
  EXPECT_TRUE(second.lock.wait(5s, {}));
  EXPECT_EQ(second.lock.permit(), 2u);
  EXPECT_EQ(locks.sessions(), 1u) << "the session of the one that left was ended";
}

TEST(Lock, RunsOutWhenConsulCannotBeAskedAndComesBackWhenTheSessionStillLives) {
  FakeLocks locks;
  Member member(locks);
  ASSERT_TRUE(member.lock.wait(5s, {}));
  locks.set_down(true);
  EXPECT_TRUE(eventually(5s, [&] { return !member.lock.may_write(); }));
  EXPECT_TRUE(eventually(5s, [&] { return !member.lock.status().error.empty(); }));
  EXPECT_NE(member.lock.status().error.find("No cluster leader"), std::string::npos) << member.lock.status().error;
  EXPECT_FALSE(member.lock.proof());
  locks.set_down(false);
  EXPECT_TRUE(member.lock.wait(5s, {}));
  EXPECT_EQ(member.lock.permit(), 1u) << "it was never anyone else's";
  EXPECT_TRUE(eventually(5s, [&] { return member.gained == 2 && member.lock.status().error.empty(); }));
}

TEST(Lock, IsLostAtOnceWhenTheSessionIsGone) {
  FakeLocks locks;
  Member member(locks);
  ASSERT_TRUE(member.lock.wait(5s, {}));
  locks.give_to("theirs");
  EXPECT_TRUE(eventually(300ms, [&] { return !member.lock.may_write(); })) << "well before the lease is over";
  locks.end_session("s1");
  locks.give_to("");
  EXPECT_TRUE(member.lock.wait(5s, {}));
  EXPECT_EQ(locks.holder(), "s2") << "a new session";
  EXPECT_GT(member.lock.permit().value_or(0), 1u);
}

TEST(Lock, IsGivenBackBeforeTheSessionEnds) {
  FakeLocks locks;
  {
    Member member(locks);
    ASSERT_TRUE(member.lock.wait(5s, {}));
  }
  EXPECT_EQ(locks.holder(), "");
  EXPECT_EQ(locks.last(), "PUT /v1/session/destroy/s1");
}

TEST(Lock, StoppingTakesNoLongerThanASecondWhenConsulDoesNotAnswer) {
  FakeLocks locks;
  auto member = std::make_unique<Member>(locks);
  ASSERT_TRUE(member->lock.wait(5s, {}));
  locks.hang();
  const auto start = std::chrono::steady_clock::now();
  member.reset();
  EXPECT_GT(std::chrono::steady_clock::now() - start, 300ms) << "it tried to give the key back";
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1500ms);
}

TEST(Guard, HoldsAsStandbyWhatItPlansWhileAnotherMusterActs) {
  bool may_write = false;
  Guard guard({}, {}, [&] { return may_write; });
  Plan plan;
  plan.actions.push_back({Verb::Register, {}, "", "not in the agent", Proof::Unproven, {}});
  const Plan held = guard.allow(plan, {}, {});
  EXPECT_TRUE(held.actions.empty());
  ASSERT_EQ(held.held.size(), 1u);
  EXPECT_EQ(held.held[0].reason, "standby");
  may_write = true;
  EXPECT_EQ(guard.allow(plan, {}, {}).actions.size(), 1u) << "asked at each plan";
}

TEST(Lock, IsNotMadeForADryRunNorWithoutTheFlag) {
  RunSettings settings;
  const auto make = [&] { return make_lock(settings, "o", {}, consul::Credentials::load({}).value()); };
  EXPECT_EQ(make(), nullptr);
  settings.lock.enabled = true;
  EXPECT_NE(make(), nullptr);
  settings.dry_run = true;
  EXPECT_EQ(make(), nullptr);
}

}  // namespace
}  // namespace muster::run
