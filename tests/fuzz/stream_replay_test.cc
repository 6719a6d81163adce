// The fuzz corpora of the event stream through the normal build, each input also cut and bent a little.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/events_property.h"
#include "fuzz/record_io_property.h"

namespace muster::fuzz {
namespace {

std::size_t replay(const std::string& corpus, void (*check)(std::string_view), const std::string& letters) {
  std::minstd_rand random(1);
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(MUSTER_SOURCE_DIR "/tests/fuzz/corpus/" + corpus)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    check(text);
    for (int i = 0; i < 200 && !text.empty(); ++i) {
      std::string bent = text;
      bent[random() % bent.size()] = letters[random() % letters.size()];
      if (i % 4 == 0) bent.resize(random() % bent.size());
      check(bent);
    }
    ++seen;
  }
  return seen;
}

TEST(RecordIoFuzz, HoldsForTheCorpusAndItsNeighbours) {
  EXPECT_GE(replay("record_io", check_record_io, "0123456789\n{x"), 6U);
}

TEST(EventsFuzz, HoldsForTheCorpusAndItsNeighbours) {
  EXPECT_GE(replay("events", check_events, "{}[]\",:\\0x\n12_"), 12U);
}

}  // namespace
}  // namespace muster::fuzz
