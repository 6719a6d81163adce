#include "consul/synced.h"

#include <gtest/gtest.h>

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

TEST(Suspects, AreTakenOnceAndByTheirLatestNode) {
  Suspects suspects;
  EXPECT_EQ(suspects.take({"a"}), "");
  suspects.raise({"a"}, "n1");
  suspects.raise({"a"}, "n2");
  EXPECT_EQ(suspects.take({"a"}), "n2");
  EXPECT_EQ(suspects.take({"a"}), "");
}

}  // namespace
}  // namespace muster::consul
