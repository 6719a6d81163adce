#include "fuzz/state_property.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mesos/ledger.h"
#include "mesos/state.h"

namespace muster::fuzz {
namespace {

using mesos::State;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "state decoder: %s\n", what);
  std::abort();
}

mesos::StateLimits limits() {
  mesos::StateLimits out;
  out.document = 1u << 20;
  out.token = 1u << 16;
  return out;
}

// The same bytes in pieces of another size must give the same answer.
Result<State> decode_in_pieces(std::string_view document, std::size_t piece) {
  return mesos::decode_state(
      [&document, piece](char* into, std::size_t size) -> Result<std::size_t> {
        const std::size_t taken = std::min({piece, size, document.size()});
        std::memcpy(into, document.data(), taken);
        document.remove_prefix(taken);
        return taken;
      },
      {}, limits());
}

void seal(State& state) {
  for (auto& [id, tasks] : state.tasks) tasks.running.seal();
}

void check_equal(const State& left, const State& right) {
  require(left.master == right.master && left.agents == right.agents && left.recovered == right.recovered,
          "the pieces change the cluster");
  require(left.rejections == right.rejections, "the pieces change the rejections");
  require(left.tasks.size() == right.tasks.size(), "the pieces change the tasks");
  for (const auto& [id, tasks] : left.tasks) {
    const auto found = right.tasks.find(id);
    require(found != right.tasks.end() && found->second.running == tasks.running, "the pieces change a task");
  }
}

}  // namespace

void check_state(std::string_view document) {
  Result<State> whole = mesos::decode_state(document, {}, limits());
  Result<State> pieces = decode_in_pieces(document, 1);
  require(whole.has_value() == pieces.has_value(), "the pieces change whether it is a state");
  if (!whole) {
    require(whole.error().fault == Fault::Keep && !whole.error().message.empty(), "an error keeps the last state");
    return;
  }
  seal(*pieces);
  State sealed = *whole;
  seal(sealed);
  check_equal(sealed, *pieces);
  for (const auto& [id, tasks] : sealed.tasks) {
    for (std::size_t i = 0; i < tasks.running.size(); ++i) {
      const Instance instance = tasks.running.at(i);
      require(!instance.id.empty(), "a task without id is kept");
      require(std::count_if(instance.ports.begin(), instance.ports.end(),
                            [](const Port& port) { return port.origin == PortOrigin::Resource; }) <= 1000,
              "too many ports");
    }
  }
  mesos::Ledger ledger({});
  mesos::Moment moment;
  const Result<Update> update = ledger.fold(*std::move(whole), {}, moment);
  require(update.has_value(), "a first read is folded");
}

}  // namespace muster::fuzz
