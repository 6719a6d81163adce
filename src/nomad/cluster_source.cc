// Cluster scope: the event stream says at once where to look, a sweep over all allocations says what was missed, and
// where there is no stream a blocking query begins the next sweep.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "core/text.h"
#include "log/log.h"
#include "nomad/follow.h"
#include "nomad/source.h"
#include "nomad/subscription.h"

namespace muster::nomad {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Ids = std::vector<std::string>;

constexpr milliseconds kBetweenSweeps{1'000};  // where every change of the cluster begins one
constexpr milliseconds kLongestWait{300'000};  // Nomad's own limit of a blocking query
constexpr std::size_t kOneByOne = 2;           // more news than this of one node are read as its list

class ClusterSource final : public Source {
 public:
  explicit ClusterSource(NomadSettings settings)
      : settings_(std::move(settings)), reader_(settings_), events_(settings_) {}

  Result<Update> next(std::stop_token stop) override {
    while (!stop.stop_requested()) {
      if (events_.keep(reader_.client(), stop)) sweep_at_ = Clock::now();
      std::optional<Result<Update>> said = step(stop);
      if (said) return *std::move(said);
    }
    return fail(Fault::Retry, "stopped");
  }

 private:
  // What the present step has touched.
  struct Round {
    std::set<std::string> nodes;
    std::vector<Rejection> rejections;
    std::optional<Error> error;
    bool strays = false;  // something runs on a node that the list of nodes does not have
  };
  // What a sweep has to read of a node.
  struct News {
    Ids ids;            // not more than one over kOneByOne
    bool runs = false;  // something there has not ended
  };
  struct Dirty {
    std::map<std::string, std::pair<std::string, bool>> allocations;  // id -> node id, read it in any case
    std::set<std::string> nodes;
  };

  std::optional<Result<Update>> step(const std::stop_token& stop) {
    if (Clock::now() >= sweep_at_) return sweep(stop);
    Clock::time_point until = std::min(sweep_at_, events_.due());
    for (const std::string& id : timed_) until = std::min(until, nodes_.at(id)->due().value_or(until));
    if (events_.open()) {
      if (events_.wait(until, stop)) return on_events(stop);
    } else {
      poll(until, stop);
    }
    return on_time(stop);
  }

  // Without a stream: any change of any allocation begins a sweep.
  void poll(Clock::time_point until, const std::stop_token& stop) {
    Client& client = reader_.client();
    std::string path = "/v1/allocations";
    add_query(path, "namespace", settings_.ns);
    add_query(path, "task_states", "false");
    add_query(path, "per_page", "1");
    if (!client.waiting()) client.begin(std::move(path), std::max<std::uint64_t>(index_, 1), kLongestWait);
    const auto answer = client.wait(until, stop);
    if (!answer) return;
    const bool fine = *answer && (*answer)->status == 200;
    const bool news = fine && (*answer)->index != index_;
    if (fine && !news) return;
    sweep_at_ = std::min(sweep_at_, news ? swept_ + kBetweenSweeps : Clock::now() + backoff_.next());
  }

  // --- the full read ---
  Result<Update> sweep(const std::stop_token& stop) {
    Round round;
    swept_ = Clock::now();
    Result<Update> update = read_all(round, stop);
    if (update && !round.error) backoff_.reset();
    sweep_at_ = Clock::now() + (update && !round.error ? jittered(settings_.sweep) : backoff_.next());
    return update;
  }

  Result<Update> read_all(Round& round, const std::stop_token& stop) {
    const Result<Sight> sight = read_sight(reader_.client(), settings_.ns, stop);
    if (!sight) return tl::unexpected(sight.error());
    std::map<std::string, News> news;
    Result<StubList> listed = look_over(*sight, news, stop);
    if (listed && listed->index < index_) {
      for (auto& [id, node] : nodes_) node->ledger().restart();
      listed = look_over(*sight, news, stop);
    }
    if (!listed) return tl::unexpected(listed.error());
    index_ = listed->index;
    Result<std::vector<Node>> nodes = reader_.nodes(stop);
    if (!nodes) return tl::unexpected(nodes.error());
    if (auto known = take_nodes(*nodes, stop); !known) return tl::unexpected(known.error());
    round.rejections = std::move(listed->rejections);
    const bool whole = *sight == Sight::All && listed->whole && listed->unreadable.empty() && listed->index > 0;
    for (auto& [id, node] : nodes_) {
      for (const std::string& unreadable : listed->unreadable) node->ledger().see(unreadable);
    }
    take_news(news, whole, *sight, round, stop);
    if (round.error)
      log::warn("source", {{"source", "nomad"}, {"sweep", "cut short"}, {"error", round.error->message}});
    return full_update(*nodes, whole, round);
  }

  // Of tens of thousands of stubs only what is news is kept, and of a node with much of it only that it has.
  Result<StubList> look_over(Sight sight, std::map<std::string, News>& news, const std::stop_token& stop) {
    news.clear();
    for (auto& [id, node] : nodes_) node->ledger().begin_list();
    const auto look = [&](const Allocation& stub) {
      const auto known = nodes_.find(stub.node_id);
      if (known != nodes_.end()) known->second->ledger().see(stub.id);
      News& here = news[stub.node_id];
      here.runs = here.runs || phase_of(stub) != Phase::Ended;
      if (here.ids.size() <= kOneByOne && worth_reading(stub, sight)) here.ids.push_back(stub.id);
    };
    return reader_.stubs(look, stop);
  }

  Result<void> take_nodes(const std::vector<Node>& stubs, const std::stop_token& stop) {
    for (const Node& stub : stubs) {
      const auto known = nodes_.find(stub.id);
      if (known != nodes_.end() && known->second->node().modify_index >= stub.modify_index) continue;
      if (auto taken = take_node(stub.id, stop); !taken) return taken;
    }
    return {};
  }

  Result<void> take_node(const std::string& id, const std::stop_token& stop) {
    Result<Node> node = reader_.node(id, stop);
    if (!node) return tl::unexpected(node.error());
    auto& known = nodes_[id];
    if (known) known->set_node(*std::move(node));
    if (!known) known = std::make_unique<Followed>(settings_, *std::move(node));
    known->be_slim();
    return {};
  }

  // A node that cannot be read leaves the rest for the next sweep, and what was read is told all the same.
  void take_news(std::map<std::string, News>& news, bool whole, Sight sight, Round& round,
                 const std::stop_token& stop) {
    for (const auto& [id, here] : news) round.strays = round.strays || (here.runs && !nodes_.contains(id));
    for (auto& [id, node] : nodes_) {
      const Result<void> taken = take_news(*node, news[id].ids, whole, sight, round, stop);
      node->ledger().slice();  // packs it: a whole cluster's news would take several times as much until the end
      if (taken) continue;
      round.error = taken.error();
      return;
    }
  }

  // What had ended before we knew of it offers nothing; but where lists prove no absence, it proves its own end.
  bool worth_reading(const Allocation& said, Sight sight) const {
    const Ledger* const ledger = ledger_of(said.node_id);
    if (ledger != nullptr && ledger->holds(said.id)) return ledger->news(said);
    return phase_of(said) != Phase::Ended || sight != Sight::All;
  }

  Result<void> take_news(Followed& node, const Ids& news, bool whole, Sight sight, Round& round,
                         const std::stop_token& stop) {
    if (news.size() > kOneByOne) {
      Result<Listed> listed = reader_.node_allocations(node.node().id, stop);
      if (!listed) return tl::unexpected(listed.error());
      return node.take_list(*std::move(listed), sight, reader_, stop, round.rejections);
    }
    for (const std::string& id : news) {
      if (auto taken = node.take(id, false, reader_, stop, round.rejections); !taken) return taken;
    }
    return node.settle(whole, reader_, stop, round.rejections);
  }

  Update full_update(const std::vector<Node>& listed, bool whole, Round& round) {
    std::set<std::string_view> there;
    for (const Node& node : listed) there.insert(node.id);
    Update update;
    bool settled = whole && !round.error && !round.strays && !listed.empty();
    timed_.clear();
    for (const auto& [id, node] : nodes_) {
      node->ledger().tick(Clock::now());
      note_time(id, *node);
      update.slices.push_back({host_of(node->node()), node->ledger().slice()});
      settled = settled && update.slices.back().slice->complete;
    }
    if (settled) update.domain = Domain::All;
    // What ended with a node that is gone is told once more, and then the node no longer.
    std::erase_if(nodes_,
                  [&](const auto& each) { return !there.contains(each.first) && !each.second->ledger().has_live(); });
    std::erase_if(timed_, [&](const std::string& id) { return !nodes_.contains(id); });
    update.rejections = std::move(round.rejections);
    return update;
  }

  // --- events ---
  std::optional<Result<Update>> on_events(const std::stop_token& stop) {
    const std::optional<std::vector<EventBatch>> batches = events_.read(reader_.pool(), stop);
    if (stop.stop_requested()) return std::nullopt;
    if (!batches) {
      sweep_at_ = Clock::now();  // what it would have said until now
      return std::nullopt;
    }
    Round round;
    Dirty dirty;
    for (const EventBatch& batch : *batches) {
      for (const Event& event : batch.events) note(event, dirty);
      std::copy(batch.rejections.begin(), batch.rejections.end(), std::back_inserter(round.rejections));
    }
    look(dirty, round, stop);
    return some_update(std::move(round));
  }

  void note(const Event& event, Dirty& dirty) const {
    if (event.topic == "Node") dirty.nodes.insert(event.key);
    if (const auto* allocation = std::get_if<Allocation>(&event.payload)) {
      const Ledger* const ledger = ledger_of(allocation->node_id);
      const bool in_scope = settings_.ns == "*" || allocation->ns == settings_.ns;
      if (!in_scope || (ledger != nullptr && !worth_reading(*allocation, Sight::All))) return;
      const bool waits =
          phase_of(*allocation) == Phase::Pending && (ledger == nullptr || !ledger->holds(allocation->id));
      if (!waits) dirty.allocations.try_emplace(allocation->id, allocation->node_id, false);
    }
    // Whatever its type says: it may be there, have changed, or be gone.
    if (const auto* row = std::get_if<NativeService>(&event.payload)) {
      const Ledger* const ledger = ledger_of(row->node_id);
      if (ledger == nullptr || !ledger->holds(row->alloc_id)) return;
      dirty.allocations[row->alloc_id] = {row->node_id, true};
    }
  }

  const Ledger* ledger_of(const std::string& node_id) const {
    const auto found = nodes_.find(node_id);
    return found == nodes_.end() ? nullptr : &found->second->ledger();
  }

  // One that cannot be read now is the next sweep's.
  void look(const Dirty& dirty, Round& round, const std::stop_token& stop) {
    const auto failed = [&](const Error& error) {
      round.error = error;
      sweep_at_ = std::min(sweep_at_, Clock::now() + backoff_.next());
    };
    for (const std::string& id : dirty.nodes) {
      if (auto taken = take_node(id, stop); !taken) failed(taken.error());
      if (nodes_.contains(id)) round.nodes.insert(id);
    }
    for (const auto& [id, where] : dirty.allocations) {
      const auto& [node_id, again] = where;
      if (!nodes_.contains(node_id)) {
        if (auto taken = take_node(node_id, stop); !taken) {
          failed(taken.error());
          continue;
        }
      }
      const auto taken = nodes_.at(node_id)->take(id, again, reader_, stop, round.rejections);
      if (!taken) failed(taken.error());
      round.nodes.insert(node_id);
    }
  }

  std::optional<Result<Update>> on_time(const std::stop_token& stop) {
    Round round;
    const Clock::time_point now = Clock::now();
    for (const std::string& id : timed_) {
      Followed& node = *nodes_.at(id);
      if (node.due().value_or(Clock::time_point::max()) > now) continue;
      node.ledger().tick(now);
      static_cast<void>(node.look_again(reader_, stop, round.rejections));
      round.nodes.insert(id);
    }
    return some_update(std::move(round));
  }

  std::optional<Result<Update>> some_update(Round round) {
    Update update;
    update.full = false;
    update.rejections = std::move(round.rejections);
    for (const std::string& id : round.nodes) {
      Followed& node = *nodes_.at(id);
      update.slices.push_back({host_of(node.node()), node.ledger().slice()});
      note_time(id, node);
    }
    if (!update.slices.empty()) return update;
    if (round.error) return tl::unexpected(*std::move(round.error));
    return std::nullopt;
  }

  void note_time(const std::string& id, const Followed& node) {
    if (node.due()) {
      timed_.insert(id);
    } else {
      timed_.erase(id);
    }
  }

  static HostRef host_of(const Node& node) {
    const std::string ip = usable_ip(node.address) ? node.address : "";
    return {node.id, ip, std::string(attribute(node, "unique.consul.name")), ""};
  }

  const NomadSettings settings_;
  Reader reader_;
  Subscription events_;
  std::map<std::string, std::unique_ptr<Followed>> nodes_;  // by node id
  std::set<std::string> timed_;                             // ids of nodes with something that is due at a time
  std::uint64_t index_ = 0;                                 // of the last sweep's list
  Clock::time_point sweep_at_{}, swept_{};
  Backoff backoff_;
};

}  // namespace

std::unique_ptr<Source> make_cluster_source(NomadSettings settings) {
  return std::make_unique<ClusterSource>(std::move(settings));
}

}  // namespace muster::nomad
