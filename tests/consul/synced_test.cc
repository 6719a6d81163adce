#include "consul/synced.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <thread>

#include "consul/agent.h"
#include "consul/identity.h"
#include "core/canary.h"
#include "core/notation.h"
#include "fakes/fake_consul.h"
#include "support/consul.h"
#include "support/wait.h"

namespace muster::consul {
namespace {

const Owner kOwner{"prod", "muster"};

Actual agent() {
  std::vector<Service> services =
      notation::desired({"web.1 web 80 {tags=a; check_tcp={host}:{port}}"}, notation::modern()).services;
  services.insert(services.begin(), make_canary({"http://10.0.0.21:8500"}, kOwner));
  services.push_back({});
  services.back().id = "zookeeper";
  return notation::agent_with(services);
}

std::vector<std::string> unsynced(Actual actual, const Actual& catalog) {
  compare(actual, catalog, kOwner);
  std::vector<std::string> out;
  for (const ActualService& each : actual.services) {
    if (!each.unsynced.empty()) out.push_back(each.id + ": " + each.unsynced);
  }
  return out;
}

TEST(Synced, NamesWhatTheCatalogHoldsOtherwise) {
  const std::string web = "muster:web.1:80: the catalog ";
  const struct {
    const char* story;
    void (*change)(ActualService&);
    std::string why;
  } cases[] = {
      {"nothing", [](ActualService&) {}, ""},
      {"tags", [](ActualService& s) { s.tags = {"evil"}; }, web + "holds it otherwise"},
      {"address", [](ActualService& s) { s.address = "10.9.9.9"; }, web + "holds it otherwise"},
      {"port", [](ActualService& s) { s.port = 9; }, web + "holds it otherwise"},
      {"Meta", [](ActualService& s) { s.meta.clear(); }, web + "holds it otherwise"},
      {"weights", [](ActualService& s) { s.weight_passing = 9; }, web + "holds it otherwise"},
      {"addresses", [](ActualService& s) { (*s.tagged_addresses)["lan"] = {"x", 1}; }, web + "holds it otherwise"},
      {"a check", [](ActualService& s) { s.checks.clear(); }, web + "lacks check tcp:muster:web.1:80"},
      {"a status, which agents send on in their time", [](ActualService& s) { s.checks[0].status = "passing"; }, ""},
      {"a check more", [](ActualService& s) { s.checks.push_back({"zz"}); }, ""},
      {"the id", [](ActualService& s) { s.id = "muster:web.2:80"; }, web + "lacks it"},
  };
  for (const auto& each : cases) {
    Actual catalog = agent();
    each.change(catalog.services.at(1));
    EXPECT_EQ(notation::joined(unsynced(agent(), catalog)), each.why) << each.story;
  }
}

TEST(Synced, LeavesTagsAloneThatOthersMaySetInTheCatalog) {
  Actual here = agent();
  here.services[1].enable_tag_override = true;
  Actual catalog = here;
  catalog.services[1].tags = {"theirs"};
  EXPECT_TRUE(unsynced(here, catalog).empty());
}

TEST(Synced, SaysNothingOfWhatIsNotOurs) {
  Actual catalog = agent();
  catalog.services.pop_back();
  EXPECT_TRUE(unsynced(agent(), catalog).empty());
}

// A token that may not read sees an empty catalog; one PUT of the canary tells which it is.
TEST(Synced, OfACatalogWithoutTheCanaryDoubtsTheCanaryAlone) {
  EXPECT_EQ(unsynced(agent(), {}), std::vector<std::string>{"muster:canary:prod: the catalog lacks it"});
}

TEST(Synced, NamesWhatStandsInThePlaceOfAnIdOfTheSameLetters) {
  Actual catalog = agent();
  catalog.services[1].id = "muster:WEB.1:80";
  catalog.services[1].meta[kMetaOwner] = "green";
  std::swap(catalog.services[0], catalog.services[1]);  // sorted
  EXPECT_EQ(notation::joined(unsynced(agent(), catalog)),
            "muster:web.1:80: the catalog holds muster:WEB.1:80 of owner green in its place: it knows no case");
}

using namespace std::chrono_literals;

const Suspects::Time kStart{1000s};
const AgentKey kAgent{"http://10.0.0.21:8500"};

Action wrote(const std::string& id) {
  Action action;
  action.service.id = id;
  return action;
}

TEST(Suspects, AreLookedAtOnceTheirNodeIsStillAndByItsLatestName) {
  Suspects suspects;
  EXPECT_FALSE(suspects.take(kAgent, kStart));
  suspects.raise(kAgent, "n1", kStart);
  suspects.raise(kAgent, "n2", kStart + 100ms);
  EXPECT_FALSE(suspects.take(kAgent, kStart + 299ms)) << "a run meanwhile does not wait for the catalog";
  EXPECT_EQ(suspects.next(), kStart + 300ms);
  EXPECT_TRUE(suspects.take_due(kStart + 299ms).empty());
  EXPECT_EQ(suspects.take_due(kStart + 300ms), std::vector{kAgent});
  EXPECT_TRUE(suspects.take_due(kStart + 300ms).empty()) << "named once";
  EXPECT_FALSE(suspects.next());
  const auto look = suspects.take(kAgent, kStart + 300ms);
  ASSERT_TRUE(look);
  EXPECT_EQ(look->node, "n2");
  EXPECT_EQ(look->left, 2u);
  EXPECT_FALSE(suspects.take(kAgent, kStart + 1h));
}

TEST(Suspects, AreLookedAtInTimeThoughTheirNodeNeverIsStill) {
  Suspects suspects;
  for (auto at = kStart; at < kStart + 600ms; at += 50ms) suspects.raise(kAgent, "n1", at);
  EXPECT_TRUE(suspects.take(kAgent, kStart + 600ms));
}

TEST(Suspects, ForgiveADifferenceThatWeMadeOurselvesBetweenTwoLooks) {
  Suspects suspects;
  suspects.again(kAgent, {"n1", {"web.1", "web.2"}, 1}, kStart + 150ms);
  suspects.wrote(kAgent, {wrote("web.1"), wrote("web.9")});
  const auto look = suspects.take(kAgent, kStart + 150ms);
  ASSERT_TRUE(look);
  EXPECT_EQ(look->differed, std::set<std::string>{"web.2"});
  EXPECT_EQ(look->left, 1u);
}

TEST(Suspects, ThatChangeBetweenTwoLooksAreLookedAtTwiceAgainAndKeepWhatDiffered) {
  Suspects suspects;
  suspects.raise(kAgent, "n1", kStart);
  auto look = suspects.take(kAgent, kStart + 200ms);
  ASSERT_TRUE(look);
  suspects.raise(kAgent, "n1", kStart + 210ms);
  suspects.again(kAgent, {"n1", {"web.1"}, 1}, kStart + 350ms);
  look = suspects.take(kAgent, kStart + 410ms);
  ASSERT_TRUE(look);
  EXPECT_EQ(look->left, 2u);
  EXPECT_EQ(look->differed, std::set<std::string>{"web.1"});
}

TEST(Suspects, WakeWhoeverWaitsForTheNext) {
  Suspects suspects;
  int woken = 0;
  suspects.on_change([&] { ++woken; });
  suspects.raise(kAgent, "n1", kStart);
  EXPECT_TRUE(suspects.take(kAgent, kStart + 1s));
  suspects.again(kAgent, {"n1", {}, 1}, kStart + 2s);
  EXPECT_EQ(woken, 2);
}

// One failed question lost the suspicion for good, and what was edited stayed so until the agent itself looked.
TEST(Suspects, ThatGotNoAnswerAreLookedAtAgainLaterAndNotForEver) {
  Suspects suspects;
  auto now = kStart;
  suspects.raise(kAgent, "n1", now - 1s);
  for (const auto delay : {1s, 2s, 4s, 8s, 16s, 32s}) {
    auto look = suspects.take(kAgent, now);
    ASSERT_TRUE(look);
    suspects.retry(kAgent, *std::move(look), now);
    EXPECT_FALSE(suspects.take(kAgent, now + delay - 1ms));
    now += delay;
  }
  auto last = suspects.take(kAgent, now);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->left, 2u);
  suspects.retry(kAgent, *std::move(last), now);
  EXPECT_FALSE(suspects.next());
}

// A worker's agents as they stand over those of one thread, with suspicions to be raised by hand.
struct Synced {
  std::unique_ptr<Agent> at(const std::string& url) {
    auto plain = std::make_unique<ConsulAgents>(settings, credentials);
    net::HttpClient& client = plain->client();
    Selves& selves = plain->selves();
    agents = std::make_unique<SyncedAgents>(std::move(plain), client, selves, credentials, suspects, kOwner);
    return agents->at({url});
  }
  void suspect(const std::string& url, const std::string& node) const {
    suspects->raise({url}, node, std::chrono::steady_clock::now() - 1h);
  }

  const ConsulSettings settings{};
  const std::shared_ptr<const Credentials> credentials = Credentials::load(settings).value();
  const std::shared_ptr<Suspects> suspects = std::make_shared<Suspects>();
  std::unique_ptr<SyncedAgents> agents;
};

TEST(SyncedAgents, AskAgainWhenTheCatalogDidNotAnswer) {
  fakes::FakeConsul consul;
  Synced synced;
  const auto made = synced.at(consul.url());
  synced.suspect(consul.url(), "a\nnode that the fake refuses");
  ASSERT_TRUE(made->read({}));
  EXPECT_TRUE(synced.suspects->next());
}

Plan registration_of(const std::vector<Service>& services) {
  Plan plan;
  for (const Service& each : services) plan.actions.push_back({Verb::Register, each, "", "test", Proof::Unproven, {}});
  return plan;
}

// Each registration cost a question and its way there and back.
TEST(SyncedAgents, AskWhetherAnAgentLeavesOnlyWhereTheWatchWouldNotSayIt) {
  fakes::FakeConsul consul;
  Synced synced;
  const auto services = notation::desired({"web.1 web 80"}, notation::modern()).services;
  const auto questions = [&] {
    consul.reset_counts();
    EXPECT_EQ(synced.at(consul.url())->apply(registration_of(services), {}).done.size(), 1u);
    return consul.total().reads;
  };
  synced.suspects->stands({consul.url()}, true);
  EXPECT_EQ(questions(), 0u);
  synced.suspects->stands({consul.url()}, false);
  EXPECT_EQ(questions(), 1u);
}

TEST(SyncedAgents, AskOnceInARun) {
  fakes::FakeConsul consul;
  Synced synced;
  const auto made = synced.at(consul.url());
  const auto services = notation::desired({"web.1 web 80"}, notation::modern()).services;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(made->apply(registration_of(services), {}).done.size(), 1u);
  EXPECT_EQ(consul.total().reads, 1u);
  std::this_thread::sleep_for(Selves::kFresh + 10ms);
  EXPECT_EQ(made->apply(registration_of(services), {}).done.size(), 1u);
  EXPECT_EQ(consul.total().reads, 2u) << "what it said is old";
}

// A client that got SIGTERM answers for seconds after its node has left the catalog. What it was sent then stood there
// as passing, without the agent's serfHealth, until the leader's next reconcile: users were sent to a host that shut
// down.
TEST(SyncedAgents, RegisterNothingWithAnAgentThatLeaves) {
  if (const std::string why = support::no_consul(); !why.empty()) {
    std::fprintf(stderr, "skipped: %s\n", why.c_str());
    GTEST_SKIP() << why;
  }
  const support::ConsulServer server;
  support::ConsulClient client(server, {.address = "127.0.0.2"});
  Synced synced;
  const auto made = synced.at(client.url());
  const auto services = notation::desired({"web.1 web 80"}, notation::modern()).services;
  ASSERT_EQ(made->apply(registration_of({make_canary({client.url()}, kOwner), services.at(0)}), {}).done.size(), 2u);
  const std::string path = "/v1/catalog/node-services/" + client.node();
  const auto known = [&](std::size_t number) {
    const auto answer = server.get(path);
    return answer.is_object() && answer["Services"].is_array() && answer["Services"].size() == number;
  };
  ASSERT_TRUE(support::eventually(support::kPatience, [&] { return known(2); }));

  std::jthread leave([&] { client.stop(); });
  ASSERT_TRUE(support::eventually(support::kPatience, [&] { return !known(2); }));
  for (int look = 0; look < 2; ++look) {
    synced.suspect(client.url(), client.node());
    const auto actual = made->read({});
    ASSERT_TRUE(actual) << "it has ended already: " << actual.error().message;
    ASSERT_EQ(actual->services.size(), 2u);
    for (const ActualService& each : actual->services) EXPECT_EQ(each.unsynced, "") << each.id;
  }
  const Applied applied = made->apply(registration_of(services), {});
  EXPECT_TRUE(applied.done.empty());
  ASSERT_EQ(applied.failures.size(), 1u);
  EXPECT_EQ(applied.failures[0].error.fault, Fault::Retry);
  EXPECT_NE(applied.failures[0].error.message.find("leaves its cluster"), std::string::npos)
      << applied.failures[0].error.message;
}

}  // namespace
}  // namespace muster::consul
