// Small questions about text that several rules ask. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

// Bytes of the well-formed character at the front; 0 when there is none (RFC 3629: no overlong form, no surrogate).
std::size_t utf8_length(std::string_view text);
bool valid_utf8(std::string_view text);
// Valid UTF-8 without control characters: Consul gives it back as it was sent.
bool printable(std::string_view text);
// A DNS label in Consul's sense: [a-z0-9-], 1 to 63, neither end a dash.
bool dns_label(std::string_view text);
// An IPv4 or IPv6 literal, without brackets, and not the unspecified one: Consul refuses 0.0.0.0 and :: (400).
bool usable_ip(std::string_view text);
// A name that a resolver could look up: labels of letters, digits, '-' and '_' (1 to 63, neither end a dash), 253 bytes
// in all, with a dot at the end or without. Not one that ends in a number: that is an address written wrongly.
bool host_name(std::string_view text);
// Keeps empty parts; "" gives one empty part, as Go's strings.Split does.
std::vector<std::string> split(std::string_view text, char separator);
std::string lower(std::string_view text);  // ASCII only
// Whether arrays and objects stand in each other more than `limit` deep in this JSON, or in what stands in its place.
// To be asked before text of a peer goes to a parser whose values are copied and written by recursion.
bool nested_deeper(std::string_view json, std::size_t limit);

}  // namespace muster
