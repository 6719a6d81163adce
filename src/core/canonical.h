// The form of a service that compares equal to what an agent reports back, and the hash of all that it does not report.
#pragma once

#include <string>

#include "muster/service.h"

namespace muster {

// 32 hexadecimal digits over the whole definition but kMetaHash, kMetaEpoch, initial check status and maintenance (they are state).
std::string definition_hash(const Service& service);

}  // namespace muster
