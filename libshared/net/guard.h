// guard.h - keeps strangers from costing us anything while they have proved nothing.
//
// What libzmq takes from a connection before its handshake is done is bounded by the
// greatest message alone, and it takes as many connections as it is offered. So whoever sends
// more than a handshake needs (net/ration.h) must have proved a key: the kernel is asked how many
// bytes the other side has of ours, and our READY, which only a proved key gets, is what takes
// that above all that a stranger is ever told (RFC 23, 26).
//
// A thread of its own, which no busy turn holds up, hears of every connection that a listener
// takes (its monitor). Who is one too many (net/crowd.h), and has proved nothing, is shut down;
// libzmq then cleans up by itself. An address without credit is barred by a filter on the
// listening sockets: the kernel drops its SYNs, and neither it nor we lose time. A connection
// that stands is not touched by that.
//
// The number of a descriptor may be another socket's by the time we look; so it is only
// shut if the address at its other end is still the one that we saw. Should it change
// hands in between, a connection that was just made is lost, and made anew.
//
// Local sockets (ipc) prove themselves by getting there; only their number is bounded, by
// user. So it is on loopback tcp without CURVE.
#pragma once

#include "net/crowd.h"
#include "net/socket.h"

struct guard;

struct guard_refusals {
    uint64_t count;
    char last[96]; // an address
};

// `limits` are those of crowd.h.
struct guard *guard_open(void *context, const struct crowd_limits *limits);

// Call before the listener is bound: guards all that will connect there.
enum status guard_watch(struct guard *guard, void *listener, const struct door *door,
                        struct fault *fault) MUST_USE;

// A key that came from this address, as the library writes it, was admitted. May be called at any
// time.
void guard_admit(struct guard *guard, const char *address);

// While the sockets are still open. NULL is allowed.
void guard_close(struct guard *guard);

// What was shut so far; may be asked at any time.
struct guard_refusals guard_refusals(struct guard *guard);
