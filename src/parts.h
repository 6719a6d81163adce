// From settings to the parts of a daemon.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "consul/settings.h"
#include "run/daemon.h"

namespace muster {

// What lives as long as the program and is shared by the parts. Filled once, before any thread exists.
struct Program {
  std::vector<std::string> arguments;
  std::unique_ptr<cli::Settings> settings;
  std::shared_ptr<consul::Credentials> credentials;
};

// Checks everything that can be wrong at start: credentials files, flags that exclude each other. Fault::Leave.
Result<Program> make_program(std::vector<std::string> arguments);

// The parts for one run, which writes nothing when it is dry; `program` must outlive them. Opens no connection.
// Fault::Leave.
Result<run::Parts> make_parts(const Program& program, bool dry);

}  // namespace muster
