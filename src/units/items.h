// Small readers of values in [X-Consul]. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::units {

std::optional<unsigned> number(std::string_view text, unsigned least, unsigned most);  // digits alone
std::optional<bool> boolean(const std::string& text);  // as systemd: yes, on, 1, true, ...
// A DNS label of what is left, in the case it was written in; may be empty.
std::string dns_name(std::string_view text);
// Items between blanks and commas; quotes hold both, a backslash makes the next of them plain.
std::vector<std::string> split_list(std::string_view text);
bool meta_key(std::string_view key);  // Consul takes it, and it is none of muster's own marks
// Of a line that may hold `header=NAME:VALUE`: without the value, and what follows it.
std::string public_part(const std::string& line);
// The port of "8080", "127.0.0.1:8080" and "[::]:80"; 0 for a path and for anything else.
std::uint16_t port_of(std::string_view listen);

}  // namespace muster::units
