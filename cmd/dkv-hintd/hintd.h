// hintd.h - the brain of dkv-hintd: one node's hints for the owners that could not be reached.
//
// Serves routers (reception.h): HINT keeps a record for an owner, HINT_UPDATE gives a write its dot
// when no owner can be reached, FETCH and FIND read what is kept. It has links to the stores of all
// nodes, by their background doors, and delivers (deliveries.h): a hint goes to its owner by MERGE,
// and leaves when the owner has it durably.
//
// Durability: HINTED and DURABLE carry a gate, the log position of everything they depend on, so a
// hint counts only when it survives. Killed at any time, a hintd finds its hints again and begins
// to deliver anew: a MERGE that is repeated does nothing.
//
// What it cannot keep it refuses, and notes a debt (tally.h) that makes repair do it.
//
// Deterministic: no clock, no socket, no thread. The engine works through its vfs and hands
// blocking work out as jobs.
#pragma once

#include "dkv-hintd/delivery.h"
#include "dkv-hintd/keeping.h"
#include "peer/peers.h"
#include "replica/change.h"
#include "replica/fences.h"
#include "ring/ring_snapshot.h"
#include "turn/brain.h"
#include "turn/brake.h"
#include "wire/meter.h"

struct hintd_options {
    struct ring_snapshot *ring; // the hintd holds it
    uint64_t node;              // our id in it
    uint64_t boot;              // random, of this life
    uint64_t value_size_max;
    uint64_t record_size_max;
    uint64_t request_memory_ms;
    uint64_t clock_refuse_ms;
    uint64_t ping_interval_ms;
    uint64_t down_after_ms;
    uint64_t retry_ms;  // a target that refused is left alone for so long
    uint64_t rate;      // bytes in a second that one target is sent
    uint64_t size_max;  // bytes of all hints
    uint64_t expire_ms; // hints are taken for a target that has been silent for so long
    struct lsm_options lsm;
    struct bytes software;
    link_id (*link_of)(uint32_t number);
    uint32_t (*number_of)(link_id link);
};

struct hintd_counts { // since the start
    uint64_t hints, updates, fetches, finds;
    uint64_t refused_full;   // hints: there was no room, or the target was silent for too long
    uint64_t sent;           // MERGEs
    uint64_t delivered;      // hints that went
    uint64_t refused;        // MERGEs that their targets did not take
    uint64_t rerouted;       // hints that were for others when the ring had changed
    uint64_t late;           // UPDATEs that were too old, or of a try that is fenced
    uint64_t late_replies;   // to MERGEs that were over
    uint64_t expired;        // operations dropped because their time was over
    uint64_t not_allowed;    // messages of those that may not send them
    uint64_t behind;         // reads put off because the router had too much to take
    uint64_t damaged_reads;  // that damage, or the disk, made fail
    uint64_t damaged_merges; // the same, of merges of the engine
    uint64_t parked;         // operations that waited for the disk, out of the way
};

struct hintd {
    struct hintd_options options;
    struct ring_snapshot *snapshot; // the newest ring, held
    const struct ring *ring;        // in it
    int node_index;
    struct lsm *lsm;
    struct tally tally;
    struct fences fences;
    struct peers peers; // the stores
    struct meters meters;
    struct parked parked;
    struct parked_wait wait;     // of the operation that is served
    struct table counters;       // by shard: the last dot of this life
    struct delivery *deliveries; // owned, by node
    uint32_t delivery_count;
    uint64_t op_id; // of the last MERGE
    uint64_t hlc_last;
    uint32_t heard_start; // of ours: the latest that a store has heard of
    uint16_t random;      // of our actors
    uint64_t started_ms;
    uint64_t turn_ms; // when the last turn was
    struct brake brake;
    bool has_unwritten_debts; // the log does not have them all yet
    bool may_owe_strangers;   // nodes that are not in the ring: owing.h
    uint64_t debts_due_ms;    // when they may be written
    bool is_hurried;          // more can be delivered in the next turn
    struct hintd_counts counts;
    struct fault twin;   // not OK: a younger process runs as this one, which takes nothing more
    struct fault damage; // the last one
    // Made by one operation after the other, kept for their memory.
    struct keeping keeping, other;
    struct record joined;
    struct change change;
    struct {
        struct clock clock; // empty: nothing
        uint64_t hlc;
    } told; // of the hints for other owners
    struct keeping_batch batch;
    struct superseded_list requests;
    struct clock clock;
    struct buf part, encoded, lists, text;
};

// Opens the engine, recovers the tally, starts a new actor (with some of the random bits) and makes
// it durable by running the engine's jobs itself. Nothing is served before this returned OK.
//   LOCKED, CORRUPT, IO, DISK_FULL as lsm_open(); INVALID: the node is not in the ring, the hints
//   are another node's, or a newer program has written there.
enum status hintd_open(struct hintd *hintd, const struct hintd_options *options, uint64_t random,
                       struct moment now, struct fault *fault) MUST_USE;
void hintd_close(struct hintd *hintd);

// An actor of a start behind `last`, not durable yet. 0: no start is left.
uint64_t hintd_new_actor(const struct hintd *hintd, uint32_t last, struct moment now);

// Works by this document from now on. Adds links and ends none: that is reception_adopt()'s.
void hintd_adopt(struct hintd *hintd, struct ring_snapshot *ring, struct moment now);

void hintd_on_tick(struct hintd *hintd, struct moment now);

// Found or made; valid until the next call.
struct delivery *hintd_delivery(struct hintd *hintd, uint64_t node);

// A hint for this target was written: of this key of the engine.
void hintd_note_hint(struct hintd *hintd, uint64_t target, struct bytes engine_key);

// A hint was not kept, or not all of what it stands for.
void hintd_owe(struct hintd *hintd, uint64_t target, uint32_t partition, struct moment now);

// The last dot that this life gave out in a shard.
uint64_t *hintd_counter(struct hintd *hintd, uint32_t keyspace, uint32_t partition);

// A store has heard of this start of the hintd of our node. If it is later than our own, stores
// close our dots some time after, so they must not be given out any more. One that has just begun
// takes that for its own past, which was wiped, and goes on with a later start still. Else another
// process runs as this one, too: what is kept here is delivered, and nothing more is taken.
void hintd_hear_of_self(struct hintd *hintd, uint32_t start, struct moment now);

// Jobs of the engine; see lsm.h. Not OK: the log failed and the process must stop, the fault says
// why.
struct lsm_job *hintd_next_job(struct hintd *hintd, enum lsm_worker worker);
enum status hintd_on_job_done(struct hintd *hintd, struct lsm_job *job, struct fault *fault);

// A read met damage, or a disk that fails: counts and keeps it.
void hintd_note_damage(struct hintd *hintd, uint64_t *count, const struct fault *fault);
