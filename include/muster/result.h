// Errors as values. Contract: nothing of ours throws; a function that asks something of the world returns Result<T>.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace muster {

// What the caller should do about a failure, which is all that it needs to know of its kind.
enum class Fault : std::uint8_t {
  Retry,  // the peer may answer later: back off and try again
  Item,   // this one task, label, service or unit is refused: skip it, count it, go on with the rest
  Keep,   // no usable knowledge came: the last good state stays in force
  Leave,  // nothing will help but the operator: at start exit 2
};

// Message names the peer, the flag or the file, and what would be right. It never holds a secret.
struct Error {
  Fault fault = Fault::Retry;
  std::string message;
  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Fault fault, std::string message) {
  return tl::unexpected<Error>(Error{fault, std::move(message)});
}

}  // namespace muster
