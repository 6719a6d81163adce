// What must hold for any bytes given to the RecordIO decoder; aborts when it does not.
#pragma once

#include <string_view>

namespace muster::fuzz {

void check_record_io(std::string_view bytes);

}  // namespace muster::fuzz
