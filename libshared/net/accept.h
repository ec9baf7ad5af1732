// accept.h - what happens when a connection comes and no descriptor is left for it.
//
// libzmq 4.3.4 aborts the process then (ipc), or asks again without end (tcp), and has no
// option about it. So the program has an accept4() of its own, which the dynamic linker finds
// before that of the C library: it keeps one descriptor spare, takes the connection with
// that, closes it, and says ECONNABORTED, which libzmq takes for a peer that was gone.
#pragma once

#include "base/fault.h"

// Keeps the spare descriptor, and makes sure that libzmq would find our function. REFUSED if it
// would not, IO. May be repeated.
enum status accept_prepare(struct fault *fault) MUST_USE;
