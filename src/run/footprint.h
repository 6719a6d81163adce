// Memory that starting needed and running does not.
#pragma once

namespace muster::run {

// Gives back to the system what the process holds and does not use: free heap, and the pages of programs and libraries
// that were touched once, by the linker and by initialisers (13 of 15 MB with libcurl and a TLS library). What is
// needed again comes from the page cache at its next use. Thread: any; takes milliseconds.
void give_back_memory();

}  // namespace muster::run
