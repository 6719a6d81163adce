// clang's libFuzzer: muster-state-fuzz tests/fuzz/corpus/state
#include <cstddef>
#include <cstdint>

#include "fuzz/state_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::fuzz::check_state({reinterpret_cast<const char*>(data), size});
  return 0;
}
