// hint.h - a record that is kept for an owner that could not take it.
//
// In the engine a hint lies under its target and the engine key of the record, so that all hints
// for one node are one range. A second hint for the same node and key is joined into the first:
// the record is the join of both, and the dots of values that it no longer shows are listed, since
// they must enter the seen-clock of the target as if each had been delivered by itself.
//
// The lists are bounded. A dot that finds no place stays a hole in the target's seen-clock until
// repair adopts it; a request id that finds none is not known to the target when it comes again.
//
// dkv-hints(5) gives the bytes.
#pragma once

#include "causal/record.h"
#include "ring/engine_key.h"

enum {
    HINT_DOTS_MAX = 4096,    // that are listed; a store takes more at once (JOIN_DOTS_MAX)
    HINT_REQUESTS_MAX = 256, // the newest ones
    HINT_KEY_PREFIX_SIZE = 8,
};

struct hint {
    uint64_t queued_ms;              // wall clock: when the first of those joined here came
    struct clock dots;               // that it stands for besides the siblings
    struct superseded_list requests; // superseded by what is joined here, oldest first
    struct record record;            // its values are borrowed from `encoded`
    struct bytes encoded;            // the record, borrowed from the bytes that were decoded
};

void hint_release(struct hint *hint); // zero-filled is empty
void hint_clear(struct hint *hint);

// The key of the engine, appended; and back. False if that is none.
void hint_key_encode(uint64_t target, const struct engine_key *key, struct buf *out);
bool hint_key_decode(uint64_t *target, struct engine_key *key, struct bytes encoded) MUST_USE;
// Where the hints of a target begin, or go on in a later partition, and what is behind them all
// (empty: nothing is).
void hint_key_begin(uint64_t target, uint64_t token, struct buf *out);
void hint_key_end(uint64_t target, struct buf *out);

// CORRUPT: it is no hint for a record of this key; the hint is empty then.
enum status hint_decode(struct hint *hint, struct bytes key, struct bytes value) MUST_USE;

// What a hint is to become.
struct hint_news {
    const struct record *record; // the join
    struct bytes encoded;        // the same
    const struct record *before; // both of these show dots that the join may not ...
    const struct dot *dots;
    uint32_t dot_count;
    const struct clock *listed;               // ... and these are listed already
    const struct superseded_list *superseded; // by the join
};

// Joins the lists of `news` into those of the hint, whose record stays as it is. False: there was
// no room for a dot.
bool hint_join_lists(struct hint *hint, const struct hint_news *news);

// Appends the value: the lists of this hint, and the record that is given.
void hint_encode(const struct hint *hint, struct bytes record, struct buf *out);

// The dots of its siblings; the list is the caller's to free.
struct dot *hint_dots(const struct record *record);

// The dots that a hint stands for are of these actors: sorted, each once. Returns how many; the
// list is the caller's to free.
uint32_t hint_actors(const struct clock *listed, const struct record *record, uint64_t **actors);
