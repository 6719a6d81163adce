#include "mesos/leader.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "zk/client.h"

namespace muster::mesos {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kSessionTimeout{10000};  // as Mesos' own
constexpr milliseconds kAskAgain{1000};         // while ZooKeeper is away, or nobody leads: there may be no watch

// Rung by any thread, waited on by one.
class Bell {
 public:
  void ring() {
    std::unique_lock lock(mutex_);
    rung_ = true;
    changed_.notify_all();
    std::stop_source news = news_;
    lock.unlock();
    news.request_stop();  // runs what others have hung on it
  }
  // Whether it was; silent again.
  bool take() {
    const std::lock_guard lock(mutex_);
    if (rung_) news_ = {};
    return std::exchange(rung_, false);
  }
  std::stop_token news() {
    const std::lock_guard lock(mutex_);
    return news_.get_token();
  }
  bool wait(Clock::time_point deadline, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, stop, deadline, [this] { return rung_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool rung_ = false;
  std::stop_source news_;
};

class ZkLeaders final : public Leaders {
 public:
  ZkLeaders(zk::Url url, milliseconds limit, bool https)
      : url_(std::move(url)), limit_(limit), https_(https), client_(url_, kSessionTimeout, [this] { bell_.ring(); }) {}

  Result<Masters> find(std::stop_token stop) override {
    // The bell first, so that a change during the question rings again. While it is silent the watch is set and the
    // last answer holds.
    stale_ = bell_.take() || stale_;
    if (!stale_) return last_;
    Result<Masters> masters = read(stop);
    stale_ = !masters || !masters->leader;
    if (masters && masters->leader) last_ = *masters;
    if (last_.leader) return last_;
    if (!masters) return fail(Fault::Keep, "no Mesos leader is known: " + masters.error().message);
    return fail(Fault::Keep, "no Mesos master leads at " + url_.redacted());
  }

  bool wait(Clock::time_point deadline, std::stop_token stop) override {
    if (!stale_) return bell_.wait(deadline, stop);
    const Clock::time_point again = std::min(deadline, Clock::now() + kAskAgain);
    return bell_.wait(again, stop) || (again < deadline && !stop.stop_requested());
  }

  std::stop_token news() override { return bell_.news(); }
  void heard_from(const Master*) override {}  // ZooKeeper knows better

 private:
  Result<Masters> read(const std::stop_token& stop) {
    // A last leader is good enough to go on with; only the first one is worth waiting for.
    const Result<void> connected = client_.connect(last_.leader ? milliseconds{0} : limit_, stop);
    if (!connected) return tl::unexpected(connected.error());
    auto names = client_.children(url_.path, limit_, stop);
    if (!names) return tl::unexpected(names.error());
    std::vector<Znode> nodes;
    for (const std::string& name : names->value_or(std::vector<std::string>{})) {
      if (std::optional<Znode> node = parse_znode(name)) nodes.push_back(*std::move(node));
    }
    std::sort(nodes.begin(), nodes.end(), [](const Znode& a, const Znode& b) { return a.sequence < b.sequence; });
    return read_nodes(nodes, stop);
  }

  Result<Masters> read_nodes(const std::vector<Znode>& nodes, const std::stop_token& stop) {
    Masters masters;
    for (const Znode& node : nodes) {
      const bool leads = &node == &nodes.front();
      auto content = client_.get((url_.path == "/" ? "" : url_.path) + "/" + node.name, limit_, stop);
      if (!content) return tl::unexpected(content.error());
      if (!*content) {
        if (leads) return Masters{};  // the leader went just now; the watch has rung
        continue;
      }
      Result<Master> master = decode_master(node, **content);
      if (!master && leads) return tl::unexpected(master.error());
      if (!master) continue;
      if (https_) master->base.replace(0, master->base.find("://"), "https");
      if (leads) masters.leader = *master;
      masters.all.push_back(*std::move(master));
    }
    return masters;
  }

  Bell bell_;  // before client_, whose threads ring it
  zk::Url url_;
  milliseconds limit_;
  bool https_;
  Masters last_;
  bool stale_ = true;
  zk::Client client_;
};

class ListedLeaders final : public Leaders {
 public:
  explicit ListedLeaders(std::vector<Master> masters) { masters_.all = std::move(masters); }

  Result<Masters> find(std::stop_token) override { return masters_; }

  bool wait(Clock::time_point deadline, std::stop_token stop) override { return bell_.wait(deadline, stop); }

  std::stop_token news() override { return bell_.news(); }

  void heard_from(const Master* leader) override {
    masters_.leader.reset();
    if (leader == nullptr) return;
    masters_.leader = *leader;
    const auto same = [&](const Master& each) { return each.base == leader->base; };
    const auto found = std::find_if(masters_.all.begin(), masters_.all.end(), same);
    if (found == masters_.all.end()) return;
    *found = *leader;  // it may have told the IP behind its name
    std::rotate(masters_.all.begin(), found, found + 1);
  }

 private:
  Bell bell_;
  Masters masters_;
};

}  // namespace

std::unique_ptr<Leaders> leaders_of_zk(zk::Url url, milliseconds limit, bool https) {
  return std::make_unique<ZkLeaders>(std::move(url), limit, https);
}

std::unique_ptr<Leaders> leaders_of_list(const std::vector<Master>& masters) {
  return std::make_unique<ListedLeaders>(masters);
}

Result<Master> parse_master(std::string_view text, bool https) {
  constexpr std::string_view kWanted = "not the URL of a Mesos master; write http://host:5050";
  std::string_view rest = text;
  std::string scheme = https ? "https://" : "http://";
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    scheme = text.substr(0, end + 3);
    rest = text.substr(end + 3);
  }
  if (scheme != "http://" && scheme != "https://") return fail(Fault::Leave, std::string(kWanted));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
  if (rest.empty() || bracket == std::string_view::npos || rest.find_first_of("/?#@, \t") != std::string_view::npos) {
    return fail(Fault::Leave, std::string(kWanted));
  }
  const std::size_t colon = rest.find(':', bracket);
  Master master;
  master.port = 5050;
  std::string_view host = rest.substr(0, colon);
  if (colon != std::string_view::npos) {
    const char* end = rest.data() + rest.size();
    const auto [stopped, status] = std::from_chars(rest.data() + colon + 1, end, master.port);
    if (status != std::errc{} || stopped != end || master.port == 0) return fail(Fault::Leave, std::string(kWanted));
  }
  master.base = scheme + std::string(host) + ":" + std::to_string(master.port);
  if (host.starts_with('[')) host = host.substr(1, bracket - 1);
  if (host.empty() || (bracket != 0 && !is_ip(host))) return fail(Fault::Leave, std::string(kWanted));
  if (is_ip(host)) master.ip = host;
  master.hostname = host;
  return master;
}

}  // namespace muster::mesos
