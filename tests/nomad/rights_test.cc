// Which policies let a token see everything. A wrong yes would let a list that ACLs have shortened prove absences.
#include "nomad/rights.h"

#include <gtest/gtest.h>

namespace muster::nomad {
namespace {

TEST(Rights, TheShippedPolicySeesEverything) {
  EXPECT_TRUE(grants_all(R"(
# read only
namespace "*" { capabilities = ["read-job"] }
node { policy = "read" }
)"));
  EXPECT_TRUE(grants_all("namespace \"*\" {\n policy = \"read\"\n}\n"));
  EXPECT_TRUE(grants_all("namespace \"*\" { policy = \"write\" } namespace \"prod\" { policy = \"read\" }"));
}

TEST(Rights, ANamespaceOfItsOwnRulesIsDecidedByThemAlone) {
  EXPECT_FALSE(grants_all("namespace \"*\" { policy = \"read\" } namespace \"prod\" { policy = \"deny\" }"));
  EXPECT_FALSE(
      grants_all("namespace \"*\" { policy = \"read\" } namespace \"prod\" { capabilities = [\"list-jobs\"] }"));
  EXPECT_FALSE(
      grants_all("namespace \"*\" { policy = \"read\" } namespace \"prod\" { variables { path \"*\" { capabilities = "
                 "[\"read\"] } } }"));
}

TEST(Rights, LessThanReadJobEverywhereIsNotEverything) {
  EXPECT_FALSE(grants_all(""));
  EXPECT_FALSE(grants_all("node { policy = \"read\" }"));
  EXPECT_FALSE(grants_all("namespace \"default\" { policy = \"write\" }"));
  EXPECT_FALSE(grants_all("namespace \"*\" { policy = \"scale\" }"));
  EXPECT_FALSE(grants_all("namespace \"prod-*\" { policy = \"read\" }"));
  EXPECT_FALSE(grants_all("# namespace \"*\" { policy = \"read\" }"));
}

TEST(Rights, WhatWeCannotReadIsNotEverything) {
  EXPECT_FALSE(grants_all("namespace \"*\" { policy = <<EOF\nread\nEOF\n}"));
  EXPECT_FALSE(grants_all("namespace \"*"));
  EXPECT_FALSE(grants_all("namespace \"*\" { policy = \"read\" } /* open"));
  EXPECT_FALSE(grants_all("namespace * { policy = \"read\" }"));
}

TEST(Rights, OneNamespaceNeedsNoMoreThanItself) {
  EXPECT_TRUE(grants("namespace \"prod\" { policy = \"read\" }", "prod"));
  EXPECT_TRUE(
      grants("namespace \"*\" { policy = \"read\" } namespace \"dev\" { capabilities = [\"list-jobs\"] }", "prod"));
  EXPECT_FALSE(grants("namespace \"prod\" { policy = \"read\" }", "dev"));
}

}  // namespace
}  // namespace muster::nomad
