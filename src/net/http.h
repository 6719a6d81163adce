// HTTP over TCP, TLS and unix sockets: thin RAII over libcurl, which nothing outside this folder includes.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"

namespace muster::net {

struct TlsSettings {
  bool verify = true;
  std::string ca_file;
  std::string ca_path;
  std::string cert_file;  // PEM; may hold the key too
  std::string key_file;   // empty: the key is in cert_file
  std::string server_name;
  friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{1000};
  std::chrono::milliseconds timeout{5000};  // whole exchange (HttpClient); silence between bytes (HttpStream)
  std::size_t max_body = 64u << 20;         // a larger answer is an error (HttpClient)
  std::string basic_auth{};                 // "user:password"
  TlsSettings tls{};
  friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

struct Request {
  std::string method = "GET";
  std::string base{};  // "http://h:p", "https://h:p" or "unix:///path/to.sock"
  std::string path{};  // begins with '/', already percent-encoded, with its query
  std::string body{};
  std::vector<std::string> headers{};  // "Name: value"
};

struct Response {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
};

// Percent-encodes one path segment or query value (RFC 3986 unreserved characters stay).
std::string escape(std::string_view text);

// Calls once per process before any thread exists (curl_global_init).
void global_init();

// One keep-alive client for one thread. Any HTTP status is a Response; an Error (Fault::Retry) names method, peer and
// path and what failed: refused, timed out, reset, truncated, too large. Redirects are never followed here.
// A fired stop_token ends the call within 100 ms with Fault::Retry "stopped".
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  Result<Response> send(const Request& request, std::stop_token stop);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

// An answer whose body is pulled piece by piece on the caller's thread: a huge document or an endless stream.
class HttpStream {
 public:
  // Sends the request and waits for status and headers.
  static Result<HttpStream> open(const Request& request, const HttpOptions& options, std::stop_token stop);
  ~HttpStream();
  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) noexcept;

  int status() const;
  std::string header(std::string_view lower_case_name) const;  // empty when absent

  // Blocks for at least one byte, up to HttpOptions::timeout of silence. 0: the body ended as it should.
  // A body cut short is an Error, never a 0. Memory held stays under 1 MiB whatever the peer sends.
  Result<std::size_t> read(char* into, std::size_t size, std::stop_token stop);
  // Blocks until read() can answer at once, be it with an error or the end: true. False: `until` came, or a stop; the
  // stream goes on.
  bool wait(std::chrono::steady_clock::time_point until, std::stop_token stop);

 private:
  struct Handle;
  explicit HttpStream(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace muster::net
