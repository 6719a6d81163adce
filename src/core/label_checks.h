// Task labels that ask for a Consul check: check_http, check_tcp, check_ttl, check_script and check_interval.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/instance.h"
#include "muster/rules.h"

namespace muster {

// What one endpoint of a task puts into {host} and {port}.
struct Endpoint {
  std::string host;  // literal; IPv6 is put into brackets
  std::string port;  // empty for a portless service
};

inline constexpr char kDefaultInterval[] = "10s";  // of a check that names none, or nonsense

using Reject = std::function<void(Reason, std::string detail)>;

// Keys match case-insensitively and the last of several wins, as in mesos-consul. A check that Consul would refuse for
// want of an interval gets 10s; one that can never work is rejected and the service registered without it.
// Ids: compat gives one check, service:<id>, the kind that Consul would run of several; else <kind>:<id> each.
std::vector<Check> checks_from_labels(const std::vector<Label>& labels, const std::string& service_id,
                                      const Endpoint& endpoint, const RuleSettings& settings, const Reject& reject);

// A Go duration above zero.
bool positive_duration(const std::string& text);

}  // namespace muster
