// ways.h - the connections under the links of a daemon: where each peer is reached, and with which
// key.
//
// A link (peer/link.h) judges whether its peer answers; beneath it lies a connection of the net,
// which ways_connect() makes to the door that the ring document names. Processes of the same node
// are reached by their sockets, without keys.
#pragma once

#include "peer/peers.h"
#include "proc/node.h"

struct ways {
    struct node *node;
    struct peers *peers;
    enum door doors[SERVICE_COUNT]; // by service: which of its doors
    // The link of this number goes elsewhere from now on: what was asked there is over. NULL: the
    // caller does not want to know.
    void (*on_moved)(void *context, uint32_t number, struct moment now, struct outbox *outbox);
    void *context;
    struct buf *connected; // by number of a link: where to; empty = it is not
    uint32_t count;
    uint64_t again_ms; // when links that could not be made are tried again; 0 = all were made
};

void ways_release(struct ways *ways);

// Connects every link of the peers to where it should go, and disconnects those that are none any
// more. One that cannot be made keeps no other from being made, and is tried again later; the log
// says so once. Call it at the start and when the ring was replaced.
void ways_connect(struct ways *ways, struct moment now, struct outbox *outbox);

// The brain works by this document: if that is news to the node, the node takes it over and the
// links follow. Call it at the end of every turn.
void ways_follow(struct ways *ways, struct ring_snapshot *ring, struct moment now,
                 struct outbox *outbox);

// Tries again what is due.
void ways_on_tick(struct ways *ways, struct moment now, struct outbox *outbox);
