// delivery.h - how far the hints for one target have been delivered.
//
//             link up, hints wait              end of the range
//     IDLE ───────────────────────► READING ───────────────────► DRAINING
//      ▲ ▲                             │                             │
//      │ └──── link down ◄─────────────┴─────────────────────────────┤
//      └──────────────────── nothing under way any more ◄────────────┘
//
// A pass reads the hints of the target in the order of their keys and sends them, a bounded number
// at a time. What is taken in meanwhile is met by the pass or by the next one. A pass in which
// nothing was refused has delivered everything that was queued before it began: that is all that
// `dkv hints wait` needs to know.
//
// A hint that is joined while it is under way is stale: the target's answer is about the one that
// was sent, so the new one stays.
//
// Pure bookkeeping: deliveries.h sends.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "peer/throttle.h"

enum {
    DELIVERY_OPS_MAX = 64,       // under way to one target ...
    DELIVERY_SIZE_MAX = 1 << 20, // ... with so many bytes, or one that is larger
    DELIVERY_BUDGET_MS = 5000,   // after that one counts as not answered
};

enum delivery_state {
    DELIVERY_IDLE,
    DELIVERY_READING,
    DELIVERY_DRAINING,
};

struct flying {  // a hint that was sent
    uint64_t id; // of the MERGE; 0: the slot is free
    uint64_t size, token;
    uint32_t keyspace;
    uint32_t actor_count;
    uint64_t *actors; // owned
    struct buf key;   // of the engine
    uint64_t deadline_ms;
    bool is_stale;
    bool is_taken; // the target has it durably, and only we do not know yet that it may go
};

struct delivery {
    uint64_t node;
    enum delivery_state state;
    struct buf cursor; // the pass goes on behind this key of the engine
    struct flying flying[DELIVERY_OPS_MAX];
    uint32_t flying_count;
    uint64_t flying_size;
    bool is_clean;       // nothing of this pass was refused
    bool has_moved;      // something of this pass went
    bool must_sort;      // the ring is another one since: some of it may be for others now
    uint64_t accepted;   // hints taken in this life, those that it found included
    uint64_t pass_mark;  // `accepted` when the pass began
    uint64_t delivered;  // everything up to there is
    uint64_t retry_ms;   // mono: nothing is sent before
    enum status refused; // by the target, the last time; OK since it took one
    bool is_damaged;     // the pass met hints that cannot be read
    struct throttle throttle;
    int64_t allowance; // bytes that may be sent now; below 0 after a large one
    uint64_t refilled_ms;
    uint64_t wait_position; // of the engine, that the pass waits for; 0 = none
    unsigned miss_count;
};

// Aborts the pass: nothing is under way.
void delivery_stop(struct delivery *delivery);
void delivery_begin(struct delivery *delivery);
// The last one was read, or answered. True if the pass is over.
bool delivery_end(struct delivery *delivery, uint64_t now_ms, uint64_t retry_ms);

bool delivery_has_room(const struct delivery *delivery);
// NULL: there is none.
struct flying *delivery_find(struct delivery *delivery, uint64_t id);
struct flying *delivery_find_key(struct delivery *delivery, struct bytes key);
struct flying *delivery_add(struct delivery *delivery, uint64_t id, struct bytes key,
                            uint64_t size); // there is room
void delivery_drop(struct delivery *delivery, struct flying *flying);

// Something was refused: nothing more for a while.
void delivery_fail(struct delivery *delivery, enum status status, uint64_t until_ms);

// Gives more allowance, as time goes on.
void delivery_refill(struct delivery *delivery, uint64_t rate, uint64_t now_ms);
