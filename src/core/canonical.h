// The form of a service that compares equal to what an agent reports back, and the hash of all that it does not report.
#pragma once

#include <string>
#include <string_view>

#include "muster/service.h"

namespace muster {

// 32 hexadecimal digits over the whole definition but kMetaHash, kMetaEpoch, initial check status and maintenance (they
// are state).
std::string definition_hash(const Service& service);

// "<head>:<service id>". An agent has one space of check ids, and a second service that brings an id takes the check
// from the first. No head holds a colon, so two services never give one id. "service" is what Consul itself would give.
std::string check_id(std::string_view head, std::string_view service_id);
// "http", "tcp", "grpc", "ttl" or "script".
std::string_view kind_of(const Check& check);
// Could we, or mesos-consul, have given this id to a check of this service? Others hang their checks on ours too.
bool our_check_id(std::string_view id, std::string_view service_id);

}  // namespace muster
