// net.h - messages over ZeroMQ. The only module that includes <zmq.h> and <czmq.h>.
//
// czmq speaks for our ZAP handler (net/zap.h) and makes the keys (net/certificate.h). Messages go
// by libzmq alone: czmq carries half as many of them, its monitor is a thread for each socket, and
// its sockets live in a context of its own. A program that only connects, as dkv does, never loads
// czmq, whose libraries double the time that it takes to start.
//
// Listeners (ROUTER) are bound, links (DEALER) are connected; requests go out on
// links, answers come back on them, and requests that arrive at a listener are answered
// to the link_id they came from. One frame a message.
//
// tcp is CURVE, always, unless a listener is `plain` and its address a loopback one. ipc is
// guarded by file permissions and peer credentials. A ZAP handler of our own decides who
// may connect; it is there before the first socket, and every socket enforces it (fail
// closed). Each arriving message carries the role behind its key; a message without one
// is dropped. A key that is no longer allowed is refused from the next message on.
//
// A stranger that has not proved a key costs next to nothing, however often and fast it comes: a
// guard watches over the handshakes (net/guard.h). Connections are bounded, so that half
// of the descriptors that the process may have are left for everything else.
//
// Success of a send means queued, nothing more. No ZMTP heartbeats: liveness is PING and
// PONG, answered by the work loop.
//
// One thread uses a net.
#pragma once

#include "base/buf.h"
#include "net/options.h"
#include "wire/outbox.h"

struct net;

enum status net_open(struct net **net, const struct net_options *options,
                     struct fault *fault) MUST_USE;

// Answers on listeners get a moment (100 ms at most) to leave, all else that is unsent is
// dropped. NULL is allowed.
void net_close(struct net *net);

// Binds it. Listen last, when the process is ready: connected means ready. An ipc path is
// taken over from whoever bound it before, so hold the lock of the data directory first.
// REFUSED: plain on an address that is not loopback, or a library that cannot keep
// strangers out. UNREACHABLE: the address is in use or not ours.
enum status net_listen(struct net *net, const struct net_listener *listener,
                       struct fault *fault) MUST_USE;

// New connections are told to come back later; those that are there stay.
void net_unlisten(struct net *net);

// Connects a link whose unused number the caller chooses (below NET_LINKS_MAX). server_key
// is NULL for ipc, and for loopback tcp to a listener that is plain; REFUSED on any other address.
// The link exists until net_disconnect(), whether or not anybody answers.
enum { NET_LINKS_MAX = 8192 };
enum status net_connect(struct net *net, uint32_t number, const char *endpoint,
                        const char *server_key, struct fault *fault) MUST_USE;
void net_disconnect(struct net *net, uint32_t number);
enum status net_reconnect(struct net *net, uint32_t number, struct fault *fault) MUST_USE; // anew

static inline link_id net_link(uint32_t number)
{
    return ((link_id)1 << 63) | number;
}

static inline bool net_is_link(link_id link)
{
    return link >> 63;
}

static inline uint32_t net_link_number(link_id link)
{
    return (uint32_t)link;
}

// UINT32_MAX: none of our links, but the way back to one that connected to us.
static inline uint32_t net_number_of(link_id link)
{
    return net_is_link(link) ? net_link_number(link) : UINT32_MAX;
}

// Waits until something arrives, a link connects or is lost, `fds` (extra descriptors,
// e.g. signalfd, eventfd; at most NET_FDS_MAX) become readable, or timeout_ms passes (0 =
// do not wait, -1 = for ever); a signal ends it too. Serves the ZAP handler. IO if the
// system fails.
enum { NET_FDS_MAX = 16 };
enum status net_wait(struct net *net, const int *fds, uint32_t fd_count, int timeout_ms) MUST_USE;

// The next message of those that the last net_wait() found, false if there is none.
// `message` is valid until the next call of net_receive(). Listeners and links take turns,
// message by message. On a link the role is PEER: we chose it, and CURVE proved it.
bool net_receive(struct net *net, struct arrival *arrival, struct bytes *message);

// A link whose connection was just lost or refused (a hint, not a truth), false if none.
// After a refusal the library does not try again; after a loss it does. Either way
// net_reconnect() is right.
bool net_next_lost(struct net *net, uint32_t *number);

// Why the last attempt to connect a link failed, told once. The library goes on trying but after
// a refusal.
enum net_failure {
    NET_FAILURE_NONE,
    NET_FAILURE_NOBODY,   // nobody took the connection
    NET_FAILURE_REFUSED,  // the peer does not know our key
    NET_FAILURE_MISMATCH, // the peer speaks otherwise: with keys and we without, or the reverse
};
enum net_failure net_take_failure(struct net *net, uint32_t number);

// UNREACHABLE: not connected, or the peer is gone. BUSY: its queue is full. The message
// is copied.
enum status net_send(struct net *net, link_id to, struct bytes message) MUST_USE;

// Counts what was turned away since net_open(), for the log.
struct net_refusals {
    uint64_t connections;  // handshakes of strangers
    uint64_t unauthorised; // messages without a role: the key was revoked
    uint64_t malformed;    // more than one frame, or a routing id that the peer chose
    uint64_t shut;         // connections that took too much, or were too many
    const char *stranger;  // the last refused key or address, "" if none
    const char *crowder;   // the last address that something was shut from, "" if none
};
struct net_refusals net_refusals(struct net *net);

// Proves that a stranger with a random key is refused by every CURVE listener: connects
// to each and waits for the refusal (milliseconds, or as long as a busy machine takes). REFUSED if
// one got in, TIMEOUT if there was no answer in NET_SELF_TEST_MS.
enum { NET_SELF_TEST_MS = 2000 };
enum status net_self_test(struct net *net, struct fault *fault) MUST_USE;

// A fresh CURVE key pair.
void net_keys_generate(struct net_keys *keys);
