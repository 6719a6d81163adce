#include "fleet/module.h"
#include "mesos/module.h"
#include "muster/module.h"
#include "nomad/module.h"
#include "systemd/module.h"

namespace muster {

std::vector<std::unique_ptr<Module>> make_modules() {
  std::vector<std::unique_ptr<Module>> modules;
  modules.push_back(mesos::make_module());
  modules.push_back(nomad::make_module());
  modules.push_back(systemd::make_module());
  modules.push_back(fleet::make_module());
  return modules;
}

}  // namespace muster
