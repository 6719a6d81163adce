#include "fuzz/events_property.h"

#include <cstdio>
#include <cstdlib>

#include "mesos/events.h"
#include "mesos/ledger.h"
#include "mesos/task.h"

namespace muster::fuzz {
namespace {

using mesos::Event;
using mesos::EventKind;

// Two agents, a framework, and a task on each agent. The ids are those of the recorded stream.
constexpr std::string_view kState =
    R"({"id":"m","elected_time":1.0,"slaves":[)"
    R"({"id":"832be414-b03b-40af-ae5c-a723856f2305-S0","hostname":"n1","pid":"slave(1)@127.0.0.11:25151"},)"
    R"({"id":"832be414-b03b-40af-ae5c-a723856f2305-S1","hostname":"n2","pid":"slave(1)@127.0.0.12:25151"}],)"
    R"("recovered_slaves":[],"frameworks":[{"id":"832be414-b03b-40af-ae5c-a723856f2305-0003","name":"f","tasks":[)"
    R"({"id":"web.1","name":"web","slave_id":"832be414-b03b-40af-ae5c-a723856f2305-S0","state":"TASK_RUNNING"},)"
    R"({"id":"web.2","name":"web","slave_id":"832be414-b03b-40af-ae5c-a723856f2305-S1","state":"TASK_RUNNING"}]}]})";

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "events: %s\n", what);
  std::abort();
}

bool holds(const Slice& slice, const std::string& id) { return slice.instances.contains(id); }

// A task goes only by an event that names it, its agent and a state that is an end.
void check_kept(const Update& update, const Event& event) {
  require(!update.full && update.domain == Domain::Listed, "an event speaks for hosts that it does not name");
  for (const HostSlice& each : update.slices) {
    const std::string here = each.host.ip == "127.0.0.11" ? "web.1" : "web.2";
    const bool said = event.task == here && mesos::phase_of(event.state) == mesos::Phase::Ended;
    require(said || holds(*each.slice, here), "a task went that did not end");
    for (const std::string& id : each.slice->ended) require(id == event.task, "another task has ended");
  }
}

}  // namespace

void check_events(std::string_view record) {
  static_cast<void>(mesos::decode_event({std::string(record), false}));
  const Result<Event> event = mesos::decode_event({std::string(record), true});
  if (!event) {
    require(event.error().fault == Fault::Retry && !event.error().message.empty(), "an error asks for a new stream");
    return;
  }
  require(event->type.size() <= 64, "a type is not bounded");
  require(event->kind != EventKind::Unread || !event->problem.empty(), "an unread event does not say why");
  mesos::Ledger ledger({});
  const auto now = std::chrono::steady_clock::time_point{} + std::chrono::hours(10);
  const auto first = ledger.fold(*mesos::decode_state(kState), {}, {now, std::chrono::hours(2), now});
  require(first.has_value(), "a first read is folded");
  for (int twice = 0; twice < 2; ++twice) {
    ledger.hear(*event, now + std::chrono::seconds(1));
    if (const auto update = ledger.take_heard()) check_kept(*update, *event);
  }
}

}  // namespace muster::fuzz
