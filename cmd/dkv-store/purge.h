// purge.h - how far a store has come with purging (purging.h).
#pragma once

#include "dkv-store/holding.h"

struct purge {
    size_t shard_at;    // position in the table of shards
    uint64_t looked_ms; // when some were looked at
    uint32_t partition; // under way, or looked at next
    bool is_passing;    // through its records, from `from` on
    struct buf from, to;
    struct parked_wait wait;
    struct holding holding;
};

void purge_release(struct purge *purge);
