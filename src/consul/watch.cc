#include "consul/watch.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "consul/node.h"
#include "core/canary.h"
#include "net/polls.h"

namespace muster::consul {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = net::Polls::Clock;

// Consul 1.8.7 keeps a poll, and counts its connection, to its end, also when who asked is dead, and takes 200 from one
// address: a muster that starts again every 2 s leaves 180 behind at this length, and Consul's longest would be 600 s.
constexpr char kWait[] = "wait=180s";
constexpr seconds kLongest{180 + 180 / 16 + 30};  // it adds up to a sixteenth
constexpr milliseconds kAgain{1000};              // of one that does not answer
constexpr milliseconds kFirst{500};               // of what is not there yet; doubles up to:
constexpr milliseconds kSlow{5000};
constexpr seconds kDenied{60};
constexpr seconds kPace{1};   // answers that come at once: one a second ...
constexpr seconds kBurst{5};  // ... after five
constexpr std::size_t kMaxBody = 32u << 20;
constexpr std::size_t kDescriptorsEach = 3;
constexpr std::size_t kDescriptorsKept = 1024;  // for workers, sources, the web server

using Lane = std::uint8_t;  // which of an agent's polls
constexpr Lane kCanary = 0;
constexpr Lane kServices = 1;
constexpr Lane kChecks = 2;
constexpr std::size_t kLanes = 3;

struct Poll {
  bool active = false;  // under way or due
  bool good = false;    // a list: its last answer was one
  Clock::time_point due;
  Clock::time_point asked;
  Clock::time_point paced;  // the allowance is used up to here
  milliseconds delay{0};    // the last one given to a failure; 0: it went well
  std::uint64_t index = 0;
  std::optional<std::uint64_t> digest;  // of the list as last seen; kept through failures
};

struct Watched {
  AgentKey agent;
  enum class State { Unknown, There, Absent, Lost } state = State::Unknown;  // of the canary
  std::string hash;                                                          // empty: ask without waiting
  std::string node;                                                          // empty: to be found
  std::string last_node;                                                     // to which the digests belong
  bool stood = false;                                                        // has_agent, by the last list of checks
  bool doubted = false;                                                      // a connection to it broke
  std::array<Poll, kLanes> polls;
};

std::string header(const net::Response& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? std::string() : found->second;
}

}  // namespace

// What the thread of run() owns.
struct Watch::Loop {
  using Id = net::Polls::Id;

  Loop(Watch& watch, const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Owner owner,
       std::shared_ptr<Suspects> suspects);

  void turn(std::optional<std::vector<AgentKey>> wanted);
  void mark_suspects(Clock::time_point now);
  void adopt(const std::vector<AgentKey>& wanted);
  void forget(Id number);
  void schedule(Watched& watched, Lane lane, Clock::time_point when);
  void rest(Watched& watched, Lane lane);
  void ask(Watched& watched, Lane lane);
  std::string path(const Watched& watched, Lane lane) const;
  bool waits(const Watched& watched, Lane lane) const;

  void hear(Id id, Result<net::Response> answer);
  void hear_canary(Watched& watched, const Result<net::Response>& answer);
  void hear_name(Watched& watched, const net::Response& answer);
  void hear_list(Watched& watched, Lane lane, const net::Response& answer);
  void lose(Watched& watched);
  bool wake_lists(Watched& watched);
  void doubt(Watched& watched, bool broken);
  bool lists_good(const Watched& watched) const;
  void again_after_answer(Watched& watched, Lane lane);
  void again_after_failure(Watched& watched, Lane lane);
  void mark(Watched& watched, Sighting sighting);
  void stands(const Watched& watched, bool stands);
  Clock::time_point jittered(Clock::time_point from, milliseconds delay);

  Id number_of(const Watched& watched) const { return numbers.at(watched.agent); }

  Watch& watch;
  const milliseconds timeout;
  const std::shared_ptr<const Credentials> credentials;
  const Owner owner;
  const std::shared_ptr<Suspects> suspects;
  const std::string canary_path;
  net::Polls polls;
  const Mark* on_mark = nullptr;
  std::map<AgentKey, Id> numbers;
  std::unordered_map<Id, Watched> agents;
  Id next_number = 0;
  std::set<std::pair<Clock::time_point, Id>> due;
  std::minstd_rand random{std::random_device{}()};
};

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
  if (std::exchange(poll.digest, digest) != digest) {
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

Watch::Watch(const ConsulSettings& settings, std::shared_ptr<const Credentials> credentials, Owner owner,
             std::size_t limit, std::shared_ptr<Suspects> suspects)
    : limit_(limit),
      loop_(std::make_unique<Loop>(*this, settings, std::move(credentials), std::move(owner), std::move(suspects))) {
  if (loop_->suspects != nullptr) {
    loop_->suspects->on_change([this] { loop_->polls.wake(); });
  }
}

Watch::~Watch() {
  if (loop_->suspects != nullptr) loop_->suspects->on_change({});
}

std::size_t Watch::follow(std::vector<AgentKey> agents) {
  const std::size_t left_out = agents.size() - std::min(agents.size(), limit_);
  agents.resize(agents.size() - left_out);
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(agents);
  }
  loop_->polls.wake();
  return left_out;
}

void Watch::run(const Mark& mark, std::stop_token stop) {
  loop_->on_mark = &mark;
  const std::stop_callback on_stop(stop, [this] { loop_->polls.wake(); });
  while (!stop.stop_requested()) {
    std::optional<std::vector<AgentKey>> wanted;
    {
      const std::lock_guard lock(mutex_);
      wanted.swap(wanted_);
    }
    loop_->turn(std::move(wanted));
  }
}

Watch::Totals Watch::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::size_t affordable_watch(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted * kDescriptorsEach + kDescriptorsKept;
  if (limit.rlim_cur < needed) {
    const rlimit raised{std::min<rlim_t>(needed, limit.rlim_max), limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  // With less than what is kept for the rest, half of it.
  const rlim_t kept = std::min<rlim_t>(kDescriptorsKept, limit.rlim_cur / 2);
  return std::min<std::size_t>(wanted, (limit.rlim_cur - kept) / kDescriptorsEach);
}

}  // namespace muster::consul
