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

#include "net/options.h"

// How a listener knows who is at the other end.
enum door_kind {
    DOOR_CURVE, // tcp: the key that CURVE proved
    DOOR_LOCAL, // ipc: the user that the kernel names
    DOOR_PLAIN, // tcp on a loopback address, nothing proved
};

enum { DOORS_MAX = 16 }; // of a net

// What leads in: how, and who may. net/zap.h keeps one for each listener.
struct door {
    enum door_kind kind;
    uint16_t port;        // of tcp
    enum role role_least; // of keys
    enum role role_local; // of members of our group, or of everybody on the loopback
};

// What the listener's door will be. REFUSED: plain on an address that is not loopback. An ipc
// path in a directory that is open to ourselves alone has no role for others.
enum status door_of(const struct net_listener *listener, struct door *door,
                    struct fault *fault) MUST_USE;

// A ROUTER behind the door, whose ZAP domain is `domain`; not yet bound, so that it can be
// watched from the first connection on. Then binds it, an ipc socket open to whom the door
// has a role for.
enum status socket_open_router(void *context, const struct net_keys *keys,
                               const struct net_listener *listener, const struct door *door,
                               const char *domain, void **socket, struct fault *fault) MUST_USE;
enum status socket_bind(void *socket, const struct net_listener *listener, const struct door *door,
                        struct fault *fault) MUST_USE;

// A connecting DEALER and the monitor that reports what becomes of its connection.
// `monitor_name` is an unused inproc endpoint. Without a server_key it is not encrypted: on ipc,
// or a loopback address.
enum status socket_connect(void *context, const struct net_options *options, const char *endpoint,
                           const char *server_key, const char *monitor_name, void **socket,
                           void **monitor, struct fault *fault) MUST_USE;

// A PAIR that is told these events of the socket; NULL and errno if that fails. However many there
// are, the library never waits for us to read them.
void *monitor_open(void *context, void *socket, const char *name, int events);

// The next event of a monitor and its value (NULL: not wanted), 0 if there is none.
int monitor_next(void *monitor, uint32_t *value);
