// replica.h - reading and changing one record of a store's replica.
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
    struct bytes engine_key; // in store->key, until the next place
};

// Finds the place, and whether this node owns it.
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

// Has this request been applied to store->local? Then *dot is what it became.
bool replica_find_request(const struct store *store, const struct place *place,
                          const struct request_id *request, struct dot *dot);

// Coordinates a write on top of store->local: mints a dot, writes. The new record is in
// store->encoded, its dot in *dot. If the request was applied before, nothing is written,
// and what is there now is the result.
//   TOO_LARGE, SIBLING_CAP, INVALID (context), BUSY, DISK_FULL
enum status replica_update(struct store *store, const struct place *place,
                           const struct op_update *update, struct moment now,
                           struct dot *dot) MUST_USE;

// Joins store->incoming (decoded from `encoded`) into the replica.
//   BUSY, DISK_FULL
enum status replica_merge(struct store *store, const struct place *place, struct bytes encoded,
                          struct moment now) MUST_USE;
