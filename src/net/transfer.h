// One HTTP exchange at a time over kept connections: what HttpClient and HttpStream share. transfer.cc is the only file
// that includes libcurl.
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

// Thread: one, but for wake().
class Transfer {
 public:
  explicit Transfer(const HttpOptions& options);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // `whole`: the deadline covers the exchange. `request` must outlive it: nothing is copied.
  Result<void> begin(const Request& request, bool whole);
  void end();
  // Moves what can be moved, then waits for more, at most `wait`. The sink is called from here.
  void step(std::chrono::milliseconds wait);
  // After the sink has refused: offers the same bytes again.
  void resume();
  // Any thread: ends a wait in step(), now or the next.
  void wake() const;

  bool done() const;
  bool has_head() const { return has_head_; }  // status and all headers
  Result<void> outcome() const;                // once done
  tl::unexpected<Error> error(std::string_view what) const;

  int status = 0;
  std::map<std::string, std::string> headers;

  enum class Sink { Taken, Later, Fail };
  std::function<Sink(std::string_view)> sink;  // takes all of the bytes or none

 private:
  struct Curl;
  bool on_header(std::string_view line);

  std::unique_ptr<Curl> curl_;
  const Request* request_ = nullptr;
  bool has_head_ = false;
  std::size_t head_bytes_ = 0;
};

}  // namespace muster::net
