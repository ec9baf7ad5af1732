// bar.h - makes the kernel drop whatever comes to a listening tcp socket from some addresses.
//
// A classic BPF filter of the socket. It sees what would begin a connection; connections
// that stand are not touched, but for those that were begun while it was there, which
// keep it, and never come from an address in it.
#pragma once

#include "net/crowd.h"

enum { BAR_ADDRESSES_MAX = 64 };

// None: the filter is taken away. If the kernel does not take the filter, nobody is barred.
void bar_set(int fd, const struct crowd_address *addresses, uint32_t count);
