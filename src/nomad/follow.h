// What both scopes do with a node's allocations: fold what is news, ask by id for what is missing, and come back for
// native services that register a moment after their task.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "nomad/ledger.h"
#include "nomad/reader.h"
#include "nomad/rights.h"

namespace muster::nomad {

// 250 ms, doubling with each failure, at most 30 s; half of it is chance.
class Backoff {
 public:
  std::chrono::milliseconds next();
  void reset() { failures_ = 0; }

 private:
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

// `most` less up to a tenth, so that a thousand daemons do not ask in step.
std::chrono::milliseconds jittered(std::chrono::milliseconds most);

// One node: who it is, and what runs there. Thread: one.
class Followed {
 public:
  using Time = Ledger::Time;

  Followed(const NomadSettings& settings, Node node) : settings_(settings), node_(std::move(node)), ledger_(settings) {}

  const Node& node() const { return node_; }
  void set_node(Node node) { node_ = std::move(node); }
  // Of thousands of nodes: attributes and meta are asked for where a service names one, and not kept.
  void be_slim();
  Ledger& ledger() { return ledger_; }

  // A list of all of the node's allocations: the answer proves an absence only where `sight` is All.
  Result<void> take_list(Listed listed, Sight sight, Reader& reader, std::stop_token stop,
                         std::vector<Rejection>& rejections);
  // After a list that the ledger has seen and whose news have been folded: asks for what it lacks. `whole`: it lacks
  // nothing that we may not see.
  Result<void> settle(bool whole, Reader& reader, std::stop_token stop, std::vector<Rejection>& rejections);
  // One of them, read by its id; `again`: also when it is no news.
  Result<void> take(const std::string& id, bool again, Reader& reader, std::stop_token stop,
                    std::vector<Rejection>& rejections);
  // Native services that were not there yet. What cannot be read now, or may not be seen, is asked for again in 30 s.
  Result<void> look_again(Reader& reader, std::stop_token stop, std::vector<Rejection>& rejections);
  std::optional<Time> due() const;

 private:
  struct Late {
    Time at;
    int tries = 0;
  };

  void fold(const Allocation& allocation, bool again, Reader& reader, const std::stop_token& stop,
            std::vector<Rejection>& rejections);
  void end(const std::string& id);
  Node whole_node(const Allocation& allocation, Reader& reader, const std::stop_token& stop) const;
  Result<bool> account(const std::vector<std::string>& missing, Reader& reader, const std::stop_token& stop,
                       std::vector<Rejection>& rejections);

  const NomadSettings& settings_;
  Node node_;
  bool slim_ = false;
  Ledger ledger_;
  std::map<std::string, Late> late_;  // by allocation id
};

}  // namespace muster::nomad
