// growth.h - makes hash trees (trees.h), by reading one partition after the other.
//
// Each step reads a piece of a partition, between the turns of everything else, and never waits
// for the disk: what is not in memory is read beside. A partition that was read to its end must
// have the roots that the ledger has. So a growth is also how data that nobody reads is looked
// after: every block is checked, and every record.
#pragma once

#include "base/fault.h"
#include "dkv-store/ledger.h"
#include "lsm/lsm.h"
#include "turn/parked.h"

enum growth_state {
    GROWTH_UNKNOWN, // nobody has asked
    GROWTH_WAITS,   // or is under way
    GROWTH_WHOLE,
    GROWTH_FAILED, // growth.last says why
};

struct growth_failure {
    uint32_t partition;
    enum status status;
    struct fault fault;
};

struct growth_pending { // a record of the token at hand
    uint32_t keyspace;
    struct leaf_delta delta;
};

// Zero-filled is empty. What is lost and damaged is passed over, a leaf at a time: the trees are
// those of what can be read, and growth_difference() tells how the ledger has to change.
struct growth {
    uint32_t *waiting; // owned: partitions, the first is being read
    uint32_t count, capacity;
    bool is_begun;                  // the first of them
    struct parked_wait wait;        // for the disk; of the same
    struct growth_pending *pending; // owned: either all records of a token are in, or none
    uint32_t pending_count, pending_capacity;
    uint64_t record_count;      // read since the start
    uint64_t failed_count;      // partitions
    struct growth_failure last; // that failed
    bool has_failed;
    struct record record; // kept for its memory
    struct buf from, to;
};

void growth_release(struct growth *growth);

// Wants the trees of a partition; those that are there are good enough unless `anew`.
void growth_want(struct growth *growth, struct ledger *ledger, uint32_t partition, bool anew);

// The trees of a partition are not those of what is there: they are made anew when wanted.
void growth_forget(struct growth *growth, struct ledger *ledger, uint32_t partition);

enum growth_state growth_state(const struct growth *growth, const struct ledger *ledger,
                               uint32_t partition);

// True if a step would get on now.
bool growth_can_step(const struct growth *growth, const struct lsm *lsm);

// The partition of which that is, if there is one to do.
static inline uint32_t growth_partition(const struct growth *growth)
{
    return growth->waiting[0];
}

// Reads the next piece. CORRUPT, IO: of this partition it is over. CHECK_FAILED: it was read, and
// is not what the ledger says, in shards that are lost: tell the ledger (growth_difference()),
// until there is no difference, then end it.
enum status growth_step(struct growth *growth, struct ledger *ledger, struct lsm *lsm,
                        struct fault *fault) MUST_USE;

// By how much a shard of that partition has less, or more, than the ledger says, as an entry of a
// write. False: there is none such.
bool growth_difference(const struct growth *growth, const struct ledger *ledger,
                       struct ledger_entry *entry);
void growth_end(struct growth *growth, struct ledger *ledger);
