// purge.h - horizons rise, and what lies below them is purged, a little at every tick.
//
// What every owner has known for purge/age is below the horizon of the shard. Then records are
// stripped (replica/strip.h), partition by partition, through the log like any write, behind the
// frame that raised the horizon. A partition without deletions is only looked through now and
// then: its clocks shrink, and values that expire are found.
#pragma once

#include "base/moment.h"
#include "dkv-store/holding.h"

struct store;

enum {
    PURGE_SHARDS = 64,         // whose horizon is looked at in one tick
    PURGE_KEYS = 256,          // that are looked at in one ...
    PURGE_SIZE = 1 << 20,      // ... unless these many bytes come before
    PURGE_TRIM_MS = 15 * 60000 // between two passes where nothing was deleted
};

struct purge {
    size_t shard_at;    // position in the table of shards
    uint32_t partition; // under way, or looked at next
    bool is_passing;    // through its records, from `from` on
    struct buf from, to;
    struct parked_wait wait;
    struct holding holding;
};

void purge_release(struct purge *purge);
void purge_on_tick(struct store *store, struct moment now);

// What other owners know may have changed: looks whether the horizon of a shard rises.
void purge_look_at(struct store *store, struct ledger_shard *shard, struct moment now);

// Joins this into the horizon, unless it is there. It lies within the contiguous part of what this
// copy knows, which is not lost.
enum status purge_raise(struct store *store, struct ledger_shard *shard, const struct seen *horizon,
                        struct moment now) MUST_USE;
