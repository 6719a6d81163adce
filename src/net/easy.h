// One HTTP exchange as libcurl sees it, without what drives it: Transfer drives one, Polls drives many.
// libcurl is included by easy.cc, transfer.cc and polls.cc, and by nothing else.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace muster::net {

// How a connection is held, where one client wants it otherwise than another.
struct Holding {
  long probe_after = 30;  // seconds of silence before TCP asks whether the peer lives
  long probe_again = 30;  // seconds between such questions
  long buffer = 0;        // bytes read at once; 0: libcurl's own choice, 16 KiB
};

// Thread: one. Belongs to one CURLM at a time, which must have let it go before it is destroyed.
class Easy {
 public:
  explicit Easy(const HttpOptions& options, const Holding& holding = {});
  ~Easy();
  Easy(const Easy&) = delete;
  Easy& operator=(const Easy&) = delete;

  // Makes it ready for another exchange; 0: no deadline for the whole. `request` must outlive it: nothing is copied.
  Result<void> prepare(const Request& request, std::chrono::milliseconds timeout);
  // libcurl's verdict, a CURLcode.
  void finish(int code);
  bool done() const;
  Result<void> outcome() const;  // once done
  tl::unexpected<Error> error(std::string_view what) const;
  bool has_head() const { return has_head_; }  // status and all headers
  void* handle() const;                        // the CURL*; null: no memory

  int status = 0;
  std::map<std::string, std::string> headers;

  enum class Sink { Taken, Later, Fail };
  std::function<Sink(std::string_view)> sink;  // takes all of the bytes or none

 private:
  struct Curl;
  bool on_header(std::string_view line);
  std::string hint() const;

  std::unique_ptr<Curl> curl_;
  const Request* request_ = nullptr;
  bool has_head_ = false;
  std::size_t head_bytes_ = 0;
};

}  // namespace muster::net
