// keeping.h - the hints for one key: located, read, and changed.
//
//     locate ──► read, target by target ──► mint or join ──► put or remove ──► write
//
// What belongs together goes into one batch of the engine, with the notes of the tally: after a
// crash either all of it is there or nothing.
#pragma once

#include "base/moment.h"
#include "dkv-hintd/hint.h"
#include "dkv-hintd/tally.h"
#include "lsm/lsm.h"
#include "ring/ring.h"
#include "turn/parked.h"

// One key, and the hint for one target of it.
struct keeping {
    struct bytes key; // borrowed
    uint32_t keyspace;
    uint32_t partition;
    enum ring_conflict conflict;
    uint64_t token;
    uint64_t hash; // of the engine key of the record
    uint64_t target;
    bool is_there;
    struct hint hint;      // empty if there is none
    struct buf engine_key; // of the hint
    struct buf value;      // that it was read from
};

void keeping_release(struct keeping *keeping);

// INVALID: no such keyspace, or a bad key size.
enum status keeping_locate(struct keeping *keeping, const struct ring *ring, uint32_t keyspace,
                           struct bytes key) MUST_USE;

// Reads the hint for a target.
//   BUSY: it would have to wait for the disk, `wait` has the position
//   CORRUPT, IO: the fault names the file, or `dir`
enum status keeping_read(struct keeping *keeping, uint64_t target, struct lsm *lsm,
                         struct parked_wait *wait, const char *dir, struct fault *fault) MUST_USE;

// ---- changes -----------------------------------------------------------------------------

struct keeping_item {
    struct tally_entry entry;
    uint64_t *came, *went; // owned
};

struct keeping_batch { // zero-filled is empty
    struct lsm_batch batch;
    struct buf note, value;
    struct keeping_item *items;
    uint32_t count, capacity;
};

void keeping_batch_release(struct keeping_batch *batch);
void keeping_batch_clear(struct keeping_batch *batch);

// Puts the joined hint for the target that was read last, and fills keeping->hint's lists in.
// False: it was put, but a dot found no place in it.
bool keeping_batch_put(struct keeping_batch *batch, struct keeping *keeping,
                       const struct hint_news *news, struct moment now);

// Lets a hint of this engine key go, which has that size and stands for dots of these actors.
struct keeping_gone {
    uint64_t target, token;
    uint32_t keyspace;
    struct bytes engine_key;
    uint64_t size;
    const uint64_t *actors;
    uint32_t actor_count;
};
void keeping_batch_remove(struct keeping_batch *batch, const struct keeping_gone *gone,
                          struct moment now);

// The request ids that the change remembers, of the last put.
void keeping_batch_remember(struct keeping_batch *batch, const struct superseded_list *remember);

// Writes it, and lets the tally learn from it.
//   BUSY, DISK_FULL, TOO_LARGE, IO: nothing was written
enum status keeping_batch_write(struct keeping_batch *batch, struct lsm *lsm,
                                struct tally *tally) MUST_USE;
