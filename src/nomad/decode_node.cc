#include <utility>

#include "nomad/decode_parts.h"
#include "nomad/fields.h"

namespace muster::nomad {
namespace {

// "10.0.0.11:4646", "[fd00::1]:4646" or an address alone.
std::string host_of(std::string_view address) {
  if (address.starts_with('[')) return std::string(address.substr(1, address.find(']') - 1));
  const std::size_t colon = address.find(':');
  if (colon != address.rfind(':')) return std::string(address);  // an IPv6 literal
  return std::string(address.substr(0, colon));
}

}  // namespace

std::optional<Node> make_node(Json json, std::string& why) {
  std::vector<std::string> problems;
  Fields fields(json, "node", problems);
  Node out;
  out.id = fields.text("ID");
  out.name = fields.text("Name");
  out.datacenter = fields.text("Datacenter");
  out.pool = fields.text("NodePool");
  out.node_class = fields.text("NodeClass");
  out.status = fields.text("Status");
  out.version = fields.text("Version");
  const std::string address = fields.text("HTTPAddr");
  out.address = host_of(address.empty() ? fields.text("Address") : address);
  out.drain = fields.boolean("Drain");
  out.eligible = fields.text("SchedulingEligibility") != "ineligible";
  out.modify_index = fields.index("ModifyIndex");
  if (out.id.empty()) fields.note("it has no ID");
  // What is known of a node is used for text alone: one attribute that is wrong costs only itself.
  const bool sound = fields.sound();
  if (!json["Attributes"].nothing()) out.attributes = fields.pairs("Attributes");
  out.meta = fields.pairs("Meta");
  if (sound) return out;
  why = problems.front();
  return std::nullopt;
}

std::optional<NativeService> make_native_service(Json json, std::string& why) {
  std::vector<std::string> problems;
  Fields fields(json, "native service", problems);
  NativeService out;
  out.id = fields.text("ID");
  out.name = fields.text("ServiceName");
  out.ns = fields.text("Namespace");
  out.node_id = fields.text("NodeID");
  out.job_id = fields.text("JobID");
  out.alloc_id = fields.text("AllocID");
  out.datacenter = fields.text("Datacenter");
  out.tags = fields.texts("Tags");
  out.address = fields.text("Address");
  out.port = fields.small("Port");
  out.create_index = fields.index("CreateIndex");
  out.modify_index = fields.index("ModifyIndex");
  if (out.id.empty() || out.name.empty() || out.alloc_id.empty()) {
    fields.note("it has no ID, ServiceName and AllocID");
  }
  if (fields.sound()) return out;
  why = problems.front();
  return std::nullopt;
}

}  // namespace muster::nomad
