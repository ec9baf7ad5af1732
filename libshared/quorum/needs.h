// needs.h - how many answers an operation needs, and of whom.
//
// A need is a set of owners and how many of them must have answered. A number, a quorum and
// all are one need over all owners; local-quorum is one over those of one datacenter;
// each-quorum is one for each datacenter. Whoever counts answers asks needs_met(), and knows
// none of these words.
#pragma once

#include "ring/ring.h"

// Owners of a key, by position in its list.
typedef uint16_t owner_mask;

static inline owner_mask owner_bit(unsigned owner)
{
    return (owner_mask)(1u << owner);
}

static inline uint8_t mask_count(owner_mask mask)
{
    return (uint8_t)__builtin_popcount(mask);
}

struct need {
    owner_mask of;
    uint8_t count;
};

struct needs {
    struct need items[RING_OWNERS_MAX]; // a datacenter without owners has none
    uint8_t count;
};

// `count` of the first n owners.
struct needs needs_of(uint8_t n, uint8_t count);

bool needs_met(const struct needs *needs, owner_mask have);

// Whether one owner more, of position `owner`, brings `have` nearer to it.
bool needs_help_of(const struct needs *needs, owner_mask have, unsigned owner);

// The needs of a level for these owners (indexes into ring->nodes), seen from datacenter `dc`.
// local-quorum where no owner is local is a quorum of all. False if the level asks for more
// owners than there are.
bool needs_of_level(struct needs *needs, const struct ring *ring, uint8_t level,
                    const uint16_t *owners, uint8_t n, const char *dc) MUST_USE;
