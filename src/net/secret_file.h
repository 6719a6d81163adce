// Secrets that stand in files, which somebody may replace at any time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "muster/result.h"

namespace muster::net {

// The whole content, up to 1 MiB. Error (Fault::Leave): "PATH: cannot be read: REASON".
Result<std::string> read_file(const std::string& path);

enum class Content : std::uint8_t {
  Word,  // visible ASCII without blanks, as a header takes it: tokens
  Line,  // one line, blanks inside it are part of it: passwords
  Text,  // anything but nothing: keys in PEM
};

// Without blanks around it. Error (Fault::Leave) names the path and what it must hold, never what it holds.
Result<std::string> read_secret(const std::string& path, Content content);

// The secret as of now, read again at each use. Thread: one.
class SecretFile {
 public:
  SecretFile() = default;
  SecretFile(std::string path, Content content) : path_(std::move(path)), content_(content) {}

  // What the file holds; where it cannot be read or holds no secret just now, what it held last. Error: it never was
  // readable.
  Result<std::string> read();
  // What was wrong with it at the last read; empty: nothing.
  const std::string& problem() const { return problem_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Content content_ = Content::Word;
  std::string last_;
  std::string problem_;
};

}  // namespace muster::net
