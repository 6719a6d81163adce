#include "consul/synced.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "core/canary.h"
#include "core/notation.h"

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

}  // namespace
}  // namespace muster::consul
