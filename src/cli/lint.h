// `muster lint UNIT-FILE...`: asks neither Consul nor a bus, and needs no source.
#pragma once

#include "cli/parse.h"

namespace muster::cli {

// Fills in what is to be printed and the exit code: 0 when there is no mistake, 1 when there is, 2 without a file.
void lint(Parsed& parsed);

}  // namespace muster::cli
