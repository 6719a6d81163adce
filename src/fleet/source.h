// The fleet source: reads the cluster's units, states and machines at every tick. Its API has nothing to wait on.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "fleet/ledger.h"
#include "muster/source.h"
#include "net/http.h"

namespace muster::fleet {

struct SourceSettings {
  std::vector<std::string> endpoints;  // tried in turn; never empty
  std::chrono::milliseconds refresh{std::chrono::seconds(2)};
  net::HttpOptions http;
  LedgerSettings ledger;
};

// A failed read is tried again after 250 ms, doubling and jittered, at most ten times `refresh`.
std::unique_ptr<Source> make_source(SourceSettings settings);

}  // namespace muster::fleet
