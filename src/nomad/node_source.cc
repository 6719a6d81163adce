// Node scope: one blocking query for the allocations of one node. It wakes for that node's changes alone, so that
// between two wake-ups and audits nothing is asked at all.
#include <algorithm>
#include <optional>
#include <utility>

#include "nomad/follow.h"
#include "nomad/source.h"

namespace muster::nomad {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{300'000};  // Nomad's own limit of a blocking query
constexpr milliseconds kLongestRest{5'000};    // one daemon asks one client, and what ended while that was away waits
constexpr char kLocal[] = "127.0.0.1";         // where the Consul agent is that no --consul-agent names

class NodeSource final : public Source {
 public:
  explicit NodeSource(NomadSettings settings) : settings_(std::move(settings)), reader_(settings_) {}

  Result<Update> next(std::stop_token stop) override {
    Result<Update> update = fail(Fault::Retry, "stopped");
    if (rest_ > Clock::now()) reader_.client().wait(rest_, stop);
    while (!stop.stop_requested()) {
      std::optional<Result<Update>> said = step(stop);
      if (!said) continue;
      if (*said) backoff_.reset();
      if (!*said) fall_back();
      return *std::move(said);
    }
    return update;
  }

 private:
  void fall_back() {
    reader_.client().drop();
    rest_ = Clock::now() + std::min(backoff_.next(), kLongestRest);
    index_ = 0;
  }

  std::optional<Result<Update>> step(const std::stop_token& stop) {
    if (auto ready = prepare(stop); !ready) return tl::unexpected(ready.error());
    Client& client = reader_.client();
    const std::string path = Reader::node_path(followed_->node().id);
    if (!client.waiting()) client.begin(path, index_, wait_);
    const Clock::time_point until =
        std::min(followed_->due().value_or(Clock::time_point::max()), Clock::now() + 2 * kLongestWait);
    std::optional<Result<Answer>> answer = client.wait(until, stop);
    if (stop.stop_requested()) return std::nullopt;
    if (!answer) return on_time(stop);
    if (!*answer) return tl::unexpected((*answer).error());
    return on_answer(path, **answer, stop);
  }

  // Who we are, what the node is called, and what we may see: at first, after an error, and at each audit.
  Result<void> prepare(const std::stop_token& stop) {
    if (followed_ && Clock::now() < audit_) return {};
    std::string id = followed_ ? followed_->node().id : settings_.node_id;
    if (id.empty()) {
      Result<std::string> told = reader_.node_id(stop);
      if (!told) return tl::unexpected(told.error());
      id = *std::move(told);
    }
    Result<Node> node = reader_.node(id, stop);
    if (!node) return tl::unexpected(node.error());
    const Result<Sight> sight = read_sight(reader_.client(), settings_.ns, stop);
    if (!sight) return tl::unexpected(sight.error());
    sight_ = *sight;
    if (!followed_) followed_.emplace(settings_, *node);
    followed_->set_node(*std::move(node));
    wait_ = jittered(std::min(settings_.sweep, kLongestWait));
    audit_ = Clock::now() + wait_;
    return {};
  }

  std::optional<Result<Update>> on_time(const std::stop_token& stop) {
    Update update;
    update.full = false;
    const SlicePtr before = followed_->ledger().slice();
    followed_->ledger().tick(Clock::now());
    static_cast<void>(followed_->look_again(reader_, stop, update.rejections));
    if (followed_->ledger().slice() == before) return std::nullopt;
    return finish(std::move(update));
  }

  Result<Update> on_answer(const std::string& path, const Answer& answer, const std::stop_token& stop) {
    Result<Listed> listed = reader_.decode_list(path, answer);
    if (!listed) return tl::unexpected(listed.error());
    // A smaller index is that of a restored cluster, or of a list whose newest was collected.
    if (listed->index < highest_) followed_->ledger().restart();
    highest_ = listed->index;
    index_ = std::max<std::uint64_t>(listed->index, 1);
    Update update;
    if (auto taken = followed_->take_list(*std::move(listed), sight_, reader_, stop, update.rejections); !taken) {
      return tl::unexpected(taken.error());
    }
    followed_->ledger().tick(Clock::now());
    return finish(std::move(update));
  }

  Update finish(Update update) {
    const Node& node = followed_->node();
    HostRef host{node.id, kLocal, std::string(attribute(node, "unique.consul.name")), ""};
    update.slices.push_back({std::move(host), followed_->ledger().slice()});
    return update;
  }

  const NomadSettings settings_;
  Reader reader_;
  std::optional<Followed> followed_;
  Sight sight_ = Sight::Partial;
  std::uint64_t index_ = 0;    // to wait for the next of; 0: read at once
  std::uint64_t highest_ = 0;  // of the last list, whatever failed since
  milliseconds wait_{kLongestWait};
  Clock::time_point audit_{}, rest_{};
  Backoff backoff_;
};

}  // namespace

std::unique_ptr<Source> make_node_source(NomadSettings settings) {
  return std::make_unique<NodeSource>(std::move(settings));
}

}  // namespace muster::nomad
