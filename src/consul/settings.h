// How muster reaches Consul agents, and the token it shows them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "muster/host.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::consul {

inline constexpr std::chrono::milliseconds kDefaultTimeout{5000};
inline constexpr std::chrono::milliseconds kDefaultConnectTimeout{1000};

// What to do about an agent that is not the one we mean, or does not tell (see identity.h).
enum class Verify : std::uint8_t { Off, Report, Enforce };

// Filled by the setters of consul_flags, then by apply_environment; read-only afterwards.
struct ConsulSettings {
  bool ssl = false;           // https to the agents of hosts; a fixed agent's URL says so itself
  std::uint16_t port = 8500;  // of the agents of hosts
  std::string agent;          // one fixed agent for all hosts, without a trailing slash; empty: each host's own
  Verify verify = Verify::Report;
  bool catalog = false;  // hosts have no agents: see catalog_agent.h
  std::string token;
  std::string token_file;  // read at start and by Credentials::reload; wins over `token`
  std::string basic_auth;  // "user:password"
  net::TlsSettings tls;
  std::chrono::milliseconds connect_timeout = kDefaultConnectTimeout;
  std::chrono::milliseconds timeout = kDefaultTimeout;  // whole request
  std::vector<std::string> warnings;                    // for the log, once, at start
  std::set<std::string> given;                          // names of the flags that were set: the environment yields
};

// The agent that serves the host of this IP literal: the fixed one, else the host's own.
AgentKey agent_at(const ConsulSettings& settings, std::string_view ip);

// For HttpClient and HttpStream.
net::HttpOptions http_options(const ConsulSettings& settings);

// What Consul's own tools read from the environment; flags win. `get` is like getenv (null: not set). Call after all
// flags are set. Knows CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_AUTH, CONSUL_HTTP_SSL,
// CONSUL_HTTP_SSL_VERIFY, CONSUL_CACERT, CONSUL_CAPATH, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME.
// CONSUL_HTTP_ADDR names the agent of one machine, and muster speaks to those of all hosts: it is ignored with a
// warning, or silently where --consul-agent says which one is meant.
// Error (Fault::Leave): a value that cannot be read, named with its variable.
using GetEnv = std::function<const char*(const char*)>;
Result<void> apply_environment(ConsulSettings& settings, const GetEnv& get);

// The token as of now. Thread: any.
class Credentials {
 public:
  // Reads the token file and makes sure that the certificate files can be read. Fault::Leave names flag and file.
  static Result<std::shared_ptr<Credentials>> load(const ConsulSettings& settings);

  // SIGHUP: the token, or what its file holds now, of settings that were read again: both may have changed. After an
  // error the old token stays. Certificates need no reload: they are read for each new connection.
  Result<void> reload(const ConsulSettings& settings);
  std::string token() const;

 private:
  Credentials() = default;

  mutable std::mutex mutex_;
  std::string token_;
};

}  // namespace muster::consul
