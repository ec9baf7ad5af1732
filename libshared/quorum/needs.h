// needs.h - how many replies an operation needs, and of which targets.
//
// A need is a set of targets and how many of them must have replied. A number, a quorum and
// all are one need over all owners; local-quorum is one over those of one datacenter;
// each-quorum is one for each datacenter. Code that counts replies asks needs_met() and
// needs_hopeless(), and knows none of these words.
//
// What a fallback replies counts for an owner: acks.h. While a shard moves, a write has the needs
// of its level twice: over the owners before, and over those after.
#pragma once

#include "ring/ring_route.h"

enum { NEEDS_MAX = 2 * RING_OWNERS_MAX }; // each-quorum, of old and new owners

struct need {
    target_set of;
    uint8_t count;
};

struct needs {
    uint8_t count;
    struct need items[NEEDS_MAX]; // a datacenter without owners has none
};

// Copies no more than there is: there is room for many needs, and most operations have one.
static inline void needs_copy(struct needs *to, const struct needs *from)
{
    to->count = from->count;
    for (uint8_t i = 0; i < from->count; i++)
        to->items[i] = from->items[i];
}

// `count` of the first n targets.
struct needs needs_of(uint8_t n, uint8_t count);

// Adds a need: `count` of these.
void needs_add(struct needs *needs, target_set of, uint8_t count);

bool needs_met(const struct needs *needs, target_set have);

// Whether they are not even met by these: targets that have replied, and those that still may.
static inline bool needs_hopeless(const struct needs *needs, target_set possible)
{
    return !needs_met(needs, possible);
}

// Whether whatever of `all` meets them has one of `have`: N-R+1 of N hold it.
static inline bool needs_cross(const struct needs *needs, target_set all, target_set have)
{
    return needs_hopeless(needs, all & ~have);
}

// Whether one target more brings `have` nearer to it.
bool needs_help_of(const struct needs *needs, target_set have, unsigned target);

// Adds the needs of a level for these owners of a route, seen from datacenter `dc`. local-quorum
// where no owner is local is a quorum of all. False if the level asks for more owners than there
// are.
bool needs_add_level(struct needs *needs, const struct ring *ring, const struct ring_route *route,
                     target_set of, uint8_t level, const char *dc) MUST_USE;
