// change.h - the result of a mint or a join.
//
// The record and the news for the ledger go into one batch, all or nothing. Of a change that was
// refused or could not be written only three parts count: follow hlc_last, add the counts, tell
// `told`.
//
// The caller owns a change and uses it again and again, so that no operation allocates. It borrows
// from the operation and from the replica (replica.h), until the next operation.
#pragma once

#include "replica/leaf_delta.h"
#include "replica/replica.h"

struct change {
    // To be written.
    struct bytes record;  // encoded; empty: the one that is held stays, or goes
    bool is_gone;         // nothing is left of the key
    struct record result; // the same, decoded
    struct dot *dots;     // new to the seen-clock
    uint32_t dot_count;
    struct superseded_list remember; // requests bound to the key, and their dots (recall.h)
    struct leaf_delta leaves;
    uint64_t counter; // of the last dot that the actor gave out, this one included

    // To be followed.
    uint64_t hlc_last;

    // To be told in the reply.
    struct dot dot;                    // mint: of the write; counter 0: not known
    uint64_t hlc;                      // of that dot, 0: not known
    bool is_repeated;                  // mint: it had been applied before, nothing is written
    struct superseded_list superseded; // mint: by the write, for those that never had it
    bool was_superseded;               // join: the write was, here, before it came
    bool is_not_kept;                  // join: some of it was purged, and was not taken
    bool must_fetch;          // reconcile: the values of a head are needed; there is no change
    const struct clock *told; // join: of the held record; NULL: the write has seen all of it
    uint64_t hlc_told;        // the largest hlc of that record

    // To be counted.
    uint32_t lww_dropped; // values lost to a greater hlc
    uint32_t lost_again;  // dots that the process had known and lost: taken back
    uint32_t zombies;     // values and deletions that came back, and were left out
    uint64_t forged;      // counter of ours that a clock names and we have not given out; 0: none

    // For mint and join alone, kept for its memory.
    struct record incoming, covering;
    struct clock context;
    struct buf encoded;
    struct superseded_list beaten;
    uint32_t dot_capacity;
};

void change_release(struct change *change);

// True if there is nothing to write.
bool change_is_empty(const struct change *change);

// ---- For mint and join -------------------------------------------------------------------

// Empties it; the writes that are held may be superseded.
void change_begin(struct change *change, const struct replica *replica);

// Adds a dot that is new to the seen-clock.
void change_add_dot(struct change *change, struct dot dot);

// lww: keeps the greatest sibling of `result` (record_keep_greatest); the others are beaten.
void change_keep_greatest(struct change *change, const struct replica *replica);

// Remembers the requests of superseded and beaten writes, unless `result` shows them or they are
// remembered already.
void change_remember(struct change *change, const struct replica *replica,
                     const struct record *result);

// Replaces the record that is held by `result`; without siblings it is gone.
void change_replace(struct change *change, const struct replica *replica,
                    const struct record *result, struct bytes encoded);
