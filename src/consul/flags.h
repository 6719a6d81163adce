// The --consul-... flags.
#pragma once

#include "consul/settings.h"
#include "muster/flag.h"

namespace muster::consul {

// The setters write into `settings`, which must outlive the group, and note the flag's name in settings.given.
FlagGroup consul_flags(ConsulSettings& settings);

// http://HOST[:PORT], https://HOST[:PORT] or unix:///PATH, without a trailing slash. Error (Fault::Leave): what would
// be right; the caller adds the flag and the value.
Result<std::string> parse_agent(std::string url);

}  // namespace muster::consul
