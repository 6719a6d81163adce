// Go-style durations, as Consul, Nomad and mesos-consul write them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "muster/result.h"

namespace muster {

// "500ms", "10s", "1m30s", "1.5h", "0"; units ns, us, ms, s, m, h; no sign. Rounds down to milliseconds.
// Error (Fault::Leave): what would be right; the caller adds the flag and the value.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// As parse_duration takes it, in the largest unit that it is a multiple of: "30m", "1500ms".
std::string show_duration(std::chrono::milliseconds time);

}  // namespace muster
