// hint.h - what routers and dkv-repair ask of a dkv-hintd.
//
// A hint is a record that is kept for an owner that is down or late. Besides the operations here a
// hintd serves, of what it keeps, FETCH and FIND (wire/replica.h): FETCH gives the join of all
// hints for the key, whomever they are for; a FIND that finds nothing fences, as that of a store
// does.
#pragma once

#include "wire/replica.h"

// Keep this for the owner `target`. A hint that is there for the same owner and key is joined.
struct op_hint {
    uint64_t id;
    uint64_t target; // node id of the owner
    uint32_t keyspace;
    struct dot dot;        // of the write that is to be validated; counter 0 = none is
    struct bytes key;      // short
    struct bytes dots;     // sized, an encoded clock: what the record stands for besides its
                           // siblings; empty = nothing
    struct bytes requests; // sized: superseded by that write
    struct bytes record;   // sized
};

// Gated if it is OK: the hint is durable, and counts for the owner.
//   DISK_FULL  the hintd has no room for it, or may take no more (hints/size_max, hints/expire):
//              it does not count; a debt is noted, which makes repair do it
struct op_hinted {
    uint64_t id;
    uint64_t target;
    uint8_t status;
    uint8_t flags;     // enum merged_flags, without MERGED_LOST
    uint64_t hlc_told; // as of op_merged: of what was held for this owner
    struct bytes told; // the same
};

// No owner can be reached: this hintd gives the write its dot, with its own actor, on top of the
// context and of what it keeps of the key, and keeps a hint for every target. UPDATED and DURABLE
// reply, as those of a store do; DURABLE says that the hints are.
struct op_hint_update {
    struct op_update update;
    struct bytes targets; // sized: node ids, 8 bytes each
};

// Whether any hint of the shard stands for a dot of this process from its starts up to `start`.
struct op_held {
    uint64_t id;
    uint32_t keyspace;
    uint32_t partition;
    uint32_t process; // actor_process()
    uint32_t start;
};

struct op_held_told {
    uint64_t id;
    uint8_t status;
    uint8_t is_held;
    uint64_t hint_count; // of the shard
};

OP_FUNCTIONS(hint)
OP_FUNCTIONS(hinted)
OP_FUNCTIONS(hint_update)
OP_FUNCTIONS(held)
OP_FUNCTIONS(held_told)
