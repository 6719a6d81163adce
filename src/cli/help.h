// What --help prints, and which flag a mistyped one was meant to be. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/parse.h"
#include "muster/flag.h"

namespace muster::cli {

// At most 100 columns; ends with the examples.
std::string help_text(const Program& program, const std::vector<FlagGroup>& groups);

// "; did you mean --refresh?", or empty when nothing is near. `dashes` goes before the name.
std::string suggestion(const std::string& typed, const std::vector<std::string>& known, const std::string& dashes);

}  // namespace muster::cli
