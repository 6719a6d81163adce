// The fuzz corpus through the normal build, each input also cut and bent a little.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/unit_file_property.h"

namespace muster::fuzz {
namespace {

TEST(UnitFileFuzz, HoldsForTheCorpusAndItsNeighbours) {
  std::minstd_rand random(1);
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(MUSTER_SOURCE_DIR "/tests/fuzz/corpus/unit_file")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    check_unit_file(text);
    for (int i = 0; i < 300 && !text.empty(); ++i) {
      std::string bent = text;
      bent[random() % bent.size()] = "[]=\\\"'%\n#:$ "[random() % 12];
      bent[random() % bent.size()] = static_cast<char>(random() % 256);
      if (i % 4 == 0) bent.resize(random() % bent.size());
      check_unit_file(bent);
    }
    ++seen;
  }
  EXPECT_GE(seen, 6U);
}

}  // namespace
}  // namespace muster::fuzz
