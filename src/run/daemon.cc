#include "run/daemon.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <set>
#include <utility>

#include "log/log.h"
#include "run/footprint.h"

namespace muster::run {
namespace {

constexpr std::chrono::seconds kOpening{2};  // for so long a silent source holds up the others at the start

std::vector<std::string> names(const std::vector<NamedSource>& sources) {
  std::vector<std::string> out;
  for (const NamedSource& each : sources) out.push_back(each.name);
  return out;
}

void sleep_for(std::chrono::milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::move(stop), time, [] { return false; });
}

// Nothing to ask where no lock is used, and a dry run is not a standby.
std::function<bool()> permission(const Parts& parts) {
  if (parts.lock == nullptr || parts.settings.dry_run) return {};
  return [lock = parts.lock] { return lock->may_write(); };
}

}  // namespace

Daemon::Daemon(Parts parts)
    : parts_(std::move(parts)),
      board_(parts_.resolver),
      rules_(parts_.rules),
      guard_(parts_.policy, parts_.settings.breaker, permission(parts_)),
      journal_(names(parts_.sources), parts_.settings.once),
      opening_(parts_.sources.size()),
      workers_(
          queue_, parts_.settings.workers,
          [this] {
            const auto serves = [this](const AgentKey& agent) { return board_.serves(agent); };
            return Reconciler(board_, rules_, guard_, audits_, parts_.make_agents(serves));
          },
          [this](const Report& each) { report(each); }) {}

Daemon::~Daemon() = default;

void Daemon::report(const Report& report) {
  journal_.record(report);
  if (parts_.on_report) parts_.on_report(report);
  if (report.unreadable || left_alone(report.remarks)) guard_.skip(report.agent);
  if (report.hosts == 0 && !report.failed() && report.plan.held.empty()) {
    drop(report.agent);
  }
  mark(guard_.take_ripe());
}

void Daemon::post(const std::string& name, const Update& update) {
  mark(board_.post(name, update, [&](const std::vector<AgentKey>& dirty, std::uint64_t reads) {
    if (update.full) guard_.expect(name, reads, dirty);
  }));
  if (!update.full) return;
  mark(guard_.holding());  // one more read in which they are absent, or not
  follow();
}

void Daemon::follow() {
  if (parts_.watch == nullptr) return;
  const std::size_t left_out = parts_.watch->follow(board_.agents());
  if (unwatched_.exchange(left_out) == left_out) return;
  log::info("watch", {{"agents_left_to_the_audit", std::to_string(left_out)}});
}

std::map<std::string, std::size_t> Daemon::watched() const {
  if (parts_.watch == nullptr) return {{"left_out", journal_.totals().agents}};
  const consul::Watch::Totals totals = parts_.watch->totals();
  return {{"answering", totals.agents - totals.lost}, {"silent", totals.lost}, {"left_out", unwatched_}};
}

void Daemon::watch(std::stop_token stop) {
  const auto seen = [this](const AgentKey& agent, consul::Watch::Sighting sighting) {
    if (sighting == consul::Watch::Sighting::Back) queue_.hurry(agent);
    mark({agent});
  };
  parts_.watch->run(seen, std::move(stop));
}

void Daemon::mark(const std::vector<AgentKey>& agents) { queue(opening_.pass(agents)); }

void Daemon::queue(const std::vector<AgentKey>& agents) {
  for (const AgentKey& agent : agents) queue_.mark(agent);
  if (!agents.empty()) workers_.poke();
}

// The first answer of a big cluster is taken in at twice the memory that it needs from then on.
void Daemon::feed(const NamedSource& source, std::stop_token stop) {
  while (!stop.stop_requested() && !feed_once(source, stop)) continue;
  give_back_memory();
  while (!stop.stop_requested()) feed_once(source, stop);
}

bool Daemon::feed_once(const NamedSource& source, std::stop_token stop) {
  const Result<Update> answer = source.source->next(stop);
  if (stop.stop_requested()) return false;
  if (answer) post(source.name, *answer);
  journal_.source(source.name, answer);
  if (parts_.on_answer) parts_.on_answer(source.name, answer, board_.instances(source.name));
  queue(opening_.heard(source.name));
  return answer.has_value();
}

// Every agent once an interval, each at a moment of its own, so that an audit is a trickle and not a wave.
void Daemon::audit(std::stop_token stop) {
  const auto interval = parts_.settings.audit_interval;
  const auto slots = std::clamp<std::int64_t>(interval / std::chrono::milliseconds(100), 1, 60);
  // By the clock, so that a restart goes on where the last muster was.
  auto round = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() / interval);
  bool searched = false;
  for (std::int64_t slot = 0; !stop.stop_requested(); slot = (slot + 1) % slots) {
    sleep_for(interval / slots, stop);
    if (!searched || slot == 0) searched = search(stop).value_or(false);
    std::vector<AgentKey> due = board_.agents();
    std::erase_if(due, [&](const AgentKey& agent) {
      return static_cast<std::int64_t>(std::hash<std::string>{}(agent.url) % static_cast<std::size_t>(slots)) != slot;
    });
    if (!parts_.settings.dry_run && (parts_.lock == nullptr || holds_lock())) audits_.due(due, {round, interval});
    mark(due);
    if (slot + 1 == slots) ++round;
    if (slot == 0) give_back_memory();
  }
}

// Agents that hold our canary and that no source mentions are visited, and what is left on them needs proof like any
// other removal. One that the catalog no longer knows either, and that does not answer, is a host that is gone.
Result<bool> Daemon::search(const std::stop_token& stop) {
  if (!parts_.find_agents) return true;
  std::vector<AgentKey> ask = board_.agents();
  std::stable_partition(ask.begin(), ask.end(), [this](const AgentKey& agent) { return !journal_.failing(agent); });
  const auto found = parts_.find_agents(ask, stop);
  journal_.search(found ? "" : found.error().message);
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) return false;  // an empty answer may be a token without rights
  const std::set<AgentKey> standing(found->begin(), found->end());
  for (const AgentKey& agent : standing) board_.visit(agent);
  std::vector<AgentKey> visits;
  for (const AgentKey& agent : board_.hostless()) {
    if (standing.contains(agent) || !journal_.failing(agent)) {
      visits.push_back(agent);
      continue;
    }
    log::info("agent", {{"agent", agent.url}, {"state", "gone from the catalog, serves no host; forgotten"}});
    queue_.forget(agent);
    drop(agent);
  }
  mark(visits);
  return true;
}

void Daemon::drop(const AgentKey& agent) {
  board_.retire(agent);
  follow();  // before the watch can mark it again for what we have just removed
  journal_.forget(agent);
  guard_.forget(agent);
}

void Daemon::reload() {
  auto rules = parts_.reload();
  if (parts_.on_reload) parts_.on_reload(rules.has_value());
  if (!rules) {
    log::error("reload", {{"state", "the old rules stay in force"}, {"error", rules.error().message}});
    return;
  }
  for (const std::string& warning : (*rules)->warnings()) log::warn("rules", {{"warning", warning}});
  rules_.set(std::move(*rules));
  log::info("reload", {{"state", "rules and tokens read again"}});
  mark(board_.agents());
}

void Daemon::confirm() {
  guard_.confirm();
  log::warn("confirm", {{"state", "removals that the breaker holds now are let through"}});
  mark(guard_.holding());
}

// Whoever has just become active looks at everything: what it planned as standby may be old, and a request of its
// forerunner may have come late.
std::jthread Daemon::hold_lock() {
  if (parts_.lock == nullptr || parts_.settings.dry_run) return {};
  return std::jthread(
      [this](std::stop_token stop) { parts_.lock->run(std::move(stop), [this] { mark(board_.agents()); }); });
}

std::jthread Daemon::end_opening() {
  if (parts_.sources.size() < 2) return {};
  return std::jthread([this](std::stop_token stop) {
    sleep_for(kOpening, stop);
    if (!stop.stop_requested()) queue(opening_.end());
  });
}

web::Readiness Daemon::readiness() const {
  web::Readiness out = journal_.readiness();
  if (parts_.lock == nullptr) return out;
  const Lock::Status lock = parts_.lock->status();
  if (lock.held) out.details.push_back("role=active epoch=" + std::to_string(lock.epoch));
  if (!lock.held) out.details.push_back("role=standby active=" + (lock.holder.empty() ? "nobody" : lock.holder));
  if (lock.error.empty()) return out;
  out.ready = false;  // one that cannot ask can never take over
  out.details.push_back("lock: " + lock.error);
  return out;
}

int Daemon::run(Signals& signals) {
  give_back_memory();  // what starting took
  std::jthread lock = hold_lock();
  std::vector<std::jthread> threads;
  threads.push_back(end_opening());
  for (const NamedSource& source : parts_.sources) {
    threads.emplace_back([this, &source](std::stop_token stop) { feed(source, std::move(stop)); });
  }
  threads.emplace_back([this](std::stop_token stop) { audit(std::move(stop)); });
  if (parts_.watch != nullptr) threads.emplace_back([this](std::stop_token stop) { watch(std::move(stop)); });
  for (;;) {
    const auto signal = signals.wait({});
    if (signal == SIGHUP) reload();
    if (signal == SIGUSR1) confirm();
    if (signal == SIGTERM || signal == SIGINT) break;
  }
  log::info("stop", {{"state", "services stay registered"}});
  for (std::jthread& thread : threads) thread.request_stop();
  workers_.stop();
  lock.request_stop();  // only now: what is still in flight was started by the holder
  return 0;
}

int Daemon::run_once(Signals& signals) {
  workers_.no_retries();
  std::atomic<std::size_t> silent{parts_.sources.size()};
  std::stop_source all;
  std::jthread interrupt([&](std::stop_token stop) {
    while (const auto signal = signals.wait(stop)) {
      if (signal == SIGTERM || signal == SIGINT) all.request_stop();
    }
  });
  const std::jthread lock = hold_lock();
  // Not obtained in time: the plan is made all the same, and held.
  if (lock.joinable()) parts_.lock->wait(parts_.settings.once_timeout, all.get_token());
  const std::jthread opening = end_opening();
  std::vector<std::jthread> feeders;
  for (const NamedSource& source : parts_.sources) {
    feeders.emplace_back([&] {
      while (!all.stop_requested()) {
        if (!feed_once(source, all.get_token())) continue;
        --silent;
        return;
      }
    });
  }
  // Ends the wait for sources and for workers alike.
  std::jthread clock([&](std::stop_token stop) {
    sleep_for(parts_.settings.once_timeout, stop);
    if (!stop.stop_requested()) all.request_stop();
  });
  for (std::jthread& feeder : feeders) feeder.join();
  clock.request_stop();
  clock.join();
  const auto searched = search(all.get_token());
  if (!searched && parts_.policy.cleanup) all.request_stop();
  const bool interrupted = silent > 0 || !queue_.drained(all.get_token()) || all.stop_requested();
  interrupt.request_stop();
  workers_.stop();

  Journal::Totals sums = journal_.totals();
  sums.held.erase("canary");  // it stands for what is held, or for strays that only a cleanup ends: neither is its own
  sums.held.erase(kHeldElsewhere);  // another muster's
  sums.held.erase("live-agent");    // the rule of catalog mode; what our own node still holds there does count
  if (interrupted || sums.failing > 0) return 1;
  return sums.held.empty() && sums.conflicts == 0 ? 0 : 3;
}

}  // namespace muster::run
