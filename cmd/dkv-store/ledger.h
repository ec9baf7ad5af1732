// ledger.h - all that a store knows of its shards besides the records themselves.
//
// A shard is one keyspace in one partition. Its owners are one set, and tell each other of it: the
// seen-clock, the horizon below which every owner has known every dot, whether this copy may have
// lost something, how many keys there are, the roots of two hash trees, one of values and one of
// deletions (sums of leaf hashes, so that they move with each write), and the counter of this
// life's actor. Shards are made when they are first spoken of. Besides: the request ids applied
// lately, the starts of this store, and what it heard of others (lives.h).
//
// The ledger is a function of the log. Every change is a note that rides in the same frame as the
// record it belongs to; every flush carries a snapshot of the whole. After a restart the
// snapshot and the later notes give the same ledger: ledger_format.h.
//
// The actor is minted anew at every start, and registered by a note that is durable before
// the store serves. So an actor never forgets a dot that it gave out: it lives no longer
// than the memory that gave it.
#pragma once

#include "base/table.h"
#include "causal/seen.h"
#include "dkv-store/lives.h"
#include "dkv-store/stability.h"
#include "dkv-store/trees.h"
#include "replica/leaf_delta.h"
#include "replica/requests.h"
#include "ring/engine_key.h"

struct ledger_shard {
    uint32_t keyspace, partition;
    struct seen seen;
    struct seen horizon;   // within the contiguous part of `seen`, unless the copy is lost
    bool is_lost;          // the copy may lack what it had known
    uint64_t counter;      // of `actor`, the last one given out
    uint64_t live_count;   // keys that have a value
    uint64_t gone_count;   // keys with a record that has none: deleted
    uint64_t live_root;    // sum modulo 2^64 of the leaf hashes of values ...
    uint64_t deleted_root; // ... and of deletions

    // Not in the log:
    struct stability stability;
    bool was_alone;       // something was lost that nobody else has
    bool must_strip;      // the horizon has risen since its records were last looked through ...
    uint64_t stripped_ms; // ... which was then, monotonic; 0: not in this life
    uint64_t strip_at_ms; // wall clock: then something expires that can be stripped; 0: never
    uint64_t expires_ms;  // the same of what lies above the horizon, as far as was written or read
                          // in this life
};

enum { TRASH_KEYSPACE = 0 }; // see trash.h

struct ledger {
    uint32_t partition_count; // 0: the first snapshot or note that has it says so
    struct table shards;      // by keyspace and partition: struct ledger_shard, owned
    uint64_t actor;
    uint64_t entries; // keys over all shards
    uint64_t now_ms;  // monotonic: what is restored and replayed counts from then on
    bool is_old;      // of version 1: counts and roots are not known, see ledger_recount_begin()
    struct requests requests;
    struct lives lives;
    struct trees trees; // of these shards; not in snapshots
};

void ledger_init(struct ledger *ledger, uint32_t partition_count, uint64_t request_memory_ms);
void ledger_release(struct ledger *ledger);

// Finds or makes the shard; its address never changes. ledger_find() returns NULL if there is none.
struct ledger_shard *ledger_shard(struct ledger *ledger, uint32_t keyspace, uint32_t partition);
const struct ledger_shard *ledger_find(const struct ledger *ledger, uint32_t keyspace,
                                       uint32_t partition);
// Returns the next shard from `position` on, which is 0 at first; NULL: there is none left.
struct ledger_shard *ledger_next(const struct ledger *ledger, size_t *position);

// Makes it the first of both times; 0 is none.
static inline void ledger_first_ms(uint64_t *first_ms, uint64_t ms)
{
    if (ms && (!*first_ms || ms < *first_ms))
        *first_ms = ms;
}

// The news of one applied change.
struct ledger_entry {
    uint32_t keyspace;
    uint64_t token; // of the key
    struct leaf_delta leaves;
    uint64_t now_ms;        // monotonic
    const struct dot *dots; // new to the seen-clock
    uint32_t dot_count;
    const struct superseded *superseded; // and not shown: that carries its request id itself
    uint32_t superseded_count;
};

// Returns the last start of this process that is known here; 0 if none is.
uint32_t ledger_last_start(const struct ledger *ledger, uint32_t process);

// Begins this life. Its note is to be written before anything else (ledger_format.h).
void ledger_start_actor(struct ledger *ledger, uint64_t actor);

// ---- Changes of shards, once their notes were accepted to be written -----------------------

void ledger_raise(struct ledger_shard *shard, const struct seen *horizon); // G := G u this
void ledger_adopt(struct ledger_shard *shard, const struct seen *seen);    // S := S u this
void ledger_close_starts(struct ledger_shard *shard, uint32_t process, uint32_t start);

// A loss marker: S := G, lost; what was under way with other owners is forgotten.
void ledger_lose(struct ledger_shard *shard);

// The copy is whole again, and knows this besides.
void ledger_make_whole(struct ledger_shard *shard, const struct seen *seen,
                       const struct seen *horizon);

// The shard is somewhere else from now on, and its records are let go of.
void ledger_drop(struct ledger *ledger, struct ledger_shard *shard);

uint32_t ledger_lost_count(const struct ledger *ledger); // shards
uint64_t ledger_seen_count(const struct ledger *ledger); // intervals of all seen-clocks

// Learns from a change, once it was accepted to be written.
void ledger_apply(struct ledger *ledger, const struct ledger_entry *entry);

// Counts everything anew, record by record: for version 1, which has no counts and roots, and for a
// verification to compare with.
void ledger_recount_begin(struct ledger *ledger);
void ledger_recount_add(struct ledger *ledger, const struct engine_key *key, uint64_t key_hash,
                        const struct record *record);

// Finds the first shard in which counts or roots differ; NULL: there is none.
const struct ledger_shard *ledger_difference(const struct ledger *a, const struct ledger *b);
