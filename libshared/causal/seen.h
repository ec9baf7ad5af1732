// seen.h - the seen-clock of one shard: which dots a replica knows of.
//
// For each actor a contiguous base (every counter up to it) and the dots above it that came
// early; and for each process, a node's store or hintd, the start up to which its lives are closed:
// every dot of them counts as known, so that nothing else need be kept of them. Joining a record
// adds exactly the dots of its siblings, kept, covered or dropped, never what its intervals
// cover. The seen-clock is a function of the log: every frame says what it added, every flush
// carries a snapshot.
#pragma once

#include "causal/actor.h"
#include "causal/clock.h"

struct seen_closed {
    uint32_t process; // actor_process()
    uint32_t start;   // and all before
};

// Per actor the first interval [1, base] if the base is not 0, then what came early.
// A clock is exactly this shape, so a seen-clock is a clock with other rules. It has no dots of
// starts that are closed.
struct seen {
    struct clock dots;
    struct seen_closed *closed; // owned, by process
    uint32_t closed_count;
};

void seen_release(struct seen *seen);
bool seen_has(const struct seen *seen, struct dot dot);
bool seen_add(struct seen *seen, struct dot dot);            // false if it was there
void seen_join(struct seen *into, const struct seen *other); // adoption

// From now on every dot of this process's starts up to this one counts as known.
void seen_close(struct seen *seen, uint32_t process, uint32_t start);
uint32_t seen_closed(const struct seen *seen, uint32_t process); // 0: none is

// UINT64_MAX where the start of the actor is closed.
uint64_t seen_base(const struct seen *seen, uint64_t actor); // 0 if even counter 1 is missing
uint64_t seen_high(const struct seen *seen, uint64_t actor); // the largest counter, 0 if none

// Returns the last start of this process of which a dot is known, or that is closed; 0 if none is.
uint32_t seen_last_start(const struct seen *seen, uint32_t process);

// The contiguous part covers every dot of the clock. (Purging asks this.)
bool seen_base_covers(const struct seen *seen, const struct clock *clock);

// Varint count of what is closed, for each: varint process, u32 start, ascending by process; then
// the dots as a clock. In version 1 it was the clock alone.
void seen_encode(const struct seen *seen, struct buf *out);
enum status seen_decode(struct seen *seen, struct reader *reader) MUST_USE;
enum status seen_decode_1(struct seen *seen, struct reader *reader) MUST_USE;

// Hash of the set of dots, whatever the order they came in: for comparing replicas.
uint64_t seen_hash(const struct seen *seen);
