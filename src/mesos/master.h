// A Mesos master as it announces itself in ZooKeeper. Pure: bytes in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"

namespace muster::mesos {

struct Master {
  std::string base;  // "http://10.0.0.11:5050", "http://[::1]:5050": where to ask
  std::string ip;    // literal without brackets; empty when only a name is known
  std::uint16_t port = 0;
  std::string hostname;  // as in its redirects; may mean nothing to our resolver
  friend bool operator==(const Master&, const Master&) = default;
};

struct Masters {
  std::vector<Master> all;       // live masters as far as known, the leader among them; the likeliest leader first
  std::optional<Master> leader;  // nothing: nobody leads, or nobody can say
  friend bool operator==(const Masters&, const Masters&) = default;
};

// "slave(1)@10.0.0.21:5051", "master@[::1]:5050": libprocess' UPID.
struct Pid {
  std::string name;
  std::string ip;  // literal without brackets
  std::uint16_t port = 0;
  friend bool operator==(const Pid&, const Pid&) = default;
};

bool is_ip(std::string_view text);
// Nothing when it is not a pid with an IP literal and a port: names are not guessed at.
std::optional<Pid> parse_pid(std::string_view text);
std::string http_base(std::string_view ip, std::uint16_t port);

// What a child of the ZooKeeper path is. Masters are `json.info_%010d` (Mesos 0.24 and later), `info_%010d` (protobuf)
// and a bare `%010d` (oldest: the content is a pid); one counter serves all. Anything else lives there for others.
enum class Encoding : std::uint8_t { Json, Protobuf, Pid };
struct Znode {
  std::string name;
  std::uint64_t sequence = 0;
  Encoding encoding = Encoding::Json;
};
std::optional<Znode> parse_znode(std::string_view name);

// MasterInfo in the node's own encoding. Error (Fault::Keep) names the node.
Result<Master> decode_master(const Znode& node, std::string_view content);

}  // namespace muster::mesos
