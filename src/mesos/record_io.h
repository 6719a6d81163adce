// RecordIO, the framing of Mesos' event streams: a decimal length, a newline, and that many bytes, again and again.
// Pure: bytes in, records out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "muster/result.h"

namespace muster::mesos {

struct RecordLimits {
  std::size_t kept = std::size_t{1} << 20;     // a longer record is passed over, and only its end is kept
  std::size_t longest = std::size_t{1} << 30;  // a longer one ends the stream
  std::size_t tail = 256;                      // bytes kept of a record that is passed over
};

struct Record {
  std::string bytes;  // all of it, or its end
  bool whole = true;  // false: it was over RecordLimits::kept
};

// Takes the stream in pieces of any size. Memory: one kept record and what was fed last, whatever the peer sends.
// Thread: one.
class RecordDecoder {
 public:
  explicit RecordDecoder(RecordLimits limits = {}) : limits_(limits) {}

  // Adds to `out` the records that `bytes` completes. Error (Fault::Retry): the framing is lost, what follows cannot be
  // told apart; the stream must be opened anew. Empty lines before a length are skipped.
  Result<void> feed(std::string_view bytes, std::deque<Record>& out);
  // Whether the stream may end here: no record is half read.
  bool between_records() const { return !in_record_ && digits_ == 0; }

 private:
  Result<void> take_length(char c);
  void take_bytes(std::string_view bytes);

  RecordLimits limits_;
  bool in_record_ = false;
  int digits_ = 0;
  std::uint64_t length_ = 0;  // while its digits come; then what is missing of the record
  Record record_;
};

}  // namespace muster::mesos
