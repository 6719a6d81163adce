// The pages for machines: /metrics, /health and /ready. The only file pair that includes civetweb.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/result.h"

namespace muster::web {

struct Readiness {
  bool ready = false;
  std::vector<std::string> details;  // one reason or remark a line
};

// Called on the server's threads, several at a time.
struct Pages {
  std::function<std::string()> metrics;  // Prometheus text format
  std::function<Readiness()> readiness;
};

// - /metrics  200
// - /health   200 "OK": the process is alive and nothing else
// - /ready    200 or 503, the details in the body
// Any other path is 404, any other method than GET and HEAD 405. One request a connection, at most 8 KiB of it.
// Owner of its threads: one that accepts and sixteen that answer. A silent connection holds one of these for half a
// second. Destruction joins them all, at once.
class Server {
 public:
  // `listen`: "ADDR:PORT", "[ADDR]:PORT" or ":PORT" for all interfaces, as cli::parse_listen answers it; port 0 takes a
  // free one. IPv6 needs a civetweb that was built with it, which Debian 12's is not: there ":PORT" is all of IPv4.
  // Error: names --listen and why it cannot be had. Fault::Retry: the address is in use, or this machine does not have
  // it now; else Fault::Leave.
  static Result<std::unique_ptr<Server>> start(const std::string& listen, Pages pages);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;

 private:
  struct Handle;
  explicit Server(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace muster::web
