// From what runs to what it is called: allow and deny lists, naming, tags, checks. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "muster/instance.h"
#include "muster/result.h"
#include "muster/service.h"
#include "muster/slice.h"

namespace muster {

// As the operator gave them; each field is the flag of the same name. Patterns are RE2, unanchored.
struct RuleSettings {
  std::string owner;                      // --owner
  std::string service_id_prefix;          // --service-id-prefix; empty: "muster", or "mesos-consul" with compat
  bool compat = false;                    // --compat=mesos-consul
  std::vector<std::string> whitelist;     // on the cleaned, lower-cased final name
  std::vector<std::string> blacklist;     // wins over whitelist
  std::vector<std::string> fw_whitelist;  // on the raw group (framework) name
  std::vector<std::string> fw_blacklist;
  std::vector<std::string> shared_service_name;  // first pattern with a group that matches the raw name: group 1
  std::vector<std::string> task_tag;             // "substring:tag[,tag...]"
  std::string group_separator;                   // replaces '_' in names
  std::string service_port_label;                // label with 0-based indexes of resource ports
  std::vector<AddressKind> ip_order{AddressKind::NetInfo, AddressKind::Mesos, AddressKind::Host};
  std::string service_name = "mesos";     // of hosts
  std::vector<std::string> service_tags;  // of hosts: each role becomes "role.tag"
  bool enable_script_checks = false;
  // Not of mesos-consul; with compat only opt_in, visibility and meta_label_prefix count, and only where they are
  // given.
  std::vector<std::string> networks;           // --mesos-network: their addresses before all others, in this order
  bool opt_in = false;                         // only tasks with a `consul` label that is neither empty nor "false"
  std::vector<std::string> visibility;         // --mesos-visibility: of discovery, "none" for tasks without; empty: all
  std::vector<std::string> meta_label_prefix;  // labels that begin so become Meta
  bool health_checks = true;                   // --mesos-health-checks: the scheduler's checks become Consul's
  bool canary = false;                         // make_desired adds the canary to every agent that serves a host
  std::chrono::milliseconds ttl_floor{};       // of checks that muster reports; shorter ones are raised to it
  friend bool operator==(const RuleSettings&, const RuleSettings&) = default;
};

// Why one item was left out or clipped. Bounded: these are label values of a metric.
enum class Reason : std::uint8_t {
  NoName,  // nothing is left of the name after cleaning
  NoId,
  PortOutOfRange,
  PortWithoutNumber,
  BadTag,       // control characters, or longer than 255 bytes: dropped
  TooManyTags,  // more than 128: the rest dropped
  MetaLimit,    // over Consul's limits: dropped
  BadCheck,     // label that cannot make a check, or a duration that does not parse: default or dropped
  ScriptCheck,  // check_script without --enable-script-checks
  NameNotDns,   // registered, but DNS will not answer for it
  IdCollision,  // two services of one id, or of two that differ in case alone: the first wins
  BadLabel,     // not valid UTF-8, or over 64 KiB: ignored
  BadEvent,     // of a scheduler's stream: of no type that we know (ignored), or unreadable (all is read anew)
  BadUnit,      // of a unit's file, or what a unit says of itself: left out, or its service is in doubt
  NoAddress,    // reported; registered with the agent's own address
};

std::string_view to_string(Reason reason);

struct Rejection {
  Reason reason = Reason::NoName;
  std::string instance;  // Instance::id
  std::string detail;
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

// Thread: immutable after compile; shared by all workers through shared_ptr<const Rules>.
class Rules {
 public:
  // Fails closed: an invalid or empty pattern or a malformed task-tag is Fault::Leave, naming the flag and the value.
  static Result<std::shared_ptr<const Rules>> compile(RuleSettings settings);
  ~Rules();
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  const RuleSettings& settings() const;
  // For the log at start and after SIGHUP: patterns that can never match.
  const std::vector<std::string>& warnings() const;

  // mesos-consul's cleaning: [^0-9A-Za-z_-] -> '-', '_' -> group-separator, lower case; after shared-service-name.
  std::string clean_name(std::string_view raw) const;
  bool allows_name(std::string_view cleaned) const;
  bool allows_group(std::string_view raw) const;
  // Tags that --task-tag adds for this name, in flag order.
  std::vector<std::string> task_tags(std::string_view cleaned) const;

 private:
  struct Compiled;
  explicit Rules(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace muster
