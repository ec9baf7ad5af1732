// tally.h - all that a hintd knows of its hints besides the hints themselves.
//
//     targets   for each node with hints: how many, their bytes, since when some have waited
//     dots      for each shard and actor: how many hints stand for a dot of that actor
//     debts     what could not be kept, for repair: of which target, in which partition
//     requests  the request ids of writes that other hints superseded
//     actor     that of this life, and whether its start is known to be the last
//
// The tally is a function of the log, as a store's ledger is: every change of a hint carries a
// note, every flush a snapshot, and after a restart both together give the same tally
// (tally_format.h). So nothing needs to be read to know how many hints wait.
#pragma once

#include "base/table.h"
#include "causal/actor.h"
#include "replica/requests.h"
#include "ring/engine_key.h"

struct tally_target {
    uint64_t node;
    uint64_t count;    // of hints
    uint64_t bytes;    // of their keys and values
    uint64_t since_ms; // wall clock: since then it was never without hints; 0 = it is
    uint64_t debt_count;
};

struct tally_debt {
    uint64_t target;
    uint32_t partition;
    uint64_t since_ms; // wall clock: the first refusal
    uint64_t mark;     // a number that grows with every refusal
};

struct tally {
    uint32_t partition_count;     // 0: the first snapshot or note that has it says so
    struct tally_target *targets; // owned, by node; those without hints and debts stay, as 0
    uint32_t target_count;
    struct table dots;        // by shard and actor: a number
    struct table shards;      // by shard: how many hints
    struct tally_debt *debts; // owned, by target and partition
    uint32_t debt_count;
    uint64_t debt_mark; // the last one
    struct requests requests;
    uint64_t actor;
    bool is_last;      // the stores of all nodes have said that they know of no later start
    uint64_t bytes;    // of all hints
    uint64_t begin_ms; // monotonic, of this life: requests that it was left with count from then on
};

void tally_init(struct tally *tally, uint64_t request_memory_ms);
void tally_release(struct tally *tally);

// The change of one hint.
struct tally_entry {
    uint64_t target;
    uint32_t keyspace;
    uint64_t token;
    int64_t count;        // 1: it is new, -1: it goes
    int64_t bytes;        // more or less
    uint64_t wall_ms;     // now
    uint64_t now_ms;      // monotonic
    const uint64_t *came; // actors that it stands for from now on ...
    const uint64_t *went; // ... and no more
    uint32_t came_count, went_count;
    const struct superseded *superseded; // bound to their keys (replica/recall.h)
    uint32_t superseded_count;
};

// Learns from a change, once it was accepted to be written.
void tally_apply(struct tally *tally, const struct tally_entry *entry);

struct tally_target *tally_target(struct tally *tally, uint64_t node);           // found or made
const struct tally_target *tally_find(const struct tally *tally, uint64_t node); // NULL: none

// Whether a hint of the shard stands for a dot of this process, of its starts up to `start`. Also
// how many hints the shard has.
bool tally_holds(const struct tally *tally, uint32_t keyspace, uint32_t partition, uint32_t process,
                 uint32_t start);
uint64_t tally_shard_count(const struct tally *tally, uint32_t keyspace, uint32_t partition);

// A hint was refused. Returns the debt, which was there or is new.
const struct tally_debt *tally_owe(struct tally *tally, uint64_t target, uint32_t partition,
                                   uint64_t wall_ms);
// Puts one as it was, from a note or a snapshot.
void tally_put_debt(struct tally *tally, const struct tally_debt *debt);
bool tally_has_debt(const struct tally *tally, uint64_t target, uint32_t partition, uint64_t mark);
// Repair has settled it, if nothing was refused since it had this mark. False: it stays.
bool tally_settle(struct tally *tally, uint64_t target, uint32_t partition, uint64_t mark);

// Whether both say the same of hints and dots, for tests.
bool tally_equal(const struct tally *a, const struct tally *b);
