// holding.h - one key of this store: located, read, and changed.
//
// The record that is held and an operation give a change (replica/replica.h), which goes back
// together with its ledger entry in one batch of the engine. The engine shows a write to later
// reads at once, so operations of one turn see each other.
#pragma once

#include "dkv-store/ledger.h"
#include "lsm/lsm.h"
#include "replica/change.h"
#include "turn/parked.h"

struct holding {
    struct bytes key; // borrowed
    uint32_t keyspace;
    uint32_t partition;
    enum ring_conflict conflict;
    uint64_t token;
    struct buf engine_key;
    uint64_t hash;        // of the engine key
    struct record record; // empty if nothing is held; its values are borrowed from `encoded`
    struct buf encoded;
    struct ledger_shard *shard; // NULL until the key is to be changed
    struct lsm_batch batch;     // of holding_write(), kept for its memory
    struct buf note;            // the same
};

void holding_release(struct holding *holding);

// Locates a key, and checks that this node owns it.
//   NOT_OWNER, INVALID (no such keyspace, bad key size)
enum status holding_locate(struct holding *holding, const struct ring *ring, int node_index,
                           uint32_t keyspace, struct bytes key) MUST_USE;

// Reads its record.
//   BUSY: it would have to wait for the disk, `wait` has the position; not after as many misses
//         as an operation may have
//   CORRUPT, IO: the fault names the file, or `dir`
enum status holding_read(struct holding *holding, struct lsm *lsm, struct parked_wait *wait,
                         const char *dir, struct fault *fault) MUST_USE;

// Finds the shard, or makes it: the key is to be changed.
void holding_begin(struct holding *holding, struct ledger *ledger);

// Writes a change, and lets the ledger learn from it; not if it is empty.
//   BUSY, DISK_FULL: nothing was written
enum status holding_write(struct holding *holding, struct lsm *lsm, struct ledger *ledger,
                          const struct change *change, uint64_t now_ms) MUST_USE;
