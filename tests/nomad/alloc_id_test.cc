// What a ledger holds instead of an allocation's id.
#include "nomad/alloc_id.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::nomad {
namespace {

const std::vector<std::string> kTexts{"",
                                      "5229c7f8-376b-3ccc-edd9-981e238f7033",
                                      "5229c7f8-376b-3ccc-edd9-981e238f7034",
                                      "5229C7F8-376B-3CCC-EDD9-981E238F7033",
                                      "5229c7f8-376b-3ccc-edd9-981e238f703",
                                      "5229c7f8-376b-3ccc-edd9-981e238f70333",
                                      "5229c7f8-376b-3ccc-edd9-981e238f703g",
                                      "5229c7f8-376b-3ccc-edd9a981e238f7033",
                                      "5229c7f8-376b-3ccc-ed-9-981e238f7033",
                                      "a-1",
                                      "00000000-0000-0000-0000-000000000000",
                                      "ffffffff-ffff-ffff-ffff-ffffffffffff"};

TEST(NomadAllocId, GivesBackWhateverTextItWasMadeOf) {
  for (const std::string& text : kTexts) EXPECT_EQ(AllocId(text).text(), text);
}

TEST(NomadAllocId, IsOrderedAsItsText) {
  for (const std::string& a : kTexts) {
    for (const std::string& b : kTexts) {
      EXPECT_EQ(AllocId(a) < AllocId(b), a < b) << a << " and " << b;
      EXPECT_EQ(AllocId(a) == AllocId(b), a == b) << a << " and " << b;
    }
  }
}

TEST(NomadAllocId, OfNomadTakesLittle) { EXPECT_LE(sizeof(AllocId), 24U); }

}  // namespace
}  // namespace muster::nomad
