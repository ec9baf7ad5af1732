// operation_inside.h - what the operations of a store have in common; for operation.c and those
// that have a file of their own.
#pragma once

#include "dkv-store/store.h"
#include "replica/replica.h"

// Everything that has been written so far: a reply that depends on it must wait for that.
static inline uint64_t operation_gate(const struct store *store)
{
    return lsm_written(store->lsm);
}

// Locates and reads a key.
//   BUSY   the operation has to wait for the disk, or for one on the same key that does
//   STALE  the sender has another ring, in which the key may be elsewhere
enum status operation_read(struct store *store, const struct message_header *header,
                           uint32_t keyspace, struct bytes key, struct holding *holding) MUST_USE;

// Gives the key as mint, join and find ask for it.
struct replica operation_replica(const struct store *store, const struct holding *holding,
                                 struct moment now);
