#include "units/items.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/text.h"

namespace muster::units {
namespace {

constexpr std::size_t kMostLabel = 63, kMetaKey = 128;

}  // namespace

std::optional<unsigned> number(std::string_view text, unsigned least, unsigned most) {
  unsigned value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

// A DNS label of what is left, in the case it was written in.
std::string dns_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (fine) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    } else if (c == '-' && !out.empty()) {
      out += '-';
    }
  }
  out.resize(std::min(out.size(), kMostLabel));
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

// Items between blanks and commas; quotes hold both, a backslash makes the next of them plain.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  std::string item;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes =
        c == '\\' && i + 1 < text.size() && std::string_view(", \t\"'\\").find(text[i + 1]) != text.npos;
    if (escapes) {
      item += text[++i];
    } else if (quote != 0 ? c == quote : (c == '"' || c == '\'') && item.empty()) {
      quote = quote != 0 ? '\0' : c;
    } else if (quote == 0 && (c == ',' || c == ' ' || c == '\t')) {
      if (!item.empty()) out.push_back(std::exchange(item, {}));
    } else {
      item += c;
    }
  }
  if (!item.empty()) out.push_back(std::move(item));
  return out;
}

bool meta_key(std::string_view key) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !key.empty() && key.size() <= kMetaKey && std::all_of(key.begin(), key.end(), fits) &&
         !key.starts_with("consul-") && !key.starts_with("muster_");
}

std::optional<bool> boolean(const std::string& text) {
  const std::string low = lower(text);
  for (const char* yes : {"1", "yes", "y", "true", "t", "on"}) {
    if (low == yes) return true;
  }
  for (const char* no : {"0", "no", "n", "false", "f", "off"}) {
    if (low == no) return false;
  }
  return std::nullopt;
}

std::string public_part(const std::string& line) {
  const std::size_t header = lower(line).find("header=");
  if (header == line.npos) return line;
  return line.substr(0, std::min(line.find(':', header), header + 7)) + "...";
}

std::uint16_t port_of(std::string_view listen) {
  if (listen.starts_with('/') || listen.starts_with('@') || listen.starts_with("vsock")) return 0;
  const std::size_t colon = listen.rfind(':');
  if (colon != listen.npos) listen.remove_prefix(colon + 1);
  return static_cast<std::uint16_t>(number(listen, 1, 65535).value_or(0));
}

}  // namespace muster::units
