// explain_copy.h - how the copies of a key are beside one another, and what a read makes of them.
//
// Pure. A copy lacks a version of the join if it neither has it nor has superseded it. A deletion,
// or a value that has expired, that it lacks and has seen it has purged: nothing is to be brought
// there. So has it if what it has seen is at lost copies alone.
#pragma once

#include "dkv/replicas.h"

struct copies {
    const struct replicas *replicas;
    const struct record *whole; // the join of all copies that are known
    uint64_t now_ms;
    uint32_t stand_ins; // nodes that may answer a read for owners, unless it is strict
};

enum copy_state {
    COPY_UNKNOWN,
    COPY_LOST,   // it answers no reads
    COPY_BEHIND, // it lacks something, or has something that another one superseded
    COPY_PURGED, // it lacks what it has purged alone
    COPY_AHEAD,  // it has all, and another one is behind
    COPY_EQUAL,  // it has all that others have, but for what these have purged or lost
};

enum copy_state copy_state(const struct copies *copies, uint32_t index);
const char *copy_state_text(enum copy_state state);

// Of a version of the join.
bool copy_lacks(const struct copies *copies, uint32_t index, const struct sibling *sibling);
bool copy_has_purged(const struct copies *copies, uint32_t index, const struct sibling *sibling);

// "value", "tombstone", "expired".
const char *copy_kind(const struct copies *copies, const struct sibling *sibling);

// How many owners are missing for a read of the level that was asked for.
uint32_t copy_missing(const struct copies *copies);

// Whether a read finds this version: it asks some owners, of which one must have it and none may
// have superseded it. "always", "perhaps", "never", "hints" (only one that asks those that keep
// hints, too), "unavailable".
const char *copy_read(const struct copies *copies, struct dot dot);
