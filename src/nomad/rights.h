// What our token lets us see: a list that is filtered by ACLs is 200 and silently shorter.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "nomad/client.h"

namespace muster::nomad {

enum class Sight : std::uint8_t {
  All,      // ACLs are off, a management token, or policies that grant read-job in every namespace
  Partial,  // less than that, or nobody can say: what a list lacks may be there
};

// Whether the rules of all policies together (HCL, as Nomad gives them back) grant read-job in each namespace: a block
// `namespace "*"` grants it, and no block takes it away. Anything unusual is false. Pure.
bool grants_all(std::string_view rules);
// The same for one namespace of this name.
bool grants(std::string_view rules, std::string_view ns);

// Asks for the token (`/v1/acl/token/self`) or, with a workload identity, for its policies (`/v1/acl/policy/self`),
// then for each policy. Errors: no answer.
Result<Sight> read_sight(Client& client, const std::string& ns, std::stop_token stop);

}  // namespace muster::nomad
