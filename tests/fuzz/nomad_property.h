// What must hold for any bytes given to the decoders of Nomad's answers and to what is made of them; aborts when it
// does not. Shared by the fuzz target and the replay of its corpus.
#pragma once

#include <string_view>

namespace muster::fuzz {

void check_nomad(std::string_view document);

}  // namespace muster::fuzz
