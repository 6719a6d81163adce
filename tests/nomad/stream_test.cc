// What an event stream that does not open says of the reason.
#include "nomad/stream.h"

#include <gtest/gtest.h>

#include "fakes/fake_nomad.h"

namespace muster::nomad {
namespace {

using fakes::FakeNomad;
using fakes::Framing;
using fakes::NomadQuirks;
using std::chrono::milliseconds;

constexpr char kEverything[] = "namespace \"*\" { policy = \"read\" } node { policy = \"read\" }";

class NomadStreamTest : public testing::Test {
 protected:
  NomadStreamTest() {
    net::global_init();
    settings_.addresses = {nomad_.url()};
    settings_.timeout = milliseconds(2000);
  }
  // Of one that is never to open.
  Error error_of(const std::function<void(NomadQuirks&)>& quirks) {
    nomad_.quirks([&](NomadQuirks& q) { q = {}, q.framing = Framing::ClosedEarly, quirks(q); });
    Client client(settings_);
    EventStream stream(settings_);
    if (const auto begun = stream.begin(client, {}); !begun) return begun.error();
    const auto opened = stream.opened(client, EventStream::Clock::now() + std::chrono::minutes(1), {});
    EXPECT_FALSE(stream.is_open() || stream.is_opening());
    if (opened && !*opened) return opened->error();
    ADD_FAILURE() << "it opened";
    return {};
  }

  FakeNomad nomad_;
  NomadSettings settings_;
};

TEST_F(NomadStreamTest, ThatIsDeniedNamesTheMissingRight) {
  const Error job = error_of([](NomadQuirks& q) { q.policy = "node { policy = \"read\" }"; });
  EXPECT_EQ(job.message,
            "/v1/event/stream: closed before its first heartbeat: the token lacks read-job in some namespace");
  EXPECT_EQ(job.fault, Fault::Keep);
  const Error node = error_of([](NomadQuirks& q) { q.policy = kEverything, q.nodes_denied = true; });
  EXPECT_EQ(node.message, "/v1/event/stream: closed before its first heartbeat: the token lacks node:read");
  const Error neither = error_of([](NomadQuirks&) {});
  EXPECT_NE(neither.message.find("enable_event_broker"), std::string::npos) << neither.message;
}

// The error was the whole path with its query, topic by topic.
TEST_F(NomadStreamTest, ThatSaysNothingIsGivenUpInTimeAndWithoutItsQuery) {
  settings_.timeout = milliseconds(100);
  const Error silent =
      error_of([](NomadQuirks& q) { q.policy = "node { policy = \"read\" }", q.framing = Framing::Silent; });
  EXPECT_EQ(silent.message, "/v1/event/stream: no heartbeat within 100 ms: the token lacks read-job in some namespace");
}

TEST_F(NomadStreamTest, OpensWithItsFirstHeartbeat) {
  Client client(settings_);
  EventStream stream(settings_);
  ASSERT_TRUE(stream.begin(client, {}));
  EXPECT_TRUE(stream.is_opening() && !stream.is_open());
  const auto opened = stream.opened(client, EventStream::Clock::now() + std::chrono::minutes(1), {});
  ASSERT_TRUE(opened && *opened);
  EXPECT_TRUE(stream.is_open() && !stream.is_opening());
}

}  // namespace
}  // namespace muster::nomad
