// reading.h - the key of an operation is located and read, and made ready for a change.
#pragma once

#include "dkv-store/store.h"
#include "replica/replica.h"

// Everything that has been written so far: a reply that depends on it must wait for that.
static inline uint64_t reading_gate(const struct store *store)
{
    return lsm_written(store->lsm);
}

// Counts damage that a read of the partition met. One that has to wait, or that found no
// descriptor, met none. The copies of its shards are marked lost before the next change (loss.h).
void reading_note(struct store *store, enum status status, uint32_t partition,
                  const struct fault *fault);

// Locates and reads a key.
//   BUSY   the operation has to wait for the disk, or for one on the same key that does
//   STALE  the sender has another ring, in which the key may be elsewhere
enum status reading_read(struct store *store, const struct message_header *header,
                         uint32_t keyspace, struct bytes key, struct holding *holding) MUST_USE;

// Gives the key, to be changed (holding_begin()) or not, as mint, join and find ask for it.
struct replica reading_replica(const struct store *store, const struct holding *holding,
                               struct moment now);
