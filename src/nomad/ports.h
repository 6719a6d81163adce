// --nomad-ports: labelled ports of groups without any service block, as if the job had one for each. Pure.
//
// Asked for in the job's, the group's or the task's meta (the nearer wins):
//   muster-ports          "true": all labelled ports; "http,metrics": these; "false": none
//   muster-name-<label>   name of the service; else <job>-<group>-<label>, where the job is the parent of a periodic or
//                         dispatched one
//   muster-tags           tags of all of them, separated by commas; muster-tags-<label>: of one, behind these
//   muster-check-<label>  "tcp", "grpc", "http:/path" or "https:/path": a check every 10s, with 2s for the answer
#pragma once

#include <string>
#include <vector>

#include "nomad/allocation.h"

namespace muster::nomad {

struct PortBlocks {
  std::vector<ServiceBlock> blocks;  // provider "nomad", in the order of the ports
  std::vector<std::string> problems;
};

// `allocation.job` is not null. Nothing where the group has services, of whichever provider.
PortBlocks make_port_blocks(const Allocation& allocation);

}  // namespace muster::nomad
