// socket.h - makes every socket of a net: all options set in one place, the ones that
// keep strangers out read back.
//
// Why these options: a send must never block, a request must never wait in a queue for
// a peer that is gone and then be executed late (IMMEDIATE), a reply that cannot be
// queued must be an error and not vanish (MANDATORY), one frame must never exceed the
// limit (MAXMSGSIZE), a connection that does not finish its handshake must go
// (HANDSHAKE_IVL). High-water marks are only a backstop behind credit. There are no ZMTP
// heartbeats: in libzmq 4.3.4 they abort a process whose inbound queue is full.
#pragma once

#include "net/net.h"

// How a listener knows who is at the other end. Each has a ZAP domain of its own.
enum door {
    DOOR_CURVE, // tcp: the key that CURVE proved
    DOOR_OWNER, // ipc, socket open to our own user: the uid of the peer
    DOOR_GROUP, // ipc, socket open to our group: who the kernel let through
    DOOR_PLAIN, // tcp on a loopback address, nothing proved
    DOOR_COUNT,
};

const char *door_domain(enum door door);

struct endpoint {
    bool ipc;
    bool ipv6;
    bool loopback;    // tcp: a numeric loopback address
    const char *path; // ipc: within the parsed text
};

// "ipc://PATH" or "tcp://HOST:PORT", HOST in brackets if it is IPv6; else INVALID.
enum status endpoint_parse(const char *text, struct endpoint *endpoint,
                           struct fault *fault) MUST_USE;

// A bound ROUTER. The directory of an ipc path decides its door: a socket is as open as
// the directory, to our group or to us alone.
enum status socket_listen(void *context, const struct net_options *options, const char *endpoint,
                          void **socket, enum door *door, struct fault *fault) MUST_USE;

// A connecting DEALER and the monitor that reports what becomes of its connection.
// `monitor_name` is an unused inproc endpoint. server_key is NULL for ipc; on loopback
// tcp it is ignored if the net is plain.
enum status socket_connect(void *context, const struct net_options *options, const char *endpoint,
                           const char *server_key, const char *monitor_name, void **socket,
                           void **monitor, struct fault *fault) MUST_USE;

// The next event of a monitor, 0 if there is none.
int monitor_next(void *monitor);
