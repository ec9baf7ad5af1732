// exchange.h - the part of a round that lists the leaves that differ and reconciles their keys.
//
//     LEAVES of ours   ─┐  merged in the order          ┌─ RECONCILE (a head) ─► resolved
//                       ├─ of tokens: keys that differ ─┤
//     LEAVES of theirs ─┘  go to one of a few lanes     └─► TAKE ─► RECONCILE (whole) ─► resolved
//
// Pages are bounded, and so are lanes: there is never more in memory than two pages and the records
// of the lanes, of which only one may be large.
#pragma once

#include "base/buf.h"
#include "causal/record.h"
#include "merkle/compare.h"
#include "wire/repair.h"

enum {
    EXCHANGE_LANES = 8,
    EXCHANGE_PAGE_SIZE = 48 << 10,
    EXCHANGE_FETCH_MAX = 1 << 20, // bytes of records on their way, or one that is larger
};

enum lane_state {
    LANE_FREE,
    LANE_HEAD, // RECONCILE with the head is due
    LANE_HEAD_SENT,
    LANE_FETCH, // the whole record is wanted
    LANE_FETCH_SENT,
    LANE_WHOLE, // RECONCILE with it is due
    LANE_WHOLE_SENT,
};

struct lane {
    enum lane_state state;
    struct buf key, record;
    uint64_t actor; // of their store, as it told with the record, or with the want of one
    uint64_t size;  // of the whole record, about
};

struct exchange_page {
    struct buf items; // not taken yet: `at` on
    size_t at;
    struct buf after; // engine key to go on behind
    uint64_t actor;   // of the store that told the last page
    bool is_asked, is_done;
};

struct exchange {
    uint32_t keyspace;
    struct buf ranges;
    struct exchange_page pages[COMPARE_SIDES];
    struct lane lanes[EXCHANGE_LANES];
    struct buf names; // keys that differ and were not told yet, short each
    size_t names_at;
    uint64_t differing;
    struct record record; // kept for its memory
    struct record other;
};

// Begins with these ranges of tokens.
void exchange_begin(struct exchange *exchange, uint32_t keyspace, struct bytes ranges);
void exchange_release(struct exchange *exchange);

// Takes a page. INVALID.
enum status exchange_on_page(struct exchange *exchange, enum compare_side side,
                             const struct op_listed *listed) MUST_USE;

// Merges on, as far as pages and lanes let it. `is_dry`: keys that differ are only named.
// INVALID: the pages are none.
enum status exchange_merge(struct exchange *exchange, bool is_dry) MUST_USE;

bool exchange_wants_page(const struct exchange *exchange, enum compare_side side);
bool exchange_may_fetch(const struct exchange *exchange, const struct lane *lane);
bool exchange_is_done(const struct exchange *exchange);
