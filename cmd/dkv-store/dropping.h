// dropping.h - the records of shards that are not this store's any more go, a little at every tick.
//
// The id of a keyspace is the epoch that it came with, and is never given again. So one that the
// ring does not have is gone for ever, unless it is of an epoch still to come. And a shard that has
// other owners is whole there, once no move is under way (ring/ring_move.h). Such shards are looked
// for when the ring changes and at a start, and one after the other is let go of (but not by a node
// that was not to come back: it may have what nobody else has):
//
//     its records, a batch of them in each frame ──► a note that the shard ends here
//
// A crash between leaves the shard, with what is left of it, to be found again.
#pragma once

#include "dkv-store/store.h"

enum {
    DROPPING_STEPS = 16,                // frames in one tick
    DROPPING_KEYS = 512,                // that are looked at ...
    DROPPING_SIZE = 1 << 20,            // ... unless these many bytes come before
    DROPPING_RETRY_MS = 10 * 60 * 1000, // after damage
};

void dropping_on_tick(struct store *store, struct moment now);

// How many shards are still to go; 0: none, and that is durable.
uint64_t dropping_count(const struct store *store);
