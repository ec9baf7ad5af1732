// drops.h - how far a store has come with dropping (dropping.h).
#pragma once

#include "base/buf.h"
#include "turn/parked.h"

struct drops {
    bool is_under_way;
    uint32_t keyspace, partition; // of the shard that is
    struct buf from, to, next;    // its records from `from` on are still there
    struct parked_wait wait;
    uint64_t retry_ms;      // damage was met: not before
    uint64_t done_epoch;    // of a ring that nothing is left to drop by
    uint64_t mark;          // of the log: durable up to there, what was dropped stays so
    uint64_t counted_epoch; // of the ring by which they were counted ...
    uint64_t left;          // ... and how many of these shards are left
};

static inline void drops_release(struct drops *drops)
{
    buf_release(&drops->from);
    buf_release(&drops->to);
    buf_release(&drops->next);
}
