// repair.h - the brain of dkv-repair: lets the store of this node pull what it lacks.
//
// A store may miss writes: it was down and no hint was kept, its disk lost some, or it was just
// made an owner. So it is compared with every other owner of each of its shards, one round
// (round.h) a shard and owner, again and again (pulls.h). It owns no data, and may be killed at any
// time.
//
// Rounds are asked of stores at their background door. They are throttled: bytes to and from
// other nodes stay below a rate, and far below when clients would feel it (peer/throttle.h); and of
// the rounds that are under way there are a few at most.
//
// Deterministic: no clock, no socket, no thread.
#pragma once

#include "base/fault.h"
#include "dkv-repair/asking.h"
#include "dkv-repair/closings.h"
#include "dkv-repair/debts.h"
#include "dkv-repair/digests.h"
#include "dkv-repair/dry.h"
#include "dkv-repair/runs.h"
#include "dkv-repair/scrub.h"
#include "peer/peers.h"
#include "peer/throttle.h"
#include "wire/meter.h"

struct repair_options {
    struct ring_snapshot *ring; // it is held
    uint64_t node;              // our id in it
    uint64_t boot;              // random, of this life
    uint64_t ping_interval_ms, down_after_ms;
    uint64_t interval_ms; // in which each pair agrees
    uint64_t settle_ms;
    uint64_t scrub_ms;     // in which everything is read once
    uint64_t rate;         // bytes a second, at most
    struct bytes software; // version, borrowed
    link_id (*link_of)(uint32_t number);
    uint32_t (*number_of)(link_id link); // UINT32_MAX: none of ours
};

struct repair_counts { // since the start
    uint64_t rounds;   // that ended well
    uint64_t failed;
    uint64_t differing; // keys
    uint64_t fetched;   // records
    uint64_t left_out;
    uint64_t bytes; // to and from other nodes
    uint64_t refused;
};

struct repair {
    struct repair_options options;
    struct ring_snapshot *snapshot; // held
    const struct ring *ring;        // in it
    uint32_t self;                  // index
    struct peers peers;
    struct asking asking;
    struct pulls pulls;
    struct runs runs;
    struct dries dries;
    struct scrub scrub;
    struct digests digests;
    struct closings closings;
    struct debts debts;
    uint64_t debts_due_ms; // when hintds are asked for them
    struct throttle throttle;
    int64_t allowance; // bytes that may be sent now; below 0: some were too many
    uint64_t allowance_ms;
    uint64_t losses;     // of our store, as it said last
    uint32_t twin_start; // the last start of our store that another one heard of, if not from it
    struct repair_counts counts;
    struct buf text;
};

// INVALID: the node is not in the ring.
enum status repair_init(struct repair *repair, const struct repair_options *options,
                        struct moment now, struct fault *fault) MUST_USE;
void repair_release(struct repair *repair);

// Works by this document from now on. Rounds that are under way are over.
void repair_adopt(struct repair *repair, struct ring_snapshot *ring, struct moment now);

void repair_on_tick(struct repair *repair, struct moment now, struct outbox *outbox);
unsigned repair_tick_within_ms(const struct repair *repair);

// ---- For the other files --------------------------------------------------------------

// A reply of a store to what a round has asked.
void repair_on_reply(struct repair *repair, uint32_t number, const struct message_header *header,
                     struct reader *body, struct moment now);
// A store has said how it is.
void repair_on_pong(struct repair *repair, struct moment now);
void repair_take_change(struct repair *repair, uint32_t number, enum link_change change,
                        struct moment now);

// Begins rounds that are due, and sends what those under way ask for.
void repair_go_on(struct repair *repair, struct moment now, struct outbox *outbox);

// Where to append a request about a shard, for the link of this number.
struct buf *repair_add(const struct repair *repair, uint32_t number, enum message_type type,
                       uint32_t keyspace, uint32_t partition, uint32_t budget_ms,
                       struct outbox *outbox);
