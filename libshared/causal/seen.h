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
void seen_clear(struct seen *seen); // empty, memory kept
void seen_copy(struct seen *to, const struct seen *from);
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

// ---- What is contiguous ------------------------------------------------------------------
//
// A horizon is a seen-clock without dots that came early: of each actor a base, nothing else.

// Copies the contiguous part; memory of `to` is used again.
void seen_contiguous(struct seen *to, const struct seen *from);

// Keeps what both have known without a gap. `into` has none.
void seen_meet(struct seen *into, const struct seen *other);

// The contiguous part of `seen` reaches all of the horizon.
bool seen_includes(const struct seen *seen, const struct seen *horizon);

// Both know the same dots of the starts of this process up to `start`. What either has closed
// counts for both.
bool seen_same_starts(const struct seen *a, const struct seen *b, uint32_t process, uint32_t start);

// Varint count of what is closed, for each: varint process, u32 start, ascending by process; then
// the dots as a clock. In version 1 it was the clock alone.
void seen_encode(const struct seen *seen, struct buf *out);
enum status seen_decode(struct seen *seen, struct reader *reader) MUST_USE;
enum status seen_decode_1(struct seen *seen, struct reader *reader) MUST_USE;

// Hash of the set of dots, whatever the order they came in: for comparing replicas.
uint64_t seen_hash(const struct seen *seen);
