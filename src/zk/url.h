// zk://[user:password@]host[:port][,host[:port]...][/path]: where a Mesos cluster keeps its masters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"

namespace muster::zk {

struct Url {
  std::string credentials;           // "user:password" for the digest scheme; empty: none
  std::vector<std::string> servers;  // "host:port", in the given order, never empty
  std::string path = "/";            // no trailing slash but in "/"

  std::string hosts() const;     // "h1:2181,h2:2181", as the C client takes it
  std::string redacted() const;  // the URL without its credentials, for messages
  friend bool operator==(const Url&, const Url&) = default;
};

// The grammar of Mesos' own parser (zookeeper::URL::parse): surrounding blanks are dropped; the path is everything from
// the first '/' after the scheme; the credentials are everything before the last '@' of the rest, so a password may
// hold
// '@' and ':' but not '/'; nothing is percent-decoded. As mesos-consul did, a server without a port gets 2181.
// Error (Fault::Leave) says what would be right and never holds the password.
Result<Url> parse_url(std::string_view text);

}  // namespace muster::zk
