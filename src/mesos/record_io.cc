#include "mesos/record_io.h"

#include <algorithm>
#include <utility>

namespace muster::mesos {

Result<void> RecordDecoder::take_length(char c) {
  if (c >= '0' && c <= '9') {
    ++digits_;
    length_ = length_ * 10 + static_cast<std::uint64_t>(c - '0');
    if (length_ > limits_.longest || digits_ > 19) {
      return fail(Fault::Retry, "a record is announced with more than " + std::to_string(limits_.longest) + " bytes");
    }
    return {};
  }
  if (c != '\n') {
    return fail(Fault::Retry, "byte " + std::to_string(static_cast<unsigned char>(c)) +
                                  " stands where the decimal length of a record should");
  }
  in_record_ = length_ > 0;
  digits_ = 0;
  record_ = Record{{}, length_ <= limits_.kept};
  return {};
}

void RecordDecoder::take_bytes(std::string_view bytes) {
  length_ -= bytes.size();
  if (record_.whole) {
    record_.bytes.append(bytes);
    return;
  }
  if (bytes.size() > limits_.tail) bytes.remove_prefix(bytes.size() - limits_.tail);
  const std::size_t held = record_.bytes.size() + bytes.size();
  if (held > limits_.tail) record_.bytes.erase(0, held - limits_.tail);
  record_.bytes.append(bytes);
}

Result<void> RecordDecoder::feed(std::string_view bytes, std::deque<Record>& out) {
  while (!bytes.empty()) {
    if (!in_record_) {
      if (Result<void> fine = take_length(bytes.front()); !fine) return fine;
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), length_));
    take_bytes(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (length_ > 0) continue;
    in_record_ = false;
    out.push_back(std::exchange(record_, {}));
  }
  return {};
}

}  // namespace muster::mesos
