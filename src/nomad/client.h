// HTTP to a Nomad cluster: one long poll and one other request at a time, so that a daemon holds two connections. Nomad
// closes what comes over 100 a peer (limits.http_max_conns_per_client).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "muster/result.h"
#include "net/http.h"
#include "net/polls.h"
#include "net/secret_file.h"
#include "nomad/settings.h"

namespace muster::nomad {

struct Answer {
  int status = 0;
  std::string body;
  std::uint64_t index = 0;  // X-Nomad-Index; 0: not told
  bool leader = true;       // X-Nomad-KnownLeader is not false
  std::string next;         // X-Nomad-NextToken: empty on the last page
};

// Appends "key=value", encoded, with ? or & as it fits.
void add_query(std::string& path, std::string_view key, std::string_view value);

// Thread: one. Errors are Fault::Retry and name method, peer and path. Any status is an answer; when a peer cannot be
// reached, or says 429 or 5xx, the next address has its turn with the next call.
class Client {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Client(const NomadSettings& settings);

  Result<Answer> get(const std::string& path, std::stop_token stop);

  // A blocking query: returns at once; its answer comes from wait(). One under way is dropped.
  void begin(std::string path, std::uint64_t index, std::chrono::milliseconds wait);
  bool waiting() const { return waiting_ || arrived_.has_value(); }
  // The poll's answer; nothing: `until` came, or the stop.
  std::optional<Result<Answer>> wait(Clock::time_point until, std::stop_token stop);
  void drop();

  // For a request that is made elsewhere: peer, region and token as get() would use them.
  net::Request request(std::string path);
  const net::HttpOptions& options() const { return options_; }
  // What stands between a status that is not 200 and an error for people.
  tl::unexpected<Error> refusal(const std::string& path, const Answer& answer) const;
  // The peer of the last request failed: ask the next one.
  void next_peer();

 private:
  static constexpr net::Polls::Id kLong = 0, kPlain = 1;

  void done(net::Polls::Id id, Result<net::Response> response);
  Answer answer_of(net::Response response);

  const NomadSettings& settings_;
  const net::HttpOptions options_;
  net::SecretFile token_file_;
  std::size_t peer_ = 0;
  std::string asked_;     // the base of the last request, for messages
  bool waiting_ = false;  // a long poll is under way
  std::optional<Result<Answer>> arrived_, plain_;
  net::Polls polls_;
};

}  // namespace muster::nomad
