// actor.h - a minter of dots: one life of one store, or of one hintd.
//
//     node number 16 bits · kind 1 · start 31 · random 16, from the highest bit on
//
// The node number is that of the ring document, never given to another node. The start counts
// seconds since 2020 and lies above every start of this process that it knows of, so it may run
// ahead of the clock. So anybody can tell the process of an actor, and which of two of its lives is
// older. The random part tells clones of a directory apart that start in one second.
//
// Actors of version 1 were 64 random bits: their parts mean nothing.
#pragma once

#include "base/bytes.h"

enum actor_kind {
    ACTOR_STORE = 0,
    ACTOR_HINTD = 1,
};

#define ACTOR_START_MAX ((uint32_t)INT32_MAX)

struct actor {
    uint16_t node; // from 1
    enum actor_kind kind;
    uint32_t start; // from 1
    uint16_t random;
};

static inline uint64_t actor_make(struct actor actor)
{
    return (uint64_t)actor.node << 48 | (uint64_t)actor.kind << 47 | (uint64_t)actor.start << 16 |
           actor.random;
}

static inline struct actor actor_parse(uint64_t actor)
{
    return (struct actor){
        .node = (uint16_t)(actor >> 48),
        .kind = (enum actor_kind)(actor >> 47 & 1),
        .start = (uint32_t)(actor >> 16) & ACTOR_START_MAX,
        .random = (uint16_t)actor,
    };
}

// Returns the part that all lives of one process have in common: node and kind, 17 bits.
static inline uint32_t actor_process(uint64_t actor)
{
    return (uint32_t)(actor >> 47);
}

// The first and the last actor that a process can have with this start.
static inline uint64_t actor_first(uint32_t process, uint32_t start)
{
    return (uint64_t)process << 47 | (uint64_t)start << 16;
}

static inline uint64_t actor_last(uint32_t process, uint32_t start)
{
    return actor_first(process, start) | UINT16_MAX;
}

// The start of a life that begins now, after those up to `last` (0: none is known). 0: there is
// none left.
uint32_t actor_start_after(uint64_t wall_ms, uint32_t last);
