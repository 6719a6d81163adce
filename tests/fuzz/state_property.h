// What must hold for any bytes given to the /state decoder; aborts when it does not. Shared by the fuzz target and the
// replay of its corpus.
#pragma once

#include <string_view>

namespace muster::fuzz {

void check_state(std::string_view document);

}  // namespace muster::fuzz
