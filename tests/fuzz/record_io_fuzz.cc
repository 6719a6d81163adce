// clang's libFuzzer: muster-record-io-fuzz tests/fuzz/corpus/record_io
#include <cstddef>
#include <cstdint>

#include "fuzz/record_io_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::fuzz::check_record_io({reinterpret_cast<const char*>(data), size});
  return 0;
}
