#include "core/text.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

using Parts = std::vector<std::string>;

TEST(Text, KnowsUtf8) {
  for (const std::string good :
       {"", "abc", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(valid_utf8(good)) << good;
  }
  for (const std::string bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(valid_utf8(bad)) << testing::PrintToString(bad);
  }
}

TEST(Text, CallsControlCharactersUnprintableThoseOfTwoBytesToo) {
  for (const std::string good : {"", " ", "a b", "~", "\xc2\xa0", "\xc3\xa9"}) EXPECT_TRUE(printable(good)) << good;
  for (const std::string_view bad :
       {std::string_view("\0", 1), std::string_view("a\nb"), std::string_view("\x1b[31m"), std::string_view("\x7f"),
        std::string_view("\xc2\x9b"), std::string_view("\xc2\x80"), std::string_view("\xff")}) {
    EXPECT_FALSE(printable(bad)) << testing::PrintToString(bad);
  }
}

TEST(Text, KnowsADnsLabelAsConsulDoes) {
  for (const std::string good : {"a", "web-1", "1", "a--b"}) EXPECT_TRUE(dns_label(good)) << good;
  EXPECT_TRUE(dns_label(std::string(63, 'a')));
  EXPECT_FALSE(dns_label(std::string(64, 'a')));
  for (const std::string bad : {"", "-a", "a-", "A", "a_b", "a.b", "\xc3\xa9"}) EXPECT_FALSE(dns_label(bad)) << bad;
}

TEST(Text, TakesAnAddressThatConsulWouldTake) {
  for (const std::string good : {"10.0.0.1", "255.255.255.255", "::1", "fd00::7", "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(usable_ip(good)) << good;
  }
  for (const std::string bad : {"", "0.0.0.0", "::", "0:0:0:0:0:0:0:0", "10.0.0", "10.0.0.256", "[::1]", "fe80::1%eth0",
                                "node1", "10.0.0.1 ", "010.0.0.1x"}) {
    EXPECT_FALSE(usable_ip(bad)) << bad;
  }
  EXPECT_FALSE(usable_ip(std::string_view("10.0.0.1\0evil", 13)));
}

TEST(Text, TellsAHostNameFromAnAddressThatIsWrittenWrongly) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  for (const std::string& good :
       {std::string("lb"), std::string("lb-0.example.com"), std::string("LB.example."), std::string("my_host"),
        std::string("1.2.3.4.in-addr.arpa"), longest, longest + "."}) {
    EXPECT_TRUE(host_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(""), std::string("."), std::string("a..b"), std::string("10.0.0.256"), std::string("10.0.0"),
        std::string("7"), std::string("-a"), std::string("a-.b"), std::string("a b"), std::string("a:80"),
        std::string("${attr.x}"), std::string("http://a"), std::string("f\xc3\xbc"), std::string("[::1]"), label + "a",
        longest + "a"}) {
    EXPECT_FALSE(host_name(bad)) << bad;
  }
}

TEST(Text, SplitsAsGoDoes) {
  EXPECT_EQ(split("", ','), Parts{""});
  EXPECT_EQ(split(",", ','), (Parts{"", ""}));
  EXPECT_EQ(split("a,b,,c", ','), (Parts{"a", "b", "", "c"}));
}

TEST(Text, TellsHowDeepJsonIsNested) {
  EXPECT_FALSE(nested_deeper("", 0));
  EXPECT_FALSE(nested_deeper(R"("[[[\"[[[\\")", 0)) << "text is not structure";
  EXPECT_TRUE(nested_deeper(R"("\\"[)", 0));
  EXPECT_FALSE(nested_deeper(R"({"a":[{}],"b":[[]]})", 3));
  EXPECT_TRUE(nested_deeper(R"({"a":[{}],"b":[[]]})", 2));
  EXPECT_FALSE(nested_deeper("]]]}}[]", 1)) << "what is closed too often says nothing of the rest";
  EXPECT_TRUE(nested_deeper(std::string(100'000, '['), 64)) << "unfinished";
}

TEST(Text, LowersAsciiOnly) { EXPECT_EQ(lower("AbZ\xc3\x89"), "abz\xc3\x89"); }

}  // namespace
}  // namespace muster
