// round.h - one round of repair: a store, ours, pulls from theirs what it lacks of one shard.
//
//     OPENING ──► MEETING ──► COMPARING ──► equal ─────────────────────────┐
//                                 │  ▲                                     ▼
//                                 ▼  │ once more                        REOPENING ──► ADOPTING
//                              SETTLING ──► COMPARING ──► EXCHANGING ──────┘             │
//                                                                                     ENDED
//
// What is on its way is no divergence: both are compared twice, with a pause, and only what differs
// twice counts. In an exchange the heads of all records in the leaves that differ are listed on
// both sides and merged like two sorted files; each key whose dots differ is reconciled by our
// store, which asks for the whole record if it wants some of it.
//
// Any failure ends the round, and nothing is adopted. What was joined stays: it does no harm.
// A dry round does not meet, reconcile and adopt; it names the keys.
//
// A pure state machine: the caller asks round_next() for requests, sends them, and feeds replies
// back, in any order. It owns no data: openings, heads and records only pass through.
#pragma once

#include "dkv-repair/exchange.h"
#include "merkle/compare.h"

enum round_state {
    ROUND_OPENING,
    ROUND_MEETING,
    ROUND_COMPARING,
    ROUND_SETTLING,
    ROUND_EXCHANGING,
    ROUND_REOPENING,
    ROUND_ADOPTING,
    ROUND_ENDED,
};

struct round_plan {
    uint32_t keyspace, partition;
    uint32_t partition_count;
    uint16_t numbers[COMPARE_SIDES]; // of the nodes
    uint64_t settle_ms;
    bool is_dry;
};

// A request, borrowed from the round until the next call.
struct round_request {
    enum compare_side side;
    enum message_type type;
    uint8_t part; // comes back with the reply: which tree, which key
    union {
        struct op_open open;
        struct op_meet meet;
        struct op_tree tree;
        struct op_leaves leaves;
        struct op_take take;
        struct op_reconcile reconcile;
        struct op_adopt adopt;
    };
};

struct round {
    struct round_plan plan;
    enum round_state state;
    enum status status; // how it ended: OK, all that they knew at the opening is known here now
    bool is_again;      // compares for the second time
    uint64_t due_ms;    // monotonic: nothing to ask before; 0 = now
    unsigned asked;     // bits: of the state, by side and part
    unsigned answered;
    struct buf openings[COMPARE_SIDES];
    struct opening_told told[COMPARE_SIDES]; // the same, decoded; theirs anew when reopened
    struct compare *compares;                // owned, one a tree
    struct exchange exchange;
    struct buf nodes;   // of a TREE, kept for its memory
    unsigned adoptions; // asked for
    bool is_lost;       // ours, when it had adopted
    uint64_t differing; // keys
    uint64_t left_out;  // of them, those that this round could not resolve
    uint64_t fetched;   // whole records
};

void round_start(struct round *round, const struct round_plan *plan);
void round_release(struct round *round);

// The next request that can be sent now. False: none.
bool round_next(struct round *round, uint64_t now_ms, struct round_request *request);

// The reply to a request, or that there will be none (`body` is NULL). INVALID replies end the
// round as well.
void round_on_reply(struct round *round, enum compare_side side, enum message_type type,
                    uint8_t part, struct reader *body, uint64_t now_ms);
void round_end(struct round *round, enum status status);

static inline bool round_is_ended(const struct round *round)
{
    return round->state == ROUND_ENDED;
}

// Of a dry round, and of one that reconciles: a key that differs, told once, in the order of
// tokens. False: no more for now.
bool round_next_key(struct round *round, struct bytes *key);
