#include "consul/peer.h"

#include <algorithm>
#include <utility>

namespace muster::consul {

std::string clip(std::string_view text) {
  constexpr std::size_t kShown = 200;
  std::string out(text.substr(0, kShown));
  while (text.size() > kShown && !out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80)
    out.pop_back();
  if (text.size() > kShown && !out.empty() && (out.back() & 0x80)) out.pop_back();
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  while (out.ends_with(' ')) out.pop_back();
  return text.size() > kShown ? out + "..." : out;
}

Result<std::string> Peer::get(const std::string& path, const std::stop_token& stop) {
  auto answer = send("GET", path, "", stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  return tl::unexpected(error(Fault::Retry, "GET", path, std::to_string(answer->status) + " " + answer->body));
}

Result<net::Response> Peer::put(const std::string& path, std::string body, const std::stop_token& stop) {
  return send("PUT", path, std::move(body), stop);
}

Result<net::Response> Peer::send(const char* method, const std::string& path, std::string body,
                                 const std::stop_token& stop) {
  net::Request request{.method = method, .base = url_, .path = path, .body = std::move(body)};
  if (const std::string token = credentials_.token(); !token.empty()) {
    request.headers.push_back("X-Consul-Token: " + token);
  }
  return client_.send(request, stop);
}

Error Peer::error(Fault fault, std::string_view method, std::string_view path, std::string text) const {
  const std::string token = credentials_.token();
  for (std::size_t at; !token.empty() && (at = text.find(token)) != std::string::npos;) {
    text.replace(at, token.size(), "<token>");
  }
  return {fault, std::string(method) + " " + url_ + std::string(path.substr(0, path.find('?'))) + ": " + clip(text)};
}

}  // namespace muster::consul
