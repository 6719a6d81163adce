#include "cli/lint.h"

#include "units/lint.h"

namespace muster::cli {

void lint(Parsed& parsed) {
  parsed.next = Parsed::Next::Exit;
  if (parsed.operands.empty()) {
    parsed.code = 2;
    parsed.err = "muster: lint: give at least one unit file, as in muster lint /etc/systemd/system/web.service\n";
    return;
  }
  auto machine = units::read_machine("", false);
  if (!machine) machine = units::Machine{"MACHINE-ID"};  // a build machine may have none
  for (const std::string& path : parsed.operands) {
    const units::Lint result = units::lint(path, *machine);
    parsed.out += result.text;
    if (!result.sound) parsed.code = 1;
  }
}

}  // namespace muster::cli
