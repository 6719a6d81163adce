// clang's libFuzzer: muster-events-fuzz tests/fuzz/corpus/events
#include <cstddef>
#include <cstdint>

#include "fuzz/events_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::fuzz::check_events({reinterpret_cast<const char*>(data), size});
  return 0;
}
