// ring_route.h - the nodes that an operation on a key can ask: its targets, by one look-up.
//
// The targets of an operation are the owners of its shard in order of preference. Behind them
// ring_route_add_fallbacks() puts nodes that can keep a hint for an owner. A target is a position
// in this list and nothing else: not a node's index, which ends with the ring document, and not a
// link. An owner is a target below owner_count. Sets of targets are bit sets.
#pragma once

#include "ring/ring.h"

enum { RING_TARGETS_MAX = 32 };

typedef uint32_t target_set; // a typedef as a set is nothing but its bits

static inline target_set target_bit(unsigned target)
{
    return (target_set)1 << target;
}

static inline target_set targets_below(unsigned count)
{
    return count < RING_TARGETS_MAX ? target_bit(count) - 1 : UINT32_MAX;
}

static inline uint8_t target_count(target_set set)
{
    set -= set >> 1 & 0x55555555; // pairs, then nibbles, then bytes: no call, on any machine
    set = (set & 0x33333333) + (set >> 2 & 0x33333333);
    return (uint8_t)(((set + (set >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24);
}

static inline unsigned target_first(target_set set) // of a set that is not empty
{
    return (unsigned)__builtin_ctz(set);
}

struct ring_route {
    const struct ring_keyspace *keyspace;
    uint32_t partition;
    uint8_t owner_count;
    uint8_t reader_count;             // of these, the first: the others are being filled
    target_set before, after;         // owners: a write needs W of each (ring_find_owners())
    uint8_t count;                    // of all targets
    uint16_t nodes[RING_TARGETS_MAX]; // by target: index in the ring's nodes
};

// The owners of a shard.
void ring_route(struct ring_route *route, const struct ring *ring,
                const struct ring_keyspace *keyspace, uint32_t partition);

// For a read the others are no owners.
void ring_route_narrow_to_readers(struct ring_route *route);

// Adds the first fallbacks, as many as there are but at most `max`; call it once.
void ring_route_add_fallbacks(struct ring_route *route, const struct ring *ring, unsigned max);

// The owners that are in this datacenter.
target_set ring_route_owners_in(const struct ring_route *route, const struct ring *ring,
                                const char *dc);
