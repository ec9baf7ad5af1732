// seen.h - the seen-clock of one partition: which dots a replica knows of.
//
// For each actor a contiguous base (every counter up to it) and the dots above it
// that came early. Joining a record adds exactly the dots of its siblings, kept,
// covered or dropped, never what its intervals cover. The seen-clock is a function of
// the log: every frame says what it added, every flush carries a snapshot.
#pragma once

#include "causal/clock.h"

// Per actor the first interval [1, base] if the base is not 0, then what came early.
// A clock is exactly this shape, so a seen-clock is a clock with other rules.
struct seen {
    struct clock dots;
};

void seen_release(struct seen *seen);
bool seen_has(const struct seen *seen, struct dot dot);
bool seen_add(struct seen *seen, struct dot dot);            // false if it was there
void seen_join(struct seen *into, const struct seen *other); // adoption
uint64_t seen_base(const struct seen *seen, uint64_t actor); // 0 if even counter 1 is missing
uint64_t seen_high(const struct seen *seen, uint64_t actor); // greatest counter, 0 if none

// The contiguous part covers every dot of the clock. (Purging asks this.)
bool seen_base_covers(const struct seen *seen, const struct clock *clock);

// As a clock.
void seen_encode(const struct seen *seen, struct buf *out);
enum status seen_decode(struct seen *seen, struct reader *reader) MUST_USE;

// Hash of the set of dots, whatever the order they came in: for comparing replicas.
uint64_t seen_hash(const struct seen *seen);
