// When which agent is asked, and what for.
#include "consul/watch_loop.h"

#include <algorithm>
#include <utility>

#include "consul/node.h"
#include "core/canary.h"

namespace muster::consul {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = net::Polls::Clock;

// Consul 1.8.7 keeps a poll, and counts its connection, to its end, also when who asked is dead, and takes 200 from one
// address: a muster that starts again every 2 s leaves 180 behind at this length, and Consul's longest would be 600 s.
constexpr char kWait[] = "wait=180s";
constexpr seconds kLongest{180 + 180 / 16 + 30};  // it adds up to a sixteenth
constexpr milliseconds kFirst{500};               // of what is not there yet; doubles up to:
constexpr milliseconds kSlow{5000};
constexpr seconds kBurst{5};  // of answers that come at once, before kPace
constexpr std::size_t kMaxBody = 32u << 20;

}  // namespace

Watch::Loop::Loop(Watch& w, const ConsulSettings& settings, std::shared_ptr<const Credentials> c, Owner o,
                  std::shared_ptr<Suspects> s)
    : watch(w),
      timeout(settings.timeout),
      credentials(std::move(c)),
      owner(std::move(o)),
      suspects(std::move(s)),
      canary_path("/v1/agent/service/" + net::escape(canary_id(owner))),
      polls(
          [&] {
            net::HttpOptions options = http_options(settings);
            options.max_body = kMaxBody;
            return options;
          }(),
          [this](Id id, Result<net::Response> answer) { hear(id, std::move(answer)); }) {}

void Watch::Loop::turn(std::optional<std::vector<AgentKey>> wanted) {
  if (wanted) adopt(*wanted);
  const auto now = Clock::now();
  while (!due.empty() && due.begin()->first <= now) {
    const Id id = due.begin()->second;
    due.erase(due.begin());
    ask(agents.at(id / kLanes), static_cast<Lane>(id % kLanes));
  }
  auto until = due.empty() ? now + std::chrono::hours(1) : due.begin()->first;
  if (suspects != nullptr) {
    mark_suspects(now);
    until = std::min(until, suspects->next().value_or(until));
  }
  polls.step(until);
}

void Watch::Loop::mark_suspects(Clock::time_point now) {
  for (const AgentKey& agent : suspects->take_due(now)) {
    const auto found = numbers.find(agent);
    if (found != numbers.end()) mark(agents.at(found->second), Sighting::Changed);
  }
}

void Watch::Loop::adopt(const std::vector<AgentKey>& wanted) {
  const std::set<AgentKey> keep(wanted.begin(), wanted.end());
  std::vector<Id> gone;
  for (const auto& [agent, number] : numbers) {
    if (!keep.contains(agent)) gone.push_back(number);
  }
  for (const Id number : gone) forget(number);
  auto when = Clock::now();
  for (const AgentKey& agent : keep) {
    if (!numbers.try_emplace(agent, next_number).second) continue;
    Watched& added = agents[next_number++];
    added.agent = agent;
    schedule(added, kCanary, when);
    when += milliseconds(1);  // a thousand at once would cost memory that is never needed again
  }
  const std::lock_guard lock(watch.mutex_);
  watch.totals_.agents = agents.size();
}

void Watch::Loop::forget(Id number) {
  Watched& watched = agents.at(number);
  for (const Lane lane : {kCanary, kServices, kChecks}) rest(watched, lane);
  if (watched.state == Watched::State::Lost) {
    const std::lock_guard lock(watch.mutex_);
    --watch.totals_.lost;
  }
  numbers.erase(watched.agent);
  agents.erase(number);
}

void Watch::Loop::schedule(Watched& watched, Lane lane, Clock::time_point when) {
  Poll& poll = watched.polls[lane];
  const Id id = number_of(watched) * kLanes + lane;
  due.erase({poll.due, id});
  poll.due = when;
  poll.active = true;
  due.insert({when, id});
}

void Watch::Loop::rest(Watched& watched, Lane lane) {
  Poll& poll = watched.polls[lane];
  const Id id = number_of(watched) * kLanes + lane;
  due.erase({poll.due, id});
  polls.cancel(id);
  if (lane == kChecks) stands(watched, false);
  poll.active = poll.good = false;
}

bool Watch::Loop::waits(const Watched& watched, Lane lane) const {
  if (lane == kCanary) return !watched.hash.empty();
  return !watched.node.empty() && watched.polls[lane].index > 0;
}

std::string Watch::Loop::path(const Watched& watched, Lane lane) const {
  if (lane == kCanary) {
    return watched.hash.empty() ? canary_path : canary_path + "?hash=" + net::escape(watched.hash) + "&" + kWait;
  }
  if (watched.node.empty()) return find_node_path(watched.agent);
  const std::string list = lane == kServices ? node_services_path(watched.node) : node_checks_path(watched.node);
  const std::uint64_t index = watched.polls[lane].index;
  return index == 0 ? list : list + "&index=" + std::to_string(index) + "&" + kWait;
}

void Watch::Loop::ask(Watched& watched, Lane lane) {
  net::Request request{.base = watched.agent.url, .path = path(watched, lane)};
  if (const std::string token = credentials->token(); !token.empty()) {
    request.headers.push_back("X-Consul-Token: " + token);
  }
  watched.polls[lane].asked = Clock::now();
  if (lane == kChecks) stands(watched, watched.stood && waits(watched, lane));
  polls.start(number_of(watched) * kLanes + lane, std::move(request), waits(watched, lane) ? kLongest : timeout);
  const std::lock_guard lock(watch.mutex_);
  ++watch.totals_.requests;
}

// At once, for nothing may be missed; but no faster than the allowance when every answer comes at once.
void Watch::Loop::again_after_answer(Watched& watched, Lane lane) {
  Poll& poll = watched.polls[lane];
  const auto now = Clock::now();
  poll.delay = milliseconds(0);
  poll.paced = std::max(poll.paced, now) + kPace;
  schedule(watched, lane, std::max(now, poll.paced - kBurst));
}

void Watch::Loop::again_after_failure(Watched& watched, Lane lane) {
  Poll& poll = watched.polls[lane];
  poll.delay = std::clamp(poll.delay * 2, kFirst, kSlow);
  schedule(watched, lane, jittered(Clock::now(), poll.delay));
}

void Watch::Loop::mark(Watched& watched, Sighting sighting) {
  {
    const std::lock_guard lock(watch.mutex_);
    ++watch.totals_.marks;
  }
  (*on_mark)(watched.agent, sighting);
}

void Watch::Loop::stands(const Watched& watched, bool stands) {
  if (suspects != nullptr) suspects->stands(watched.agent, stands);
}

// Up to half as long again.
Clock::time_point Watch::Loop::jittered(Clock::time_point from, milliseconds delay) {
  return from + delay * std::uniform_int_distribution<int>(100, 150)(random) / 100;
}

}  // namespace muster::consul
