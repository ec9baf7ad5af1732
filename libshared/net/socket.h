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

#include "net/admission.h"

// A ROUTER for a listener, whose ZAP domain is `domain`; not yet bound, so that it can be
// watched from the first connection on. Then binds it, an ipc socket open to those whom the
// admission has a role for.
enum status socket_open_router(void *context, const struct net_keys *keys,
                               const struct net_listener *listener,
                               const struct admission *admission, const char *domain, void **socket,
                               struct fault *fault) MUST_USE;
enum status socket_bind(void *socket, const struct net_listener *listener,
                        const struct admission *admission, struct fault *fault) MUST_USE;

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
