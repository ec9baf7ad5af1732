// purging.h - horizons rise, and what lies below them is purged, a little at every tick.
//
// What every owner has known for purge/age is below the horizon of the shard. Then records are
// stripped (replica/strip.h), partition by partition, through the log like any write, behind the
// frame that raised the horizon. So are values that have expired, and what was in the trash for
// long enough, when the first of them is due. A partition with none of these is only looked through
// now and then: its clocks shrink.
#pragma once

#include "dkv-store/store.h"

enum {
    PURGING_SHARDS = 64,         // whose horizon is looked at in one tick ...
    PURGING_TICK_MS = 250,       // ... or in so long since the last one, ...
    PURGING_TICKS_MAX = 8,       // ... but in no more than so many at once
    PURGING_PARTITIONS = 256,    // that are asked in one whether they are due
    PURGING_KEYS = 256,          // that are looked at in one ...
    PURGING_SIZE = 1 << 20,      // ... unless these many bytes come before
    PURGING_TRIM_MS = 15 * 60000 // between two passes where nothing was deleted
};

void purging_on_tick(struct store *store, struct moment now);

// What other owners know may have changed: looks whether the horizon of a shard rises.
void purging_look_at(struct store *store, struct ledger_shard *shard, struct moment now);

// Joins this into the horizon, unless it is there. It lies within the contiguous part of what this
// copy knows, which is not lost.
enum status purging_raise(struct store *store, struct ledger_shard *shard,
                          const struct seen *horizon, struct moment now) MUST_USE;
