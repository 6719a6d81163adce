// clang's libFuzzer: muster-unit-file-fuzz tests/fuzz/corpus/unit_file
#include <cstddef>
#include <cstdint>

#include "fuzz/unit_file_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::fuzz::check_unit_file({reinterpret_cast<const char*>(data), size});
  return 0;
}
