// The fuzz corpus and the recordings through the normal build, each input also cut and bent a little.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/nomad_property.h"

namespace muster::fuzz {
namespace {

TEST(NomadFuzz, HoldsForTheCorpusAndItsNeighbours) {
  std::minstd_rand random(1);
  std::size_t seen = 0;
  for (const char* folder : {"/tests/fuzz/corpus/nomad", "/tests/data/nomad"}) {
    for (const auto& file : std::filesystem::directory_iterator(std::string(MUSTER_SOURCE_DIR) + folder)) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      check_nomad(text);
      for (int i = 0; i < 100 && !text.empty(); ++i) {
        std::string bent = text;
        bent[random() % bent.size()] = "{}[]\",:\\0x\n$"[random() % 12];
        if (i % 4 == 0) bent.resize(random() % bent.size());
        check_nomad(bent);
      }
      ++seen;
    }
  }
  EXPECT_GE(seen, 16U);
}

}  // namespace
}  // namespace muster::fuzz
