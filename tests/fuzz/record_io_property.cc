#include "fuzz/record_io_property.h"

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "mesos/record_io.h"

namespace muster::fuzz {
namespace {

constexpr mesos::RecordLimits kLimits{.kept = 200, .longest = 5000, .tail = 16};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "RecordIO decoder: %s\n", what);
  std::abort();
}

struct Outcome {
  std::deque<mesos::Record> records;
  bool fine = true;
  bool between = true;
};

Outcome decode(std::string_view bytes, std::size_t piece) {
  mesos::RecordDecoder decoder(kLimits);
  Outcome out;
  for (std::size_t at = 0; out.fine && at < bytes.size(); at += piece) {
    out.fine = decoder.feed(bytes.substr(at, piece), out.records).has_value();
  }
  out.between = decoder.between_records();
  return out;
}

}  // namespace

void check_record_io(std::string_view bytes) {
  const Outcome whole = decode(bytes, bytes.size() + 1);
  const Outcome pieces = decode(bytes, 1);
  require(whole.fine == pieces.fine, "the pieces change whether it is a stream");
  require(whole.records.size() == pieces.records.size(), "the pieces change the number of records");
  require(!whole.fine || whole.between == pieces.between, "the pieces change where it stands");
  std::size_t kept = 0;
  for (std::size_t i = 0; i < whole.records.size(); ++i) {
    const mesos::Record& record = whole.records[i];
    require(record.whole == pieces.records[i].whole && record.bytes == pieces.records[i].bytes,
            "the pieces change a record");
    require(!record.bytes.empty(), "an empty record is told");
    require(record.bytes.size() <= (record.whole ? kLimits.kept : kLimits.tail), "a record is over its limit");
    kept += record.bytes.size();
  }
  require(kept <= bytes.size(), "more came out than went in");
}

}  // namespace muster::fuzz
