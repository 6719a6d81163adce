// The connection to a bus, against a real dbus-daemon of our own.
#include "dbus/bus.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <iostream>
#include <thread>

#include "support/folder.h"
#include "support/process.h"
#include "support/wait.h"

namespace muster::dbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kDaemon[] = "org.freedesktop.DBus";

Call daemon_call(const std::string& member, std::vector<Argument> arguments = {}) {
  return {kDaemon, "/org/freedesktop/DBus", kDaemon, member, std::move(arguments)};
}

class BusTest : public testing::Test {
 protected:
  void SetUp() override {
    if (support::run({{"dbus-daemon", "--version"}, {}, ""}).code != 0) {
      std::cerr << "skipped: no dbus-daemon on this machine: scripts/setup installs it\n";
      ASSERT_EQ(std::getenv("MUSTER_REQUIRE_ALL"), nullptr);
      GTEST_SKIP();
    }
    start();
  }
  void start() {
    std::filesystem::remove(folder_ / "bus");
    daemon_ = std::make_unique<support::Process>(support::ProcessOptions{
        {"dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + address()}, {}, ""});
    // The socket's file is there before anybody listens.
    ASSERT_TRUE(support::eventually(support::kPatience, [&] { return Bus::open(address()).has_value(); }))
        << daemon_->err();
  }
  std::string address() const { return "unix:path=" + (folder_ / "bus"); }
  static Clock::time_point soon() { return Clock::now() + seconds(10); }

  support::Folder folder_;
  std::unique_ptr<support::Process> daemon_;
  std::stop_source stop_;
};

TEST_F(BusTest, CallsAreAnsweredInWhateverOrderTheyAreAskedFor) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus) << bus.error().message;
  std::vector<std::uint64_t> cookies;
  for (int i = 0; i < 50; ++i)
    cookies.push_back((*bus)->send(daemon_call("NameHasOwner", {std::string(kDaemon)})).value());
  for (auto at = cookies.rbegin(); at != cookies.rend(); ++at) {
    auto answer = (*bus)->reply(*at, soon(), {});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->boolean());
    EXPECT_TRUE(answer->good());
  }
}

TEST_F(BusTest, ARefusedCallIsOfThatCallAloneAndNamesTheRefusal) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  const auto answer = (*bus)->call(daemon_call("NoSuchMethod"), soon(), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::Item);
  EXPECT_NE(answer.error().message.find("UnknownMethod"), std::string::npos) << answer.error().message;
  EXPECT_TRUE((*bus)->call(daemon_call("GetId"), soon(), {}));
}

TEST_F(BusTest, SignalsThatComeBeforeAnAnswerAreKeptInOrder) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  ASSERT_TRUE((*bus)->add_match("type='signal',interface='test.muster'", soon(), {}));
  while ((*bus)->buffered()) continue;
  for (const char* word : {"first", "second"}) {
    const support::Finished sent =
        support::run({{"busctl", "--address=" + address(), "emit", "/test", "test.muster", "Said", "s", word}, {}, ""});
    ASSERT_EQ(sent.code, 0) << sent.err;
  }
  ASSERT_TRUE((*bus)->call(daemon_call("GetId"), soon(), {}));
  for (const char* word : {"first", "second"}) {
    auto signal = (*bus)->buffered();
    ASSERT_TRUE(signal);
    EXPECT_TRUE(signal->is_signal("test.muster", "Said"));
    EXPECT_EQ(signal->string(), word);
  }
  EXPECT_FALSE((*bus)->buffered());
}

TEST_F(BusTest, AValueOfAnotherTypeIsNoValue) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  auto answer = (*bus)->call(daemon_call("GetId"), soon(), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->number(), 0u);
  EXPECT_FALSE(answer->good());
  EXPECT_EQ(answer->string(), "") << "nothing after it is believed";
  EXPECT_TRUE(answer->strings().empty());
}

TEST_F(BusTest, NothingComesAtTheDeadline) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  ASSERT_TRUE((*bus)->call(daemon_call("GetId"), soon(), {}));
  while ((*bus)->buffered()) continue;
  const auto nothing = (*bus)->next(Clock::now() + milliseconds(20), {});
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST_F(BusTest, AWaitEndsWhenItIsToldToStop) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  ASSERT_TRUE((*bus)->call(daemon_call("GetId"), soon(), {}));
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stop_.request_stop();
  });
  const auto begin = Clock::now();
  auto stopped = (*bus)->next(Clock::time_point::max(), stop_.get_token());
  for (int i = 0; i < 3 && stopped && *stopped; ++i)
    stopped = (*bus)->next(Clock::time_point::max(), stop_.get_token());
  EXPECT_LT(Clock::now() - begin, seconds(5));
  later.join();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().fault, Fault::Retry);
}

TEST_F(BusTest, ABusThatDiesIsAnErrorThatNamesIt) {
  auto bus = Bus::open(address());
  ASSERT_TRUE(bus);
  ASSERT_TRUE((*bus)->call(daemon_call("GetId"), soon(), {}));
  daemon_->kill();
  auto lost = (*bus)->next(soon(), {});
  while (lost && *lost) lost = (*bus)->next(soon(), {});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().fault, Fault::Retry);
  EXPECT_NE(lost.error().message.find(address()), std::string::npos) << lost.error().message;
}

TEST(Bus, WhereNobodyListensTheErrorNamesTheAddress) {
  auto bus = Bus::open("unix:path=/nonexistent/bus");
  ASSERT_FALSE(bus);
  EXPECT_EQ(bus.error().fault, Fault::Retry);
  EXPECT_NE(bus.error().message.find("/nonexistent/bus"), std::string::npos);
}

TEST(Bus, PathsHoldUnitNamesInAFormOfTheirOwn) {
  const char* prefix = "/org/freedesktop/systemd1/unit";
  EXPECT_EQ(encode_label(prefix, "web@8081.service"), "/org/freedesktop/systemd1/unit/web_408081_2eservice");
  EXPECT_EQ(decode_label("/org/freedesktop/systemd1/unit/web_408081_2eservice", prefix), "web@8081.service");
  EXPECT_EQ(decode_label("/org/freedesktop/systemd1", prefix), "");
}

}  // namespace
}  // namespace muster::dbus
