// clang's libFuzzer: muster-nomad-fuzz tests/fuzz/corpus/nomad
#include <cstddef>
#include <cstdint>

#include "fuzz/nomad_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::fuzz::check_nomad({reinterpret_cast<const char*>(data), size});
  return 0;
}
