// hindrance.h - what the purge of the deletions in a record still waits for (stability.h).
#pragma once

#include "dkv-store/store.h"
#include "wire/replica.h"

struct hindrance {
    enum purge_state state;
    uint32_t wait_ms;                 // AGES: at least
    uint16_t behind[RING_OWNERS_MAX]; // WAITS: numbers of the nodes of these owners
    uint32_t behind_count;
};

// `clock` is that of the record, and the shard knows its other owners (frame_shard()).
struct hindrance hindrance_of(const struct store *store, const struct ledger_shard *shard,
                              const struct clock *clock, struct moment now);
