// One line of Check=. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "muster/result.h"
#include "muster/service.h"

namespace muster::units {

struct CheckLine {
  enum class What : std::uint8_t { Consul, Unit, None };
  What what = What::Consul;
  Check check;  // Consul; `ttl` alone: Unit. A host that is not known yet stands as kHostMark
};

inline constexpr char kHostMark[] = "{host}";
inline constexpr char kCheckKinds[] = "write http:/PATH, https:/PATH, tcp, grpc, grpcs, ttl:DURATION, unit or none";

// `words`: "http:/health", "10s", "2s", "method=HEAD". Error (Fault::Item): what is wrong, and what would be right.
Result<CheckLine> make_check(const std::vector<std::string>& words, const std::string& address, std::uint16_t port);

// What may be shown of a line, or of a part of one: neither the value of a header nor who logs in with which password
// at a URL.
std::string shown_check(const std::string& line);
// The line as it stands, but for that login.
std::string without_login(const std::string& line);

// Go's "10s", "1m30s", and systemd's bare number of seconds.
Result<std::string> make_duration(const std::string& text);

}  // namespace muster::units
