#include "run/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>

namespace muster::run {
namespace {

constexpr std::array kWaitedFor{SIGTERM, SIGINT, SIGHUP, SIGUSR1};

}  // namespace

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kWaitedFor) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Whoever started us in the background may have had one ignored, and then it would never come.
  for (const int number : kWaitedFor) std::signal(number, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

Signals::~Signals() {
  close(signals_);
  close(wake_);
}

std::optional<int> Signals::wait(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    const std::uint64_t one = 1;
    if (write(wake_, &one, sizeof one) < 0) return;  // full: it is readable anyway
  });
  for (;;) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if ((fds[0].revents & POLLIN) != 0) {
      signalfd_siginfo info{};
      if (read(signals_, &info, sizeof info) == sizeof info) return static_cast<int>(info.ssi_signo);
    }
    std::uint64_t woken = 0;
    if (read(wake_, &woken, sizeof woken) < 0) woken = 0;  // nothing to read: nobody stopped this wait
    if (stop.stop_requested()) return std::nullopt;
  }
}

}  // namespace muster::run
