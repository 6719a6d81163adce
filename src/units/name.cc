#include "units/name.h"

#include <algorithm>

namespace muster::units {
namespace {

constexpr std::size_t kMostBytes = 255;
constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
constexpr std::string_view kSuffixes[] = {"service", "socket", "target", "device", "mount", "automount",
                                          "swap",    "timer",  "path",   "slice",  "scope"};

constexpr std::string_view kQuadlets[] = {"container", "pod", "kube"};

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <std::size_t count>
std::optional<UnitName> parse(std::string_view text, const std::string_view (&suffixes)[count]) {
  if (text.size() > kMostBytes || text.find_first_not_of(kCharacters) != text.npos) return std::nullopt;
  const std::size_t dot = text.rfind('.');
  if (dot == text.npos || dot == 0) return std::nullopt;
  UnitName out{std::string(text), "", "", std::string(text.substr(dot + 1))};
  if (std::find(suffixes, suffixes + count, out.suffix) == suffixes + count) return std::nullopt;
  const std::string_view stem = text.substr(0, dot);
  const std::size_t at = stem.find('@');
  if (at == 0) return std::nullopt;
  out.prefix = stem.substr(0, at);
  if (at != stem.npos) out.instance = stem.substr(at + 1);
  out.is_template = at != stem.npos && out.instance.empty();
  return out;
}

}  // namespace

std::optional<UnitName> parse_name(std::string_view text) { return parse(text, kSuffixes); }
std::optional<UnitName> parse_quadlet_name(std::string_view text) { return parse(text, kQuadlets); }

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '-') {
      out += '/';
    } else if (c == '\\') {
      if (text.size() < 3 || text.front() != 'x' || hex(text[1]) < 0 || hex(text[2]) < 0) return std::nullopt;
      out += static_cast<char>(static_cast<unsigned char>(hex(text[1]) * 16 + hex(text[2])));
      text.remove_prefix(3);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace muster::units
