#include "run/footprint.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace muster::run {
namespace {

long status_kb(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key + ":") continue;
    long kb = 0;
    status >> kb;
    return kb;
  }
  return -1;
}

TEST(Footprint, PagesThatOnlyTheStartNeededGoBackAndWhatIsCalledAgainWorks) {
  const long before = status_kb("RssFile");
  give_back_memory();
  const long after = status_kb("RssFile");
  EXPECT_GT(before, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose own pages are always in use
  EXPECT_LT(after, before / 2) << "of " << before << " kB";
#endif
  EXPECT_EQ(std::to_string(after).empty(), false);  // libraries are read in again as they are used
}

}  // namespace
}  // namespace muster::run
