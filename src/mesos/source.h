// The Mesos source: reads the leader's /state at every tick and at every change of leader.
#pragma once

#include <chrono>
#include <memory>

#include "mesos/auth.h"
#include "mesos/leader.h"
#include "mesos/ledger.h"
#include "muster/source.h"
#include "net/http.h"

namespace muster::mesos {

struct SourceSettings {
  std::chrono::milliseconds refresh{std::chrono::seconds(10)};
  net::HttpOptions http;
  StateLimits limits;
  LedgerSettings ledger;
  std::shared_ptr<Authorizer> auth{};  // null: no master wants to know who asks
};

// A failed read is tried again after 250 ms, doubling and jittered, at most `refresh`.
std::unique_ptr<Source> make_source(SourceSettings settings, std::unique_ptr<Leaders> leaders);

}  // namespace muster::mesos
