// ledger.h - what a store knows of each partition besides the records themselves.
//
// For every partition: the seen-clock, the root of the hash tree (a sum of leaf hashes,
// so that it moves with each write), how many keys there are, and the counter of this
// life's actor. Besides: the request ids applied lately.
//
// The ledger is a function of the log. Every change is an entry that rides as a note in
// the same frame as the record it belongs to; every flush carries a snapshot of the whole.
// After a restart the snapshot and the later notes give the same ledger.
//
// The actor is minted anew at every start, and registered by a note that is durable before
// the store serves. So an actor never forgets a dot that it gave out: it lives no longer
// than the memory that gave it.
#pragma once

#include "causal/seen.h"
#include "dkv-store/requests.h"

struct ledger_partition {
    struct seen seen;
    uint64_t root;    // sum modulo 2^64 of record_leaf_hash
    uint64_t entries; // keys with a record, tombstones included
    uint64_t counter; // of `actor`, the last one given out
};

struct ledger {
    uint32_t partition_count;
    struct ledger_partition *partitions;
    uint64_t actor;
    uint64_t entries;  // over all partitions
    uint64_t begin_ms; // monotonic, of this life: from then on what it was left with counts
    struct requests requests;
};

void ledger_init(struct ledger *ledger, uint32_t partition_count, uint64_t request_memory_ms);
void ledger_release(struct ledger *ledger);

// A write that the record no longer shows, and the request that it came from. (What the
// record shows carries its request id itself.)
struct ledger_superseded {
    struct dot dot;
    struct request_id request;
};

// What one applied record changes.
struct ledger_entry {
    uint32_t partition;
    uint64_t root_delta; // new leaf hash minus old, modulo 2^64
    bool is_new_key;
    uint64_t now_ms;        // monotonic
    const struct dot *dots; // new to the seen-clock
    uint32_t dot_count;
    const struct ledger_superseded *superseded;
    uint32_t superseded_count;
};

// Begins this life: the note to write before anything else.
void ledger_start_actor(struct ledger *ledger, uint64_t actor, uint64_t wall_ms, struct buf *note);

// Encodes an entry as a note, to be written in one batch with its record ...
void ledger_note(const struct ledger_entry *entry, struct buf *note);
// ... and applies it, once that write was accepted.
void ledger_apply(struct ledger *ledger, const struct ledger_entry *entry);

// The same from a note, at restart. CORRUPT if it is none.
enum status ledger_replay(struct ledger *ledger, struct bytes note) MUST_USE;

void ledger_snapshot(const struct ledger *ledger, struct buf *out);
enum status ledger_restore(struct ledger *ledger, struct bytes snapshot) MUST_USE;
