#include "nomad/address.h"

#include <gtest/gtest.h>

#include <iostream>

namespace muster::nomad {
namespace {

// An allocation with ports `http` (mapped) and `admin` (not) in both forms, `old` as a network of Nomad before 0.12 had
// it, a task with networks of its own, and an address of its own.
Allocation allocation() {
  Allocation out;
  out.ports = {{"http", 24411, 8080, "10.0.0.11"}, {"admin", 24500, 0, "10.0.0.12"}, {"any", 24600, 0, "0.0.0.0"}};
  out.networks = {{"bridge", "10.0.0.11", {{"http", 24411, 8080, ""}, {"old", 24700, 0, ""}}}};
  out.task_networks["t"] = {{"host", "10.0.0.13", {{"db", 5432, 0, ""}}}, {"host", "10.0.0.14", {{"db", 5433, 0, ""}}}};
  out.network_status = NetworkStatus{"eth0", "172.26.64.5", "fd00::5"};
  return out;
}

struct Row {
  const char* name;
  const char* task;
  AddressQuery query;
  const char* expected;  // "host port", or "!" and a part of the message
};

// Parameters are printed by name.
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class NomadAddress : public testing::TestWithParam<Row> {};

TEST_P(NomadAddress, IsWhatNomadsClientMakesOfIt) {
  const Row& row = GetParam();
  const Result<Endpoint> found = resolve_address(allocation(), row.task, row.query);
  const std::string expected = row.expected;
  if (expected.starts_with('!')) {
    ASSERT_FALSE(found) << found->host << " " << found->port;
    EXPECT_EQ(found.error().fault, Fault::Item);
    EXPECT_NE(found.error().message.find(expected.substr(1)), std::string::npos) << found.error().message;
    return;
  }
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->host + " " + std::to_string(found->port), expected);
}

// Query: mode, own address, label.
INSTANTIATE_TEST_SUITE_P(
    Auto, NomadAddress,
    testing::Values(Row{"OwnAddressWithoutPort", "", {"auto", "lb.example", ""}, "lb.example 0"},
                    Row{"OwnAddressWithALabel", "", {"auto", "lb.example", "http"}, "lb.example 24411"},
                    Row{"OwnAddressWithANumber", "", {"auto", "lb.example", "443"}, "lb.example 443"},
                    Row{"OwnAddressWithALabelOfNoPort", "", {"auto", "lb.example", "old"}, "!old is not allotted"},
                    Row{"NoModeIsAuto", "", {"", "lb.example", "http"}, "lb.example 24411"},
                    Row{"WithoutAddressIsHost", "", {"auto", "", "http"}, "10.0.0.11 24411"},
                    Row{"OfATaskToo", "t", {"auto", "", "db"}, "10.0.0.13 5432"}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Host, NomadAddress,
    testing::Values(Row{"WithAnAddressIsWrong", "", {"host", "lb.example", "http"}, "!does not go with"},
                    Row{"NoLabelAndOneNetwork", "", {"host", "", ""}, "10.0.0.11 0"},
                    Row{"NoLabelAndTwoNetworks", "t", {"host", "", ""}, " 0"},
                    Row{"NoLabelAndNoNetwork", "other", {"host", "", ""}, " 0"},
                    Row{"Label", "", {"host", "", "admin"}, "10.0.0.12 24500"},
                    Row{"LabelOfThePortsInATask", "t", {"host", "", "http"}, "10.0.0.11 24411"},
                    Row{"LabelOfANetworkAlone", "", {"host", "", "old"}, "10.0.0.11 24700"},
                    Row{"LabelOfTheFirstNetworkThatHasIt", "t", {"host", "", "db"}, "10.0.0.13 5432"},
                    Row{"LabelOfAnotherTask", "", {"host", "", "db"}, "!db is not allotted"},
                    Row{"NumberIsAtTheAgentsAddress", "", {"host", "", "8080"}, " 8080"},
                    Row{"NumberWithASign", "", {"host", "", "+8080"}, " 8080"},
                    Row{"Zero", "", {"host", "", "0"}, "!not above 0"},
                    Row{"Negative", "", {"host", "", "-1"}, "!not above 0"},
                    Row{"Nonsense", "", {"host", "", "80x"}, "!80x is not allotted"}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Alloc, NomadAddress,
    testing::Values(Row{"WithAnAddressIsWrong", "", {"alloc", "lb.example", "http"}, "!does not go with"},
                    Row{"MappedLabel", "", {"alloc", "", "http"}, "172.26.64.5 8080"},
                    Row{"LabelThatIsNotMapped", "", {"alloc", "", "admin"}, "172.26.64.5 24500"},
                    Row{"Number", "", {"alloc", "", "9000"}, "172.26.64.5 9000"},
                    Row{"NoLabel", "", {"alloc", "", ""}, "172.26.64.5 0"},
                    Row{"LabelOfANetworkAlone", "", {"alloc", "", "old"}, "!old is not allotted"},
                    Row{"OfATask", "t", {"alloc", "", "http"}, "!group alone"},
                    Row{"SixthVersion", "", {"alloc_ipv6", "", "http"}, "fd00::5 8080"}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Others, NomadAddress,
    testing::Values(Row{"Driver", "t", {"driver", "", "http"}, "!only its Nomad client knows"},
                    Row{"DriverWithAnAddress", "t", {"driver", "lb.example", "http"}, "!does not go with"},
                    Row{"NoSuchMode", "", {"magic", "", "http"}, "!magic is none that Nomad has"}),
    [](const auto& each) { return each.param.name; });

TEST(NomadAddress, AnAllocationWithoutANetworkOfItsOwnHasNoAddress) {
  Allocation none = allocation();
  none.network_status.reset();
  EXPECT_FALSE(resolve_address(none, "", {"alloc", "", "http"})) << "not told yet";
  none.network_status = NetworkStatus{};
  EXPECT_FALSE(resolve_address(none, "", {"alloc", "", "http"})) << "in host mode Nomad tells empty addresses";
  EXPECT_FALSE(resolve_address(allocation(), "", {"alloc", "", "nothing"}));
}

TEST(NomadAddress, SixthVersionAddressesStandInBrackets) {
  EXPECT_EQ(join_host_port("10.0.0.1", "80"), "10.0.0.1:80");
  EXPECT_EQ(join_host_port("fd00::1", "80"), "[fd00::1]:80");
  EXPECT_EQ(join_host_port("", "80"), ":80");
}

TEST(NomadAddress, NumbersAreReadAsGoDoes) {
  EXPECT_EQ(go_number("80"), 80);
  EXPECT_EQ(go_number("-80"), -80);
  EXPECT_EQ(go_number("+80"), 80);
  for (const char* none : {"", "+", "+-80", "80 ", "0x50", "99999999999"}) EXPECT_FALSE(go_number(none)) << none;
}

}  // namespace
}  // namespace muster::nomad
