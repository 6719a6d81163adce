// One Consul HTTP address, spoken to with our token.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "consul/settings.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::consul {

// Consul's own text for a message: one line, clipped, and never cut in the middle of a UTF-8 character.
std::string clip(std::string_view text);

// Thread: that of the client, which must outlive it, as must the credentials. Errors name method, address and path,
// and never hold our token, should the answer repeat it.
class Peer {
 public:
  Peer(net::HttpClient& client, const Credentials& credentials, std::string url)
      : client_(client), credentials_(credentials), url_(std::move(url)) {}

  const std::string& url() const { return url_; }
  // The body of a 200; anything else is Fault::Retry.
  Result<std::string> get(const std::string& path, const std::stop_token& stop);
  // Any status is an answer.
  Result<net::Response> put(const std::string& path, std::string body, const std::stop_token& stop);
  Error error(Fault fault, std::string_view method, std::string_view path, std::string text) const;

 private:
  Result<net::Response> send(const char* method, const std::string& path, std::string body,
                             const std::stop_token& stop);

  net::HttpClient& client_;
  const Credentials& credentials_;
  const std::string url_;
};

}  // namespace muster::consul
