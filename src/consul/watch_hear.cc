// What an answer, or none, says of an agent, and what is asked of it next.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "consul/node.h"
#include "consul/watch_loop.h"

namespace muster::consul {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kAgain{1000};  // of one that does not answer
constexpr seconds kDenied{60};

std::string header(const net::Response& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? std::string() : found->second;
}

}  // namespace

void Watch::Loop::hear(Id id, Result<net::Response> answer) {
  Watched& watched = agents.at(id / kLanes);
  const Lane lane = static_cast<Lane>(id % kLanes);
  if (lane == kCanary) return hear_canary(watched, answer);
  if (lane == kChecks) stands(watched, watched.stood = false);
  if (!answer || answer->status != 200) {
    const bool was_good = std::exchange(watched.polls[lane].good, false);
    doubt(watched, was_good && !answer);
    if (answer && answer->status == 403) return schedule(watched, lane, jittered(Clock::now(), kDenied));
    return again_after_failure(watched, lane);
  }
  if (watched.node.empty()) return hear_name(watched, *answer);
  hear_list(watched, lane, *answer);
}

void Watch::Loop::hear_canary(Watched& watched, const Result<net::Response>& answer) {
  using State = Watched::State;
  if (!answer || (answer->status != 200 && answer->status != 404 && answer->status != 403)) return lose(watched);
  const State before = watched.state;
  const std::string known = std::exchange(watched.hash, {});
  if (before == State::Lost) {
    const std::lock_guard lock(watch.mutex_);
    --watch.totals_.lost;
  }
  if (answer->status == 403) {
    watched.state = State::Unknown;
    schedule(watched, kCanary, jittered(Clock::now(), kDenied));
  } else if (answer->status == 404) {
    watched.state = State::Absent;
    if (before == State::There && !watched.doubted) mark(watched, Sighting::Changed);
    again_after_failure(watched, kCanary);
  } else {
    watched.state = State::There;
    watched.hash = header(*answer, "x-consul-contenthash");
    if (!known.empty() && known != watched.hash) mark(watched, Sighting::Changed);
    again_after_answer(watched, kCanary);
    if (wake_lists(watched)) schedule(watched, kCanary, Clock::now() + kPace);  // if they are not good by then
    if (lists_good(watched)) rest(watched, kCanary);
  }
  const bool broke = std::exchange(watched.doubted, false);
  if (before == State::Lost || broke) mark(watched, Sighting::Back);
}

// A list that can be waited on tells of all that the canary tells, the loss of the agent too; one that cannot does not.
// Of a connection that broke the canary tells whether the agent is gone, or was for a moment.
void Watch::Loop::doubt(Watched& watched, bool broken) {
  if (broken) {
    watched.doubted = true;
    watched.hash.clear();
  }
  if (broken || !watched.polls[kCanary].active) schedule(watched, kCanary, Clock::now());
}

bool Watch::Loop::lists_good(const Watched& watched) const {
  return watched.polls[kServices].good && watched.polls[kChecks].good;
}

// Nothing but the canary is asked for until it answers.
void Watch::Loop::lose(Watched& watched) {
  if (watched.state != Watched::State::Lost) {
    const std::lock_guard lock(watch.mutex_);
    ++watch.totals_.lost;
  }
  watched.state = Watched::State::Lost;
  watched.doubted = false;
  watched.hash.clear();
  watched.node.clear();
  for (const Lane lane : {kServices, kChecks}) rest(watched, lane);
  // From the question on, not from its end: a host that swallows packets must not be asked more seldom.
  const auto when = jittered(watched.polls[kCanary].asked, kAgain);
  watched.polls[kCanary].delay = milliseconds(0);
  schedule(watched, kCanary, std::max(when, Clock::now() + milliseconds(100)));
}

// False: they were awake. That of checks follows when the node is known.
bool Watch::Loop::wake_lists(Watched& watched) {
  if (watched.polls[kServices].active) return false;
  schedule(watched, kServices, Clock::now());
  return true;
}

void Watch::Loop::hear_name(Watched& watched, const net::Response& answer) {
  watched.node = decode_node(answer.body, watched.agent, owner);
  if (watched.node.empty()) return again_after_failure(watched, kServices);
  for (const Lane lane : {kServices, kChecks}) {
    Poll& poll = watched.polls[lane];
    poll.index = 0;
    if (watched.node != watched.last_node) poll.digest.reset();
    schedule(watched, lane, Clock::now());
  }
  watched.last_node = watched.node;
}

// The first list is marked as well: what changed between the agent's last run and now has been seen by nobody.
void Watch::Loop::hear_list(Watched& watched, Lane lane, const net::Response& answer) {
  Poll& poll = watched.polls[lane];
  const std::uint64_t digest = lane == kServices ? digest_services(answer.body) : digest_checks(answer.body, owner);
  // What says the same as the last list may hide that we wrote something and somebody took it away again in between.
  const std::uint64_t writes = suspects == nullptr ? 0 : suspects->writes(watched.agent);
  const bool wrote = std::exchange(poll.writes, writes) != writes;
  if (std::exchange(poll.digest, digest) != digest || wrote) {
    if (suspects == nullptr) mark(watched, Sighting::Changed);
    if (suspects != nullptr) suspects->raise(watched.agent, watched.node, Clock::now());  // marked when that is due
  }
  const std::string said = header(answer, "x-consul-index");
  const std::uint64_t index = std::max<std::uint64_t>(std::strtoull(said.c_str(), nullptr, 10), 1);
  poll.index = index < poll.index ? 0 : index;  // went back: a server was restored
  poll.good = true;
  if (lane == kChecks) watched.stood = has_agent(answer.body);
  again_after_answer(watched, lane);
  // With a canary that was asked about a connection that broke there is an answer to wait for.
  if (lists_good(watched) && !watched.doubted && watched.state == Watched::State::There) rest(watched, kCanary);
}

}  // namespace muster::consul
