// Unit names and the parts of them that specifiers stand for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muster::units {

struct UnitName {
  std::string full;          // "web@8081.service"
  std::string prefix;        // "web"
  std::string instance;      // "8081"; empty when there is none
  std::string suffix;        // "service"
  bool is_template = false;  // "web@.service"
  friend bool operator==(const UnitName&, const UnitName&) = default;
};

// Nothing for what systemd would not take as a name (over 255 bytes, odd characters, no known suffix).
std::optional<UnitName> parse_name(std::string_view text);
// The same of a Quadlet file: "web@.container", whose suffix is then "container". Nothing: it is none.
std::optional<UnitName> parse_quadlet_name(std::string_view text);

// unit_name_unescape: '-' becomes '/', "\x2d" becomes '-'. Nothing when an escape is broken.
std::optional<std::string> unescape(std::string_view text);

}  // namespace muster::units
