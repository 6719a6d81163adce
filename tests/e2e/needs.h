// What an end-to-end test cannot do without.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <iostream>
#include <string>

namespace muster::e2e {

// For SetUp(): skips the test, and says why, at the first reason that is not empty.
inline void skip_for(std::initializer_list<std::string> reasons) {
  for (const std::string& why : reasons) {
    if (why.empty()) continue;
    std::cerr << "skipped: " << why << "\n";
    GTEST_SKIP() << why;
  }
}

}  // namespace muster::e2e
