// replica.h - reading and changing one record of a store's replica.
//
//     replica.c      where a key lives, what is there, which request has been applied to it
//     update.c       a write gets its dot
//     merge.c        what another store minted joins what is there
//     superseded.c   what either supersedes, and what is remembered of it
//
// Every change is read-join-write: the record that is there, joined with what came, goes
// back together with its ledger entry in one batch of the engine. The engine shows a write
// to later reads at once, so operations of one turn see each other.
#pragma once

#include "dkv-store/store.h"

// Where a key lives.
struct place {
    uint32_t keyspace;
    uint32_t partition;
    enum ring_conflict conflict;
    struct bytes key;
    uint64_t token;
    struct bytes engine_key;    // in store->key, until the next place
    uint64_t hash;              // of the engine key
    struct ledger_shard *shard; // NULL until the key is to be changed
};

// Finds the place, all but the shard, and whether this node owns it.
//   NOT_OWNER, INVALID (no such keyspace, bad key size)
enum status replica_locate(struct store *store, uint32_t keyspace, struct bytes key,
                           struct place *place) MUST_USE;

// Reads and decodes the record into store->local (empty if there is none), values borrowed
// from store->local_bytes.
//   BUSY: it would have to wait for the disk, store->wait has the position; not after as
//         many misses as an operation may have
//   CORRUPT, IO: the fault names the file
enum status replica_read(struct store *store, const struct place *place,
                         struct fault *fault) MUST_USE;

// Has this request been applied to the record in store->local? If nothing is known of it, only
// UPDATEs of this try are obeyed from now on.
//   NOT_FOUND; BUSY: too many fences, ask later
enum status replica_find_or_fence(struct store *store, const struct place *place,
                                  const struct op_find *find, struct moment now,
                                  struct op_found *found) MUST_USE;

// Coordinates a write on top of store->local: mints a dot, writes. The answer borrows from the
// store until the next operation. If the request was applied before, nothing is written, and
// what is there now is the result; AGAIN gives it a second dot if its first one is live.
//   LATE       older than it may be (`age_ms`), or of a try that is fenced
//   TOO_LARGE, SIBLING_CAP, INVALID (context), BUSY, DISK_FULL
enum status replica_update(struct store *store, struct place *place, const struct op_update *update,
                           uint64_t age_ms, struct moment now, struct op_updated *updated) MUST_USE;

// Joins store->incoming (decoded from merge->record) into the replica, and tells what it held
// that the write merge->dot has not seen. `merged` borrows from the store.
//   INVALID (it names dots that this store has not given out), BUSY, DISK_FULL
//   TOO_LARGE  both together are; nothing was written, but `merged` tells what is here, so that
//              the next write can supersede it
enum status replica_merge(struct store *store, struct place *place, const struct op_merge *merge,
                          struct moment now, struct op_merged *merged) MUST_USE;
