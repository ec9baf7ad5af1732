// network.h - messages on their way, and what happens to them.
//
// A port is a process that can receive: stores, routers, hintds, repairs and clients. Every port
// has a place; messages between places may be delayed, lost, repeated or overtaken, and
// places may be cut off from each other, each direction for itself. What is sent into a cut is
// lost, or it waits, as in the queue of a connection, and comes when the cut is over. Within a
// place, and
// between clients and routers, a message is only delayed: a client's connection is one
// stream that works or is cut.
//
// Links are made as the shell would make them (peer/peers.h): own links of a router, hintd or
// repair are numbers; the way back to whoever asked names the port and its life, so that an
// answer to a process that died is never taken for one to its successor.
#pragma once

#include "peer/peers.h"
#include "sim/world.h"

enum {
    NETWORK_NODES_MAX = 5,
    NETWORK_CLIENTS_MAX = 12,
    NETWORK_ROUTER = NETWORK_NODES_MAX, // port of the first router
    NETWORK_HINTD = 2 * NETWORK_NODES_MAX,
    NETWORK_REPAIR = 3 * NETWORK_NODES_MAX,
    NETWORK_CLIENT = 4 * NETWORK_NODES_MAX,
    NETWORK_PORTS_MAX = NETWORK_CLIENT + NETWORK_CLIENTS_MAX,
    NETWORK_GHOST = NETWORK_PORTS_MAX - 1, // sends what clients sent once more
    NETWORK_PLACES_MAX = NETWORK_NODES_MAX + NETWORK_CLIENTS_MAX,
};

struct port {
    void (*receive)(void *self, const struct arrival *arrival, struct buf *bytes); // may take
    void *self;
    bool up;
    uint32_t life;
};

struct network_faults {
    uint64_t delay_us, jitter_us; // one way
    uint64_t lost, repeated;      // per mille
    uint64_t unsent;              // by those that have links of their own, per mille
    bool reorders;
};

struct network {
    struct world *world;
    void (*watch)(void *self, struct bytes message); // sees all that is sent
    void *watcher;
    struct network_faults faults;
    struct port ports[NETWORK_PORTS_MAX];
    uint32_t rows[NETWORK_CLIENT][NETWORK_NODES_MAX]; // port, node; see network_set_row()
    bool cut[NETWORK_PLACES_MAX][NETWORK_PLACES_MAX]; // from, to
    uint64_t held_until_us[NETWORK_PLACES_MAX][NETWORK_PLACES_MAX]; // from, to
    uint64_t extra_us[NETWORK_PLACES_MAX];                          // a slow place
    uint32_t writes_on_way;                                         // PUT, UPDATE, hints
    uint64_t arrives_us[NETWORK_PORTS_MAX][NETWORK_PORTS_MAX];      // the last one on its way
};

static inline uint32_t network_place(uint32_t port)
{
    return port < NETWORK_CLIENT ? port % NETWORK_NODES_MAX
                                 : port - NETWORK_CLIENT + NETWORK_NODES_MAX;
}

// What a process calls its own links, and back (router_options).
link_id network_link(uint32_t number);
uint32_t network_number(link_id link);

// A process says in which row of its peers a node is (UINT32_MAX: in none).
void network_set_row(struct network *network, uint32_t from, uint32_t node, uint32_t row);
// The own link of a process to this port.
link_id network_link_to(const struct network *network, uint32_t from, uint32_t port);

// A process (re)starts: it receives from now on, as a new life.
void network_start(struct network *network, uint32_t port);
void network_stop(struct network *network, uint32_t port);

// Sends what a process has said to a link, or a client to a port. Takes the bytes.
void network_send_take(struct network *network, uint32_t from, link_id link, struct buf *bytes);
void network_send_port_take(struct network *network, uint32_t from, uint32_t to, struct buf *bytes);

// Cuts one direction for a time; what is sent meanwhile waits, if it `holds`, or is lost. Does
// nothing where there is a cut already.
void network_cut(struct network *network, uint32_t from, uint32_t to, bool holds,
                 uint64_t duration_us);

void network_heal(struct network *network); // no cuts, no faults but delay
