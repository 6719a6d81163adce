// Answers and events of Nomad's API, bytes in, values out. Pure but for the pool; unknown fields are ignored.
//
// Errors are Fault::Keep: the document is no JSON, cut short, over a limit or of another shape as a whole. An item that
// cannot be read is a rejection and costs only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "muster/result.h"
#include "muster/rules.h"
#include "nomad/allocation.h"

namespace muster::nomad {

struct DecodeLimits {
  std::size_t document = std::size_t{1} << 30;  // bytes of a list
  std::size_t item = std::size_t{32} << 20;     // bytes of one element, with its job
  std::size_t rejections = 10000;               // kept; the rest is skipped all the same
};

// Fills the buffer with at least one byte; 0 at the end of the document.
using Pull = std::function<Result<std::size_t>(char* into, std::size_t size)>;

struct Allocations {
  std::vector<Allocation> items;
  std::vector<std::string> unreadable;  // ids of elements that are there and could not be read: no absence is proven
  std::vector<Rejection> rejections;
  bool whole = true;  // false: an element without a readable id was left out, so that no absence here proves anything
};

struct Nodes {
  std::vector<Node> items;
  std::vector<Rejection> rejections;
  bool whole = true;
};

struct NativeServices {
  std::vector<NativeService> items;
  std::vector<Rejection> rejections;
  bool whole = true;
};

// GET /v1/allocation/:id. `pool` may be shared between all calls of one thread.
Result<Allocation> decode_allocation(std::string_view json, JobPool& pool);
// GET /v1/node/:id/allocations (full) and GET /v1/allocations (stubs, which have no job). Memory: the values kept and
// one element, whatever the size of the document.
Result<Allocations> decode_allocations(const Pull& pull, JobPool& pool, const DecodeLimits& limits = {});
Result<Allocations> decode_allocations(std::string_view json, JobPool& pool, const DecodeLimits& limits = {});

// GET /v1/node/:id.
Result<Node> decode_node(std::string_view json);
// GET /v1/nodes: stubs without attributes.
Result<Nodes> decode_nodes(std::string_view json);

// GET /v1/service/:name and GET /v1/allocation/:id/services. `null` and `[]` are an empty list.
Result<NativeServices> decode_services(std::string_view json);
struct ServiceName {
  std::string ns;
  std::string name;
  friend bool operator==(const ServiceName&, const ServiceName&) = default;
};
// GET /v1/services.
Result<std::vector<ServiceName>> decode_service_names(std::string_view json);

// One line of GET /v1/event/stream. An empty object is the heartbeat: index 0, no events.
struct Event {
  std::string topic;  // "Allocation", "Service", "Node", ...
  std::string type;   // the raft message: says nothing sure of what changed
  std::string key;
  std::string ns;
  std::uint64_t index = 0;
  // Nothing where the topic is another or the payload could not be read: look the key up.
  std::variant<std::monostate, Allocation, NativeService, Node> payload;
};
struct EventBatch {
  std::uint64_t index = 0;
  std::vector<Event> events;
  std::vector<Rejection> rejections;
};
Result<EventBatch> decode_events(std::string_view line, JobPool& pool);

}  // namespace muster::nomad
