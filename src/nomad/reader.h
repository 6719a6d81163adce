// Reads of Nomad's API as values, and what each answer proves.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nomad/client.h"
#include "nomad/decode.h"

namespace muster::nomad {

// Of an allocation that was asked for by its id.
struct Found {
  std::optional<Allocation> allocation;
  bool gone = false;  // there is none of this id, whatever our rights are; neither: we may not see it
};

// A full list, and whether it can be believed: not one without a leader, or with the index 0 of a server that has
// nothing yet.
struct Listed {
  Allocations allocations;
  std::uint64_t index = 0;
};

// A list of stubs, but for the stubs themselves.
struct StubList {
  std::vector<std::string> unreadable;  // as in Allocations
  std::vector<Rejection> rejections;
  bool whole = true;
  std::uint64_t index = 0;
};

// Thread: one. Errors name peer and path.
class Reader {
 public:
  explicit Reader(const NomadSettings& settings) : settings_(settings), client_(settings) {}

  Client& client() { return client_; }
  JobPool& pool() { return pool_; }

  // /v1/agent/self: the node of the client agent that answers (needs agent:read).
  Result<std::string> node_id(std::stop_token stop);
  Result<Node> node(const std::string& id, std::stop_token stop);
  Result<std::vector<Node>> nodes(std::stop_token stop);  // stubs
  static std::string node_path(const std::string& id);    // of its allocations
  Result<Listed> decode_list(const std::string& path, const Answer& answer);
  Result<Listed> node_allocations(const std::string& id, std::stop_token stop);
  // The stubs of all namespaces that we follow, page by page, none of which is kept. Pages are snapshots of their own.
  using OnStub = std::function<void(const Allocation& stub)>;
  Result<StubList> stubs(const OnStub& on_stub, std::stop_token stop);
  Result<Found> allocation(const std::string& id, std::stop_token stop);
  // The rows of Nomad's own discovery; empty where it has none (before 1.3), or where they cannot be read.
  std::vector<NativeService> rows(const Allocation& allocation, std::stop_token stop);

 private:
  const NomadSettings& settings_;
  Client client_;
  JobPool pool_;
  bool has_rows_ = true;
};

// How many rows of Nomad's own discovery it should have now.
std::size_t rows_expected(const Allocation& allocation);

}  // namespace muster::nomad
