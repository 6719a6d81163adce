// A JSON list of any length, cut into its elements without reading them: only quotes and brackets are looked at.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "nomad/decode.h"

namespace muster::nomad {

// Called once an element, in order. `oversized`: it is over the limit, and `bytes` is only as much.
using OnElement = std::function<void(std::string bytes, bool oversized)>;

// Reads to the end of the document; `null` is an empty list. Error: the pull's own, or Fault::Keep when the document is
// no list, is cut short, goes on behind its end or is over a limit. Memory: one element and 64 KiB.
Result<void> read_elements(const Pull& pull, const DecodeLimits& limits, const OnElement& on_element);

// The whole of `text` as a Pull. It must outlive the pull.
Pull pull_of(std::string_view text);

}  // namespace muster::nomad
