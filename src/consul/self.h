// What an agent says of itself.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "consul/settings.h"
#include "muster/host.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::consul {

// From GET /v1/agent/self (needs agent:read).
struct Self {
  std::string node;
  std::string node_id;
  std::string address;  // Member.Addr: what the agent advertises
  int status = 0;       // Member.Status (serf): 1 alive, 2 leaving, 3 left; 0: not told
  friend bool operator==(const Self&, const Self&) = default;
};

// It leaves its cluster and still takes whatever it is sent, until its process ends. Pure.
bool is_leaving(const Self& self);
// Pure. Errors: Fault::Retry.
Result<Self> decode_self(std::string_view body);

// Asks agents for it: one worker's, so that two parts of one run over an agent ask once. Thread: that of the client,
// which must outlive it, as must the credentials.
class Selves {
 public:
  // An agent that leaves says so for 600 ms and more before its node leaves the catalog (1.8.7).
  static constexpr std::chrono::milliseconds kFresh{200};

  Selves(net::HttpClient& client, const Credentials& credentials) : client_(client), credentials_(credentials) {}

  Result<Self> ask(const AgentKey& agent, const std::stop_token& stop);
  // The last answer, where it is of this agent and no older than kFresh; else asks.
  Result<Self> recent(const AgentKey& agent, const std::stop_token& stop);

 private:
  using Clock = std::chrono::steady_clock;
  struct Said {
    AgentKey agent;
    Self self;
    Clock::time_point asked;
  };

  net::HttpClient& client_;
  const Credentials& credentials_;
  std::optional<Said> last_;
};

}  // namespace muster::consul
