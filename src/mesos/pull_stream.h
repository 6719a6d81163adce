// The JSON reader's input: a document pulled 64 KiB at a time, with values that no one reads taken off at the byte
// level.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "mesos/state.h"
#include "muster/result.h"

namespace muster::mesos {

// Models rapidjson's Stream. Thread: one. A failed pull and a broken limit look like the end of the input to the
// reader; `problem` says which it was.
class PullStream {
 public:
  using Ch = char;

  PullStream(const Pull& pull, const StateLimits& limits) : pull_(pull), limits_(limits) { refill(); }

  Ch Peek() const { return at_ < end_ ? buffer_[at_] : '\0'; }
  Ch Take() {
    if (at_ >= end_) return '\0';
    const Ch taken = buffer_[at_++];
    if (at_ == end_) refill();
    return taken;
  }
  std::size_t Tell() const { return before_ + at_ - kHeadroom; }

  // The reader never writes to its input.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  void Flush() {}
  std::size_t PutEnd(Ch*) { return 0; }

  void token_done() { token_ = Tell(); }
  const std::optional<Error>& problem() const { return problem_; }
  // False: a zero byte stands in the document where the reader took it for its end.
  bool at_end() const { return at_ >= end_; }

  // Just after a key: takes a string, object or array of any size off the input and leaves a `0` in its place, three
  // times as fast as the reader could. Only quotes and the balance of brackets are looked at.
  void skip_value() {
    skip_blanks();
    if (Peek() != ':') return;  // the reader will complain
    Take();
    skip_blanks();
    const Ch first = Peek();
    if (first == '"') {
      Take();
      skip_string();
    } else if (first == '{' || first == '[') {
      skip_brackets();
    } else {
      unread(':');
      return;
    }
    if (at_end()) return;
    unread('0');
    unread(':');
    token_done();
  }

 private:
  static constexpr std::size_t kHeadroom = 8;  // room for unread at the front of the buffer

  // What was taken may be written over.
  void unread(Ch c) { buffer_[--at_] = c; }
  void skip_blanks() {
    while (Peek() == ' ' || Peek() == '\n' || Peek() == '\r' || Peek() == '\t') Take();
  }
  void skip_string() {
    while (!at_end()) {
      token_done();
      const char* const end = buffer_.data() + end_;
      const char* at = buffer_.data() + at_;
      while (at != end && *at != '"' && *at != '\\') ++at;
      at_ = static_cast<std::size_t>(at - buffer_.data());
      if (at == end) {
        refill();
        continue;
      }
      if (Take() == '"') return;
      Take();  // whatever a backslash stands before
    }
  }
  void skip_brackets() {
    for (std::size_t depth = 0; !at_end();) {
      const char* const end = buffer_.data() + end_;
      const char* at = buffer_.data() + at_;
      while (at != end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}') ++at;  // also [ and ]
      at_ = static_cast<std::size_t>(at - buffer_.data());
      token_done();
      if (at == end) {
        refill();
        continue;
      }
      const Ch found = Take();
      if (found == '"') {
        skip_string();
      } else if (found == '{' || found == '[') {
        ++depth;
      } else if (--depth == 0) {
        return;
      }
    }
  }

  void refill() {
    before_ += end_ - kHeadroom;
    at_ = end_ = kHeadroom;
    if (problem_ || ended_) return;
    if (before_ > limits_.document) return stop("is larger than " + std::to_string(limits_.document) + " bytes");
    if (before_ > token_ + limits_.token) {
      return stop("holds a value of more than " + std::to_string(limits_.token) + " bytes");
    }
    Result<std::size_t> got = pull_(buffer_.data() + kHeadroom, buffer_.size() - kHeadroom);
    if (!got) {
      problem_ = std::move(got.error());
    } else {
      end_ += *got;
      ended_ = *got == 0;
    }
  }
  void stop(const std::string& what) { problem_ = Error{Fault::Keep, "state of the master " + what}; }

  const Pull& pull_;
  const StateLimits& limits_;
  std::size_t at_ = kHeadroom;
  std::size_t end_ = kHeadroom;
  std::size_t before_ = 0;  // bytes of the document ahead of the buffer
  std::size_t token_ = 0;   // where the last token ended
  bool ended_ = false;
  std::optional<Error> problem_;
  std::array<char, kHeadroom + (64u << 10)> buffer_;
};

}  // namespace muster::mesos
