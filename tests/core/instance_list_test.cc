#include <gtest/gtest.h>

#include <random>

#include "core/notation.h"
#include "muster/slice.h"

namespace muster {
namespace {

using notation::instance;
using notation::slice;

Instance everything() {
  Instance out = instance(
      "web.1 web a:80/udp+x+y,31000 [r1,r2] (fw) @netinfo:172.17.0.2 @host:10.0.0.21 !service !draining !failing {a=1; "
      "b=}");
  out.key = "machine/unit";
  out.meta = {{"k", "v"}, {"", ""}};
  Check check;
  check.id = "1", check.name = "2", check.http = "3", check.tcp = "4", check.grpc = "5", check.ttl = "6";
  check.interval = "7", check.timeout = "8", check.status = "9", check.args = {"a", "", "b"};
  out.checks = {check, Check{}};
  out.labels.push_back({std::string("\0\xff", 2), std::string(100'000, 'x')});
  out.ports.push_back({65535, PortOrigin::Discovery, "", "", {}});
  return out;
}

TEST(InstanceList, GivesBackEveryField) {
  InstanceList list;
  list.add(everything());
  list.add(Instance{});
  list.seal();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.at(0), Instance{});
  EXPECT_EQ(list.at(1), everything());
  EXPECT_EQ(list.id(1), "web.1");
}

TEST(InstanceList, DoesNotMindTheOrderOfAdding) {
  std::vector<Instance> all;
  for (int i = 0; i < 50; ++i)
    all.push_back(instance("id" + std::to_string(i % 40) + " web " + std::to_string(1000 + i)));
  const SlicePtr first = slice(all);
  std::minstd_rand random(7);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(all.begin(), all.end(), random);
    EXPECT_EQ(*slice(all), *first);
  }
}

TEST(InstanceList, IsSortedAndFindsExactlyWhatItHolds) {
  std::vector<Instance> all;
  for (int i = 0; i < 100; i += 2) all.push_back(instance("id" + std::to_string(i) + " web"));
  const SlicePtr list = slice(all);
  for (std::size_t i = 1; i < list->instances.size(); ++i) EXPECT_LT(list->instances.id(i - 1), list->instances.id(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(list->instances.contains("id" + std::to_string(i)), i % 2 == 0) << i;
  EXPECT_FALSE(list->instances.contains(""));
  EXPECT_FALSE(list->instances.contains("z"));
  EXPECT_FALSE(InstanceList{}.contains(""));
}

TEST(InstanceList, DiffersWhenAnyFieldDiffers) {
  const std::vector<void (*)(Instance&)> changes = {
      [](Instance& i) { i.id += "x"; },
      [](Instance& i) { i.key.clear(); },
      [](Instance& i) { i.kind = Kind::Host; },
      [](Instance& i) { i.name += "x"; },
      [](Instance& i) { i.group += "x"; },
      [](Instance& i) { i.labels[0].value += "x"; },
      [](Instance& i) { std::swap(i.tags[0], i.tags[1]); },
      [](Instance& i) { i.addresses[0].kind = AddressKind::Docker; },
      [](Instance& i) { i.ports[0].protocol = "tcp"; },
      [](Instance& i) { i.ports[0].origin = PortOrigin::Resource; },
      [](Instance& i) { i.meta.pop_back(); },
      [](Instance& i) { i.checks[0].status = "0"; },
      [](Instance& i) { i.checks[0].args[1] = "0"; },
      [](Instance& i) { i.health = Health::Passing; },
      [](Instance& i) { i.draining = false; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Instance other = everything();
    changes[i](other);
    EXPECT_NE(*slice(std::vector<Instance>{other}), *slice(std::vector<Instance>{everything()})) << i;
  }
}

TEST(InstanceList, IsCompact) {
  std::vector<Instance> all;
  for (int i = 0; i < 1000; ++i)
    all.push_back(instance("service.name." + std::to_string(i) + " service.name 31000 {tags=a,b}"));
  EXPECT_LT(slice(all)->instances.bytes() / 1000, 100u);
}

// What a proxy's labels cost: the same keys in each task, and the same value many times in one.
TEST(InstanceList, HoldsATextOnceHoweverOftenItIsSaid) {
  std::vector<Instance> all;
  for (int i = 0; i < 10; ++i) {
    Instance one = instance("service.name." + std::to_string(i) + " service.name 31000");
    for (int k = 0; k < 10; ++k)
      one.labels.push_back({"HAPROXY_KEY_OF_LABEL_" + std::to_string(k), "shop.example.com"});
    all.push_back(one);
  }
  const SlicePtr list = slice(all);
  EXPECT_LT(list->instances.bytes() / 10, 120u);
  for (const Instance& each : all) {
    std::size_t at = 0;
    while (at < list->instances.size() && list->instances.id(at) != each.id) ++at;
    ASSERT_LT(at, list->instances.size()) << each.id;
    EXPECT_EQ(list->instances.at(at), each);
  }
}

TEST(InstanceList, ThatLeansOnAnotherHoldsWhatWasAddedAndNothingElse) {
  const std::vector<Instance> all{everything(), instance("web.a service.name 31000"), instance("web.b service.name")};
  const auto held = std::make_shared<InstanceList>();
  for (const Instance& each : all) held->add(each);
  held->seal();
  const auto leaning = [&](const std::vector<Instance>& added) {
    InstanceList list;
    list.lean_on(held);
    for (const Instance& each : added) list.add(each);
    EXPECT_EQ(list.size(), added.size());
    list.seal();
    return list;
  };
  EXPECT_EQ(leaning({all[2], all[0], all[1]}), *held);
  std::vector<Instance> changed = all;
  changed[0].labels[0].value += "x";
  for (const auto& added : {changed, {all[0], all[2]}, {all[1], all[1]}, {all[0], all[0], all[1], all[2]}, {}}) {
    EXPECT_EQ(leaning(added), slice(added)->instances);
    EXPECT_NE(leaning(added), *held);
  }
}

TEST(InstanceList, MayBeAddedToAfterItWasSealed) {
  InstanceList list;
  InstanceList other;
  for (const char* id : {"web.b", "web.d", "web.a", "web.c"}) {
    list.add(instance(std::string(id) + " service.name 31000"));
    list.seal();
  }
  for (const char* id : {"web.a", "web.b", "web.c", "web.d"})
    other.add(instance(std::string(id) + " service.name 31000"));
  other.seal();
  EXPECT_EQ(list, other);
  EXPECT_EQ(list.id(3), "web.d");
}

}  // namespace
}  // namespace muster
