#include "fuzz/nomad_property.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

#include "nomad/decode.h"
#include "nomad/instances.h"

namespace muster::fuzz {
namespace {

using nomad::Allocation;
using nomad::Allocations;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "nomad decoder: %s\n", what);
  std::abort();
}

nomad::DecodeLimits limits() {
  nomad::DecodeLimits out;
  out.document = 1u << 20;
  out.item = 1u << 16;
  return out;
}

Result<Allocations> decode_in_pieces(std::string_view document, std::size_t piece, nomad::JobPool& pool) {
  return nomad::decode_allocations(
      [&document, piece](char* into, std::size_t size) -> Result<std::size_t> {
        const std::size_t taken = std::min({piece, size, document.size()});
        std::memcpy(into, document.data(), taken);
        document.remove_prefix(taken);
        return taken;
      },
      pool, limits());
}

void check_instances(const Allocation& allocation) {
  const nomad::Made made = nomad::make_instances(allocation, {}, {}, {.ports = true});
  std::set<std::string> ids;
  for (const Instance& each : made.instances) {
    require(each.kind == Kind::Service && !each.id.empty() && !each.id.starts_with("_nomad"), "an id of Nomad's");
    require(each.id.starts_with(nomad::id_prefix(allocation.id)), "an id of another allocation");
    require(ids.insert(each.id).second, "one id twice");
    require(each.ports.size() <= 1, "more than one port");
    for (const Check& check : each.checks) {
      const int kinds = int{!check.http.empty()} + int{!check.tcp.empty()} + int{!check.grpc.empty()};
      require(kinds == 1 && !check.interval.empty(), "a check that Consul would refuse");
    }
  }
  for (const std::string& id : made.doubtful) require(!ids.contains(id), "an id that is made and in doubt");
  require(made.instances.empty() || nomad::phase_of(allocation) != nomad::Phase::Ended, "the dead are registered");
}

void check_rest(std::string_view document, nomad::JobPool& pool) {
  if (const auto node = nomad::decode_node(document)) require(!node->id.empty(), "a node without id");
  if (const auto rows = nomad::decode_services(document)) {
    for (const auto& row : rows->items) require(!row.alloc_id.empty() && !row.name.empty(), "a row of nothing");
  }
  (void)nomad::decode_nodes(document);
  (void)nomad::decode_service_names(document);
  for (std::string_view rest = document; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    (void)nomad::decode_events(rest.substr(0, end), pool);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

void check_nomad(std::string_view document) {
  nomad::JobPool pool;
  if (const Result<Allocation> one = nomad::decode_allocation(document, pool)) check_instances(*one);
  check_rest(document, pool);
  const Result<Allocations> whole = nomad::decode_allocations(document, pool, limits());
  const Result<Allocations> pieces = decode_in_pieces(document, 1, pool);
  require(whole.has_value() == pieces.has_value(), "the pieces change whether it is a list");
  if (!whole) {
    require(whole.error().fault == Fault::Keep && !whole.error().message.empty(), "an error keeps the last state");
    return;
  }
  require(whole->items.size() == pieces->items.size() && whole->unreadable == pieces->unreadable &&
              whole->rejections == pieces->rejections && whole->whole == pieces->whole,
          "the pieces change the list");
  for (std::size_t i = 0; i < whole->items.size(); ++i) {
    require(!whole->items[i].id.empty(), "an allocation without id");
    require(whole->items[i].job == pieces->items[i].job, "equal jobs are not shared");
    check_instances(whole->items[i]);
  }
}

}  // namespace muster::fuzz
