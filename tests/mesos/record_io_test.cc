#include "mesos/record_io.h"

#include <gtest/gtest.h>

#include "mesos/recorded.h"

namespace muster::mesos {
namespace {

std::deque<Record> feed(RecordDecoder& decoder, std::string_view bytes) {
  std::deque<Record> out;
  const Result<void> fine = decoder.feed(bytes, out);
  EXPECT_TRUE(fine) << fine.error().message;
  return out;
}

Error refused(std::string_view bytes, RecordLimits limits = {}) {
  RecordDecoder decoder(limits);
  std::deque<Record> out;
  const Result<void> fine = decoder.feed(bytes, out);
  EXPECT_FALSE(fine) << bytes;
  return fine ? Error{} : fine.error();
}

TEST(RecordIo, SplitsARecordedStreamTheSameHoweverItIsCut) {
  const std::string text = recorded("subscribe.recordio");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, text.size()}) {
    RecordDecoder decoder;
    std::deque<Record> all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      for (Record& each : feed(decoder, std::string_view(text).substr(at, piece))) all.push_back(std::move(each));
    }
    ASSERT_EQ(all.size(), 22U) << piece;
    EXPECT_EQ(all[0].bytes.size(), 2641U);
    EXPECT_EQ(all[1].bytes, R"({"type":"HEARTBEAT"})");
    EXPECT_EQ(all.back().bytes, R"({"type":"HEARTBEAT"})");
    EXPECT_TRUE(decoder.between_records());
  }
}

TEST(RecordIo, SkipsEmptyLinesAndEmptyRecords) {
  RecordDecoder decoder;
  const auto records = feed(decoder, "\n\n2\nab\n\n0\n1\nc");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].bytes, "ab");
  EXPECT_EQ(records[1].bytes, "c");
}

TEST(RecordIo, KnowsWhetherItStandsWithinARecord) {
  RecordDecoder decoder;
  EXPECT_TRUE(decoder.between_records());
  feed(decoder, "1");
  EXPECT_FALSE(decoder.between_records());
  feed(decoder, "0\nabc");
  EXPECT_FALSE(decoder.between_records());
  feed(decoder, "defghij");
  EXPECT_TRUE(decoder.between_records());
}

TEST(RecordIo, PassesOverARecordThatIsTooLargeToKeepAndHoldsItsEnd) {
  RecordDecoder decoder({.kept = 10, .longest = 1000, .tail = 4});
  std::deque<Record> all;
  for (const char c : std::string("20\n0123456789abcdefghij2\nok")) {
    for (Record& each : feed(decoder, {&c, 1})) all.push_back(std::move(each));
  }
  ASSERT_EQ(all.size(), 2U);
  EXPECT_FALSE(all[0].whole);
  EXPECT_EQ(all[0].bytes, "ghij");
  EXPECT_TRUE(all[1].whole);
  EXPECT_EQ(all[1].bytes, "ok");
}

TEST(RecordIo, RefusesALengthThatNobodyCanMean) {
  EXPECT_NE(refused("9000000000\n{}").message.find("more than 1073741824 bytes"), std::string::npos);
  EXPECT_NE(refused(std::string(100, '9')).message.find("more than"), std::string::npos);
  EXPECT_EQ(refused("1001\n", {.kept = 10, .longest = 1000, .tail = 4}).fault, Fault::Retry);
}

TEST(RecordIo, RefusesWhatIsNoLength) {
  for (const std::string_view bytes : {"{\"type\"", "-1\n", "12x\n", " 3\nabc", "3\r\nabc", "0x10\n"}) {
    EXPECT_EQ(refused(bytes).fault, Fault::Retry) << bytes;
  }
  // One that is too short by one: the next length begins with a bracket.
  EXPECT_NE(refused("19\n{\"type\":\"HEARTBEAT\"}20\n").message.find("byte 125"), std::string::npos);
}

}  // namespace
}  // namespace muster::mesos
