// What must hold for any record given to the decoder of events, and to the ledger behind it; aborts when it does not.
#pragma once

#include <string_view>

namespace muster::fuzz {

void check_events(std::string_view record);

}  // namespace muster::fuzz
