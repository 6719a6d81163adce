// fleet's HTTP API v1 as values: what it lists, and how it is decoded. Pure.
// Source of the facts: fleet's Documentation/api-v1.md and schema/v1.json, and answers of a real two-machine cluster
// (tests/data/fleet). An empty list is `{}`: the key is not there.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"
#include "muster/rules.h"

namespace muster::fleet {

struct MachineRow {
  std::string id;  // /etc/machine-id
  std::string ip;  // primaryIP; empty when it is none
  friend bool operator==(const MachineRow&, const MachineRow&) = default;
};

struct Option {
  std::string section;
  std::string name;
  std::string value;
  friend bool operator==(const Option&, const Option&) = default;
};

struct UnitRow {
  std::string name;
  std::string desired;          // desiredState: "inactive", "loaded", "launched"
  std::string machine;          // where the engine put it; empty: nowhere, or a global unit
  std::vector<Option> options;  // in the order of the unit file
  friend bool operator==(const UnitRow&, const UnitRow&) = default;
};

bool is_global(const UnitRow& unit);  // [X-Fleet] Global=true

// One unit on one machine; a global unit has several. It expires 30 s after its fleetd last said it.
struct StateRow {
  std::string unit;
  std::string machine;
  std::string load;
  std::string active;
  std::string sub;
  friend bool operator==(const StateRow&, const StateRow&) = default;
};

template <typename Row>
struct Page {
  std::vector<Row> rows;
  std::string next;  // nextPageToken; empty: the last
  std::vector<Rejection> rejections;
};

// Of one list. A cluster of fleet's has some thousands; a row that cannot be read may be two bytes, and its rejection
// a hundred.
inline constexpr std::size_t kMostRows = 200'000;

// Error (Fault::Keep): not JSON, more than kMostRows, or not an object of the kind asked for; says what came instead. A
// row that cannot be read is a rejection, and the others stay.
Result<Page<MachineRow>> decode_machines(std::string_view body);
Result<Page<UnitRow>> decode_units(std::string_view body);
Result<Page<StateRow>> decode_states(std::string_view body);

}  // namespace muster::fleet
