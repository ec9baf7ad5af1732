// spread.h - at which endpoint a request begins, so that all routers have their share.
//
//     the nearest endpoints ─┬─ the ring is known, and the router of the key's first
//                            │  owner is known to listen at one of them: that one
//                            └─ else one by hash(keyspace, key)
//
// The nearest are the first one on this machine (ipc before loopback), or all if there is none:
// routers on one machine share its cores, and one of them with large batches does more than
// several with small ones. An endpoint further away costs every request more than a second router
// could save it; requests go there when nothing near is left (conversation.h).
//
// Operations on one key begin at one endpoint, so they stay in order as long as it is there;
// the ring, once it is known, changes that endpoint once. The same key leads to the same
// endpoint in every client that was given the same list.
#pragma once

#include "ring/ring.h"

enum { SPREAD_ENDPOINTS_MAX = 64 };

enum spread_kind { SPREAD_IPC, SPREAD_LOOPBACK, SPREAD_FAR }; // from near to far

struct spread { // zero is an empty one
    uint32_t count;
    uint8_t nearest[SPREAD_ENDPOINTS_MAX]; // in the order in which they were given
    uint32_t nearest_count;
    enum spread_kind kind;                // of these
    uint64_t nodes[SPREAD_ENDPOINTS_MAX]; // whose router listens there; 0 = not known yet
    struct ring ring;                     // partition_count 0 = not known
};

void spread_release(struct spread *spread);

// In the user's order; they are numbered so.
void spread_add(struct spread *spread, enum spread_kind kind);

// The router of this node answers there.
void spread_on_node(struct spread *spread, uint32_t endpoint, uint64_t node);

void spread_set_ring_take(struct spread *spread, struct ring *ring); // leaves an empty one

// More than one endpoint is near enough to choose from.
static inline bool spread_is_choice(const struct spread *spread)
{
    return spread->nearest_count > 1;
}

uint32_t spread_of_key(const struct spread *spread, struct bytes keyspace, struct bytes key);
uint32_t spread_of_partition(const struct spread *spread, struct bytes keyspace,
                             uint32_t partition);
