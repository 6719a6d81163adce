#include "net/secret_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace muster::net {
namespace {

constexpr std::size_t kLargest = 1u << 20;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool fits(std::string_view text, Content content) {
  if (content == Content::Text) return true;
  const char least = content == Content::Word ? '!' : ' ';
  const auto control = [=](char c) { return static_cast<unsigned char>(c) < static_cast<unsigned char>(least); };
  const bool ascii =
      content == Content::Line || std::all_of(text.begin(), text.end(), [](char c) { return c < '\x7f' && c > 0; });
  return ascii && std::none_of(text.begin(), text.end(), control);
}

const char* complaint(Content content) {
  switch (content) {
    case Content::Word:
      return "holds no token; it must be one line with the token";
    case Content::Line:
      return "holds no password; it must be one line with the password";
    case Content::Text:
      break;
  }
  return "is empty";
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  // Not by iterators: reading a folder through them throws.
  std::array<char, 4096> piece{};
  while (file.good() && text.size() <= kLargest) {
    file.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    const std::string reason = std::error_code(errno, std::generic_category()).message();
    return fail(Fault::Leave, path + ": cannot be read: " + reason);
  }
  if (text.size() > kLargest) return fail(Fault::Leave, path + ": cannot be read: larger than 1 MiB");
  return text;
}

Result<std::string> read_secret(const std::string& path, Content content) {
  const auto text = read_file(path);
  if (!text) return text;
  const std::string_view secret = trim(*text);
  if (secret.empty() || !fits(secret, content)) {
    return fail(Fault::Leave, path + ": " + complaint(content));
  }
  return std::string(secret);
}

Result<std::string> SecretFile::read() {
  auto now = read_secret(path_, content_);
  problem_ = now ? "" : now.error().message;
  if (now) last_ = *now;
  if (!now && !last_.empty()) return last_;
  return now;
}

}  // namespace muster::net
