// Recordings of a real Mesos 1.12 cluster, from tests/data/mesos.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace muster::mesos {

inline std::string recorded(const std::string& name) {
  std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/tests/data/mesos/" + name, std::ios::binary);
  if (!in) {
    std::cerr << "no recording " << name << "\n";
    std::abort();
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace muster::mesos
