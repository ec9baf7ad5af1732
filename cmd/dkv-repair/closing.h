// closing.h - closes the ends of starts of one shard in our store, if nothing of them can still
// come.
//
// A store that began a new life gives out no more dots of the ones before. If all owners know the
// same dots of those starts, and no hint has others, nobody ever will; then they count as known, so
// that seen-clocks stay small and what their gaps held up goes on:
//
//     ENDINGS   our store    which starts ended long enough ago?
//     HELD      all hintds   does a hint have a dot of them?       one that does: not now
//     OPEN      all owners   what do you know?                     not the same, or lost: not now
//     CLOSE     our store
//
// in this order: what a hint brings while it is asked is told by the owners afterwards.
//
// A pure state machine, as round.h.
#pragma once

#include "causal/seen.h"
#include "ring/ring.h"
#include "wire/hint.h"
#include "wire/repair.h"

enum closing_state {
    CLOSING_ENDINGS,
    CLOSING_HELD,
    CLOSING_OPEN,
    CLOSING_CLOSE,
    CLOSING_ENDED,
};

enum { CLOSING_ENDINGS_MAX = 16 }; // at a time

struct closing_plan {
    uint32_t keyspace, partition;
    uint16_t self; // index of our node in the ring, as all that follow
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t owner_count;
    uint32_t node_count; // of the ring: each has a hintd
    uint32_t number;     // of our node
};

struct closing_request {
    uint16_t node;
    enum message_type type;
    union {
        struct op_endings endings;
        struct op_held held;
        struct op_open open;
        struct op_close close;
    };
};

struct closing {
    struct closing_plan plan;
    enum closing_state state;
    uint32_t step; // counts the states that it was in
    struct ending endings[CLOSING_ENDINGS_MAX];
    uint32_t count, at;       // the one that is looked at
    uint32_t asked, answered; // nodes, or owners
    struct seen seen;         // of the first owner that answered
    uint64_t closed;          // how many were
};

void closing_start(struct closing *closing, const struct closing_plan *plan);
void closing_release(struct closing *closing);

// The next request that can be sent now. False: none.
bool closing_next(struct closing *closing, struct closing_request *request);

// A reply to what was asked in this step; those of steps before count for nothing. One that is none
// ends it, as closing_end() does.
void closing_on_reply(struct closing *closing, uint32_t step, enum message_type type,
                      struct reader *body);
void closing_end(struct closing *closing);

static inline bool closing_is_ended(const struct closing *closing)
{
    return closing->state == CLOSING_ENDED;
}
