// What must hold for any bytes given as a unit file; aborts when it does not. Shared by the fuzz target and the replay
// of its corpus.
#pragma once

#include <string_view>

namespace muster::fuzz {

void check_unit_file(std::string_view text);

}  // namespace muster::fuzz
