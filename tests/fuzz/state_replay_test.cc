// The fuzz corpus through the normal build, each input also cut and bent a little.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/state_property.h"

namespace muster::fuzz {
namespace {

TEST(StateFuzz, HoldsForTheCorpusAndItsNeighbours) {
  std::minstd_rand random(1);
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(MUSTER_SOURCE_DIR "/tests/fuzz/corpus/state")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    check_state(text);
    for (int i = 0; i < 200 && !text.empty(); ++i) {
      std::string bent = text;
      bent[random() % bent.size()] = "{}[]\",:\\0x\n"[random() % 11];
      if (i % 4 == 0) bent.resize(random() % bent.size());
      check_state(bent);
    }
    ++seen;
  }
  EXPECT_GE(seen, 8U);
}

}  // namespace
}  // namespace muster::fuzz
