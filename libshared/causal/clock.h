// clock.h - dots, and version vectors of intervals.
//
// A dot names one write: the actor (one life of one store) that coordinated it and
// that actor's counter for the shard (a keyspace in a partition). A clock is a set of dots, kept
// as sorted, disjoint, non-adjacent intervals:
//
//     { (a, 3..7), (a, 9..9), (b, 1..4) }      a@5 is covered, a@8 is not
//
// In the clock of a record an interval speaks of that record's key alone: counters
// inside it that belong to other keys mean nothing. This is why a coordinator that
// still holds a record may extend its interval up to its newest dot, and why one that
// finds no record starts a new interval (dotted version vectors, Preguiça et al. 2010,
// with interval entries).
//
// A clock is never pruned by size or age. CLOCK_INTERVALS_MAX is refused at the edge,
// in the context of a client; a clock between replicas is bounded by the size of
// its message alone, because a record that cannot be joined would be a lost write.
#pragma once

#include "base/buf.h"
#include "base/reader.h"
#include "base/status.h"

enum { CLOCK_INTERVALS_MAX = 4096 };

struct dot {
    uint64_t actor;
    uint64_t counter; // from 1
};

static inline bool dot_equal(struct dot a, struct dot b)
{
    return a.actor == b.actor && a.counter == b.counter;
}

// By actor, then counter.
static inline int dot_compare(struct dot a, struct dot b)
{
    if (a.actor != b.actor)
        return a.actor < b.actor ? -1 : 1;
    return (a.counter > b.counter) - (a.counter < b.counter);
}

struct interval {
    uint64_t actor;
    uint64_t low;  // from 1
    uint64_t high; // low ≤ high
};

struct clock {
    struct interval *intervals; // owned
    uint32_t count;
    uint32_t capacity;
};

void clock_release(struct clock *clock);
void clock_clear(struct clock *clock); // empty, memory kept
void clock_copy(struct clock *to, const struct clock *from);

// Index of the first interval that ends at or after the dot; count if none does.
uint32_t clock_position(const struct clock *clock, struct dot dot);
uint64_t clock_high(const struct clock *clock, uint64_t actor); // the largest counter, 0 if none

bool clock_covers(const struct clock *clock, struct dot dot);
bool clock_includes(const struct clock *clock, const struct clock *other); // every dot of other
bool clock_equal(const struct clock *a, const struct clock *b);

void clock_add(struct clock *clock, struct interval interval);  // union with one interval
void clock_join(struct clock *into, const struct clock *other); // union

void clock_remove(struct clock *clock, struct dot dot); // all but this dot

// Adds the coordinator's new dot: the actor's last interval is extended up to it if
// `held` (the coordinator held the record), else the dot alone is added.
void clock_mint(struct clock *clock, struct dot dot, bool held);

// Canonical bytes: varint count, then per interval u64 actor, varint low, varint
// high - low. Decoding accepts only that form; otherwise CORRUPT and an empty clock.
void clock_encode(const struct clock *clock, struct buf *out);
enum status clock_decode(struct clock *clock, struct reader *reader) MUST_USE;
