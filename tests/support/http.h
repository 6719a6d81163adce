// The plainest HTTP client, so that a test does not look at muster through muster's own eyes.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace muster::support {

struct HttpAnswer {
  int status = 0;  // 0: no whole answer came; body holds why
  std::string body{};
  std::map<std::string, std::string> headers;  // names in lower case
};

struct HttpCall {
  std::string method = "GET";
  std::string address = "127.0.0.1";
  int port = 0;
  std::string path = "/";
  std::string body{};
  std::vector<std::string> headers{};  // "Name: value"
  std::chrono::milliseconds timeout{10000};
};

// One connection a call, HTTP/1.0.
HttpAnswer http(const HttpCall& call);

}  // namespace muster::support
