#include "systemd/source.h"

#include <fnmatch.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "systemd/ledger.h"
#include "systemd/manager.h"
#include "systemd/wishes.h"

namespace muster::systemd {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{100};
constexpr milliseconds kLongestBackoff{10'000};
constexpr std::chrono::seconds kFirstAgain{15};
constexpr std::chrono::minutes kLongestAgain{10};
constexpr std::chrono::seconds kLongestReload{60};  // then it is listed, whether systemd said that it is done or not

// Of the units that match, and of their further services ("machine/unit/section").
std::vector<std::string> keys_of(const std::string& machine, const std::vector<std::string>& patterns) {
  std::vector<std::string> out;
  for (const std::string& pattern : patterns) {
    out.push_back(machine + '/' + pattern);
    out.push_back(machine + '/' + pattern + "/*");
  }
  return out;
}

Rejection unmatched(const std::vector<std::string>& patterns) {
  std::string all;
  for (const std::string& pattern : patterns) all += (all.empty() ? "" : " ") + pattern;
  return {Reason::BadUnit, all,
          "--systemd-units: no loaded unit matches; nothing that is registered is removed until one does"};
}

void sleep_until(Clock::time_point time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, stop, time, [] { return false; });
}

class SystemdSource final : public Source {
 public:
  explicit SystemdSource(SourceSettings settings)
      : settings_(std::move(settings)), wishes_(settings_.machine), ledger_(settings_.machine, settings_.policy) {}

  Result<Update> next(std::stop_token stop) override {
    if (pending_) return tl::unexpected(*std::exchange(pending_, std::nullopt));
    if (!manager_) {
      sleep_until(connect_at_, stop);
      if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
      if (auto connected = connect(stop); !connected) return lost(connected.error(), stop);
    }
    for (;;) {
      auto update = follow(stop);
      if (!update) return lost(update.error(), stop);
      if (*update) return **std::move(update);
    }
  }

 private:
  Result<void> connect(const std::stop_token& stop) {
    auto manager = Manager::connect(settings_.bus, stop);
    if (!manager) return tl::unexpected(manager.error());
    manager_ = std::move(*manager);
    manager_->only([this](const std::string& unit) { return concerns(unit); });
    again_ = kFirstAgain;
    list_at_ = Clock::now();
    reloading_ = false;
    ledger_.reloaded();
    return {};
  }

  // The last state stays in force, and proves no absence any more. That is said once.
  Result<Update> lost(const Error& error, const std::stop_token& stop) {
    manager_.reset();
    if (stop.stop_requested()) return fail(Fault::Retry, "stopped");
    const milliseconds longest = std::min(kFirstBackoff * (1 << std::min(failures_++, 10)), kLongestBackoff);
    const milliseconds pause(
        std::uniform_int_distribution<std::int64_t>(longest.count() / 2, longest.count())(random_));
    connect_at_ = Clock::now() + pause;
    Error said{Fault::Keep, "systemd: " + error.message};
    if (!std::exchange(complete_, false)) return tl::unexpected(std::move(said));
    pending_ = std::move(said);
    return update(false);
  }

  bool concerns(const std::string& unit) const {
    return std::any_of(settings_.patterns.begin(), settings_.patterns.end(), [&](const std::string& pattern) {
      return fnmatch(pattern.c_str(), unit.c_str(), FNM_NOESCAPE) == 0;
    });
  }

  // One step: a list, or what has been signalled. Nothing: none of it concerns us.
  Result<std::optional<Update>> follow(const std::stop_token& stop) {
    if (list_at_ <= Clock::now()) return list(stop);
    auto event = manager_->next(std::min(list_at_, ledger_.due()), stop);
    if (!event) return tl::unexpected(event.error());
    while (event->kind != Event::Kind::None) {
      take(*event);
      event = manager_->next(Clock::now(), stop);  // what came with it, without waiting
      if (!event) return tl::unexpected(event.error());
    }
    if (list_at_ <= Clock::now()) return list(stop);
    if (reloading_) return std::nullopt;
    ledger_.passed(Clock::now());
    if (auto read = read_files(false, stop); !read) return tl::unexpected(read.error());
    if (!ledger_.take_changed()) return std::nullopt;
    if (!matched_) return list(stop);
    return std::optional<Update>(update(false));
  }

  void take(const Event& event) {
    switch (event.kind) {
      case Event::Kind::Reload:
        reloading_ = true;
        list_at_ = Clock::now() + kLongestReload;
        break;
      case Event::Kind::Reloaded:
        reloading_ = false;
        ledger_.reloaded();
        list_at_ = Clock::now();
        again_ = kFirstAgain;
        break;
      case Event::Kind::Changed:
        if (!reloading_) ledger_.changed(event.unit, event.patch, Clock::now());
        break;
      case Event::Kind::Unloaded:
        if (!reloading_) ledger_.unloaded(event.unit);
        break;
      case Event::Kind::None:
        break;
    }
  }

  Result<std::optional<Update>> list(const std::stop_token& stop) {
    reloading_ = false;  // or its end never came
    auto units = manager_->list(settings_.patterns, stop);
    if (!units) return tl::unexpected(units.error());
    // What was signalled before the answer is older than it.
    for (const Event& event : manager_->buffered()) take(event);
    if (reloading_) return std::nullopt;  // the list after the reload is the one that counts
    ledger_.listed(*units, Clock::now());
    if (auto read = read_files(true, stop); !read) return tl::unexpected(read.error());
    matched_ = matched_ || std::any_of(units->begin(), units->end(), [](const Listed& unit) {
                 return unit.load == "loaded" || unit.active != "inactive";
               });
    if (matched_ && !dismissed_) {
      if (auto done = dismiss(stop); !done) return tl::unexpected(done.error());
    }
    list_at_ = Clock::now() + again_;
    again_ = std::min<Clock::duration>(2 * again_, kLongestAgain);
    failures_ = 0;
    complete_ = matched_;
    ledger_.take_changed();
    return std::optional<Update>(update(true));
  }

  Result<void> dismiss(const std::stop_token& stop) {
    std::vector<std::string> others;
    if (settings_.patterns != kEveryUnit) {
      auto units = manager_->list(kEveryUnit, stop);
      if (!units) return tl::unexpected(units.error());
      for (const Listed& unit : *units) {
        if (unit.load == "loaded" && !concerns(unit.name)) others.push_back(unit.name);
      }
    }
    auto wishes = wishes_.read(*manager_, others, stop);
    if (!wishes) return tl::unexpected(wishes.error());
    for (std::size_t i = 0; i < others.size(); ++i) {
      if ((*wishes)[i].config) ledger_.dismissed(*(*wishes)[i].config, Clock::now());
      wishes_.forget(others[i]);
    }
    dismissed_ = true;
    return {};
  }

  Result<void> read_files(bool all, const std::stop_token& stop) {
    const std::vector<std::string> unread = ledger_.unread(all);
    if (!unread.empty()) {
      auto wishes = wishes_.read(*manager_, unread, stop);
      if (!wishes) return tl::unexpected(wishes.error());
      for (std::size_t i = 0; i < unread.size(); ++i) ledger_.wished(unread[i], (*wishes)[i], Clock::now());
    }
    for (const std::string& unit : ledger_.take_failed()) {
      auto exit = manager_->read_exit(unit, stop);
      if (!exit) return tl::unexpected(exit.error());
      ledger_.exited(unit, *exit, Clock::now());
    }
    return {};
  }

  Update update(bool full) {
    auto slice = std::make_shared<Slice>(ledger_.slice(complete_, Clock::now()));
    for (const std::string& unit : ledger_.take_gone()) wishes_.forget(unit);
    slice->covers = covers_;  // what runs is loaded, and so is listed
    Update out{Domain::Listed, full, {{settings_.host, std::move(slice)}}, ledger_.rejections(full)};
    if (full && !matched_) out.rejections.push_back(unmatched(settings_.patterns));
    return out;
  }

  const SourceSettings settings_;
  const std::vector<std::string> covers_ = keys_of(settings_.machine.id, settings_.patterns);
  Wishes wishes_;
  Ledger ledger_;
  std::unique_ptr<Manager> manager_;
  Clock::time_point connect_at_{};
  Clock::time_point list_at_{};
  Clock::duration again_{kFirstAgain};
  bool reloading_ = false;
  bool matched_ = false;  // some loaded unit did, so that the patterns are no mistake
  bool dismissed_ = false;
  bool complete_ = false;  // the last update said so
  int failures_ = 0;
  std::optional<Error> pending_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

std::unique_ptr<Source> make_source(SourceSettings settings) {
  return std::make_unique<SystemdSource>(std::move(settings));
}

}  // namespace muster::systemd
