// What muster sends to an agent (Consul API, Agent/Service and Agent/Check; fields as of Consul 1.8.7, which answers
// 400 to any it does not know). Pure.
#pragma once

#include <string>
#include <string_view>

#include "muster/service.h"

namespace muster::consul {

// Body of PUT /v1/agent/service/register, without empty fields. Bytes that are not UTF-8 become U+FFFD.
std::string encode_service(const Service& service);

// Paths with their query.
std::string register_path();
std::string deregister_path(std::string_view service_id);
std::string deregister_check_path(std::string_view check_id);
std::string update_check_path(std::string_view check_id);
std::string encode_report(const Check& check);  // of a check that muster itself reports
std::string maintenance_path(std::string_view service_id, bool enable, std::string_view reason);

}  // namespace muster::consul
