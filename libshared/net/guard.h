// guard.h - keeps strangers from costing us anything while they have proved nothing.
//
// Before a handshake is done, libzmq takes as much from a connection as the largest message has,
// and it takes as many connections as it is offered. So a connection that sends more than a
// handshake needs (net/ration.h) must have proved a key. The kernel knows how many bytes of ours
// the other side has: with our READY, which only a proved key gets, they are more than all that a
// stranger is ever told (RFC 23, 26).
//
// A thread of its own, which no busy turn holds up, hears of every connection that a listener
// takes (its monitor). It shuts down a stranger that is one too many (net/crowd.h); libzmq then
// cleans up by itself. An address without credit is barred by a filter on the listening sockets:
// the kernel drops its SYNs, and neither it nor we lose time. A connection that stands is not
// touched by that.
//
// The number of a descriptor may be another socket's by the time we look; so it is only
// shut if the address at its other end is still the one that we saw. Should it change
// hands in between, a connection that was just made is lost, and made anew.
//
// Local sockets (ipc) prove themselves by getting there; only their number is bounded, by
// user. So it is on loopback tcp without CURVE.
#pragma once

#include "net/admission.h"
#include "net/crowd.h"

struct guard;

struct guard_refusals {
    uint64_t count;
    char last[96]; // an address
};

// `limits` are those of crowd.h.
struct guard *guard_open(void *context, const struct crowd_limits *limits);

// Call before the listener is bound: guards all that will connect there.
enum status guard_watch(struct guard *guard, void *listener, const struct admission *admission,
                        struct fault *fault) MUST_USE;

// A key that came from this address, as the library writes it, was admitted. May be called at any
// time.
void guard_admit(struct guard *guard, const char *address);

// While the sockets are still open. NULL is allowed.
void guard_close(struct guard *guard);

// Counts what was shut so far; may be called at any time.
struct guard_refusals guard_refusals(struct guard *guard);
