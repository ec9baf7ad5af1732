// levels.h - what an answer promises, counted by the model's own hand.
//
// Sets are of owners of a key, by position in its list, as bits. A datacenter is the index of
// the first node of the ring that is in it.
#pragma once

#include "ring/ring.h"

struct level_owners {
    uint32_t n;
    uint8_t dcs[RING_OWNERS_MAX];
    uint32_t dc_count; // of the ring
};

uint8_t level_dc(const struct ring *ring, uint32_t node);
struct level_owners level_owners_of(const struct ring *ring, const uint16_t *owners, uint32_t n);

// Whether these are enough for an operation that a router in `dc` answers. The level is not the
// default one.
bool level_is_met(const struct level_owners *owners, uint8_t level, uint32_t dc, uint32_t have);

// Whether a read of any owners that are enough for it meets a write that any owners that are
// enough for that acknowledged, when those in `lost` have lost it since; through whatever
// routers both went.
bool levels_meet(const struct level_owners *owners, uint8_t write, uint8_t read, uint32_t lost);
