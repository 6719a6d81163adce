// Answers of a real Nomad 2.0.5 in dev mode (raw_exec tasks), from tests/data/nomad: a job "web" with native services
// of its group and its task, whose tags name all variables, and a job "plain" with ports and no service.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "nomad/decode.h"

namespace muster::nomad {

inline std::string recorded(const std::string& name) {
  std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/tests/data/nomad/" + name, std::ios::binary);
  if (!in) {
    std::cerr << "no recording " << name << "\n";
    std::abort();
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Allocation recorded_allocation(const std::string& name) {
  JobPool pool;
  Result<Allocation> read = decode_allocation(recorded(name), pool);
  if (!read) {
    std::cerr << name << ": " << read.error().message << "\n";
    std::abort();
  }
  return *std::move(read);
}

inline std::vector<NativeService> recorded_rows(const std::string& name) {
  return decode_services(recorded(name)).value().items;
}

inline Node recorded_node() { return decode_node(recorded("node.json")).value(); }

}  // namespace muster::nomad
