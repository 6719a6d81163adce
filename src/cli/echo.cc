#include "cli/echo.h"

#include <algorithm>

namespace muster::cli {
namespace {

bool digits(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "host:port" where the port is a number, "host:***" where it may be the password of a URL without its '@'.
std::string without_words_for_ports(const std::string& text) {
  std::string out;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t colon = text.find(':', from);
    if (colon == text.npos) return out + text.substr(from);
    const std::size_t end = std::min(text.find_first_of(":,/]", colon + 1), text.size());
    const std::string port = text.substr(colon + 1, end - colon - 1);
    out += text.substr(from, colon + 1 - from) + (digits(port) ? port : "***");
    from = end;
  }
  return out;
}

}  // namespace

std::string echo(const std::string& value) {
  std::string text = value;
  const auto scheme = text.find("://");
  const auto at = text.rfind('@');
  if (scheme != text.npos && at != text.npos && at > scheme + 3) text.replace(scheme + 3, at - scheme - 3, "***");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  constexpr std::size_t kShown = 200;
  return text.size() > kShown ? text.substr(0, kShown) + "..." : text;
}

std::string echo_secret_url(const std::string& value) {
  const auto scheme = value.find("://");
  const std::size_t authority = scheme == value.npos ? 0 : scheme + 3;
  const auto at = value.rfind('@');
  std::string rest = value.substr(authority);
  if (at != value.npos) rest = at < authority ? "***" : "***" + value.substr(at);
  return echo(value.substr(0, at < authority ? 0 : authority) + without_words_for_ports(rest));
}

}  // namespace muster::cli
