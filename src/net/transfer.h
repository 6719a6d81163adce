// One HTTP exchange at a time over kept connections: what HttpClient and HttpStream share.
#pragma once

#include <chrono>
#include <memory>

#include "net/easy.h"

namespace muster::net {

// Thread: one, but for wake().
class Transfer : public Easy {
 public:
  explicit Transfer(const HttpOptions& options);
  ~Transfer();

  // `whole`: the deadline covers the exchange. `request` must outlive it: nothing is copied.
  Result<void> begin(const Request& request, bool whole);
  void end();
  // Moves what can be moved, then waits for more, at most `wait`. The sink is called from here.
  void step(std::chrono::milliseconds wait);
  // After the sink has refused: offers the same bytes again.
  void resume();
  // Any thread: ends a wait in step(), now or the next.
  void wake() const;

 private:
  struct Multi;
  std::unique_ptr<Multi> multi_;
  const std::chrono::milliseconds timeout_;
  bool running_ = false;
};

}  // namespace muster::net
