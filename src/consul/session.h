// A Consul session and the lock that it may hold on a key (Consul API, Session and KV; behaviour as measured on 1.8.7).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "consul/settings.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::consul {

struct SessionSettings {
  std::string url;   // of the Consul agent that is asked
  std::string name;  // for people who list sessions
  // 10 s to 24 h. A session that is not renewed is gone between one and two TTLs later.
  std::chrono::milliseconds ttl{15'000};
  // How long nobody may have a key whose session went away; at most 60 s. A key that was released has no delay.
  std::chrono::milliseconds lock_delay{10'000};
  std::chrono::milliseconds longest_wait{5'000};  // of wait()
  std::chrono::milliseconds timeout{2'500};       // of every other request
};

// Who holds a lock, as it says in the key's value.
struct Holder {
  std::string host;
  std::int64_t pid = 0;
  friend bool operator==(const Holder&, const Holder&) = default;
};

std::string encode_holder(const Holder& holder);
// What is not ours to read is a Holder without host.
Holder decode_holder(std::string_view value);

// A key at one moment.
struct LockState {
  std::string session;           // of the holder; empty: free, or not there at all
  std::uint64_t lock_index = 0;  // counts the acquisitions; starts again only when someone deletes the key
  Holder holder;
  std::uint64_t index = 0;  // for wait(); 0: none, wait() would answer at once
};

// Body of GET /v1/kv/<key>. Pure. Error (Fault::Retry): not such a body.
Result<LockState> decode_lock(std::string_view body);

// Thread: one. Every error is Fault::Retry and names the agent. Ends neither itself nor the lock on destruction.
class Session {
 public:
  Session(SessionSettings settings, const ConsulSettings& consul, std::shared_ptr<const Credentials> credentials);

  const std::string& id() const { return id_; }  // empty: there is none

  // Lives while it is renewed and the node of the asked agent is alive (serfHealth).
  Result<void> create(std::stop_token stop);
  // False: Consul does not know it any more, and id() is empty.
  Result<bool> renew(std::stop_token stop);
  // True: held, now or already. False: by another, or in its lock delay.
  Result<bool> acquire(const std::string& key, const Holder& holder, std::stop_token stop);
  // Blocks until the key is not as it was at `index`, or for `longest_wait` and a sixteenth.
  Result<LockState> wait(const std::string& key, std::uint64_t index, std::stop_token stop);
  // Gives the key back if it is held, then ends the session: in this order, since the end of a session that holds a key
  // starts the key's lock delay. Takes at most twice `deadline`.
  Result<void> leave(const std::string& key, std::chrono::milliseconds deadline);

 private:
  net::Request make_request(std::string method, std::string path, std::string body = "") const;
  Result<net::Response> call(net::HttpClient& client, const net::Request& request, const std::stop_token& stop);
  net::HttpOptions options(std::chrono::milliseconds timeout) const;

  const SessionSettings settings_;
  const net::HttpOptions http_;
  const std::shared_ptr<const Credentials> credentials_;
  net::HttpClient client_;
  net::HttpClient waiting_;
  std::string id_;
};

}  // namespace muster::consul
