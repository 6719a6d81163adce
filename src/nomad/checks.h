// A health check of a Nomad service as a Consul agent can run it. Pure.
#pragma once

#include "muster/result.h"
#include "muster/rules.h"
#include "muster/service.h"
#include "nomad/address.h"
#include "nomad/allocation.h"
#include "nomad/interpolate.h"

namespace muster::nomad {

// The service that the check belongs to, its texts replaced already.
struct CheckedService {
  const ServiceBlock& block;
  std::string address;  // the block's own
  std::string label;
  Endpoint endpoint;    // of the service
  bool of_row = false;  // the endpoint is what its Nomad client has registered
};

struct CheckMade {
  Check check;
  Reason reason = Reason::BadCheck;  // where `why` says that there is no check
  std::string why;
};

// http, tcp and grpc; the rest cannot be run by another than Nomad's client. A check that names a variable which nobody
// here knows could only fail, so there is none. Initial status: the block's, else passing where the deployment has
// judged the allocation healthy.
CheckMade make_check(const Allocation& allocation, const CheckedService& service, const CheckBlock& block,
                     Variables& variables);

// Nanoseconds as Go's text: "10s", "1500ms", "7ns".
std::string go_duration(std::int64_t nanoseconds);

}  // namespace muster::nomad
