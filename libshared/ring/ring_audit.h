// ring_audit.h - what a ring can do when some of its nodes are down.
//
// Owners alone are counted, as --strict does: hints may stand for those that are down.
#pragma once

#include "ring/ring.h"

// Of the shards of a keyspace. While data moves, of those that are read.
struct ring_audit {
    uint64_t shards;
    uint64_t below_r; // whose owners that are up are too few for its R
    uint64_t below_w; // ... for its W
    uint64_t gone;    // without an owner that is up
};

// `is_down` says it of each node, by its index.
struct ring_audit ring_audit(const struct ring *ring, const struct ring_keyspace *keyspace,
                             const bool *is_down);
