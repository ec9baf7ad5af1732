// net_inside.h - what a net consists of: net.c waits and receives, connectors.c connects,
// listeners.c listens, self_test.c tests that.
#pragma once

#include "net/guard.h"
#include "net/net.h"
#include "net/zap.h"

#include <poll.h>
#include <zmq.h>

struct listener {
    void *socket;
    struct admission admission;
    char *endpoint;
    bool is_unsure; // see struct source
};

struct connector { // of a link
    void *socket;  // NULL = free
    void *monitor;
    char *endpoint;
    char server_key[41];
    bool is_connected;        // as far as the monitor said
    bool is_lost;             // not yet told to the caller
    bool is_unsure;           // see struct source
    enum net_failure failure; // of the last attempt, not yet told to the caller
};

// Names what one poll item is: a listener, a connector, or the monitor of one.
//
// zmq_poll() asks every socket at every turn, which costs more than all else while little
// happens. So we poll() the sockets' descriptors (ZMQ_FD) and ask only those that moved.
// A descriptor of this kind speaks of commands, not of messages, and any call on the socket may
// swallow what it had to say: after a send, or a receive that was not the last, the socket
// is `unsure` and is asked (ZMQ_EVENTS) before the next wait.
struct source {
    enum source_kind { SOURCE_LISTENER, SOURCE_CONNECTOR, SOURCE_MONITOR } kind;
    uint32_t index;
    void *socket;
};

enum outcome { OUTCOME_EMPTY, OUTCOME_DROPPED, OUTCOME_RECEIVED };

// Does what a net does only if it listens. net_listen() puts this table there, so that a program
// without listeners has nothing of it: no guard, no recv() of our own, no czmq.
struct listening {
    enum outcome (*receive)(struct net *net, uint32_t index, struct arrival *arrival);
    enum status (*send)(struct net *net, link_id to, struct bytes message);
    void (*serve)(struct net *net); // the ZAP handler
    void (*close)(struct net *net);
};

struct net {
    struct net_options options;
    void *context;
    const struct listening *listening; // NULL without listeners
    struct zap zap;
    struct guard *guard;        // of the listeners; NULL without
    struct guard_refusals shut; // as last asked
    struct listener listeners[ADMISSIONS_MAX];
    uint32_t listener_count;
    struct connector *connectors; // by number
    uint32_t connector_count;
    uint32_t lost_count;
    uint64_t monitor_serial; // names of monitors are never used again

    // Descriptors: of the ZAP handler, of each source, and the caller's.
    struct pollfd *items;
    struct source *sources;
    uint32_t source_count;
    uint32_t source_capacity;
    bool is_stale; // sockets came or went since the items were listed

    struct source *ready; // have messages; as many as sources at most
    uint32_t ready_count;
    uint32_t ready_next;
    zmq_msg_t message; // the last one received

    uint64_t unauthorised_count;
    uint64_t malformed_count;
};

// The next frame into net->message; false if there is none. Then all behind it: true if the body,
// the last one, came first; else the message was dropped whole.
bool net_receive_frame(struct net *net, void *socket);
bool net_receive_body(struct net *net, void *socket);

// Of connectors.c.
void connector_read_monitor(struct net *net, struct connector *connector);
enum outcome connector_receive(struct net *net, uint32_t number, struct arrival *arrival);
enum status connector_send(struct net *net, uint32_t number, struct bytes message);
