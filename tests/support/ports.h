// Ports that no other test on this machine will get.
#pragma once

namespace muster::support {

// A port that is free for TCP and UDP on every loopback address, below the range of outgoing connections. It is
// reserved for this process until it ends, so tests that run side by side never meet. Aborts when there is none left.
int free_port();

}  // namespace muster::support
