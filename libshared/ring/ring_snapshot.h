// ring_snapshot.h - one ring document, parsed, for as long as somebody holds it.
//
// It never changes. Whoever works by it holds it: a brain the newest one, an operation in flight
// the one that it began with, so that a new document moves nothing that is under way. Counted by
// one thread.
#pragma once

#include "ring/ring.h"

struct ring_snapshot {
    struct ring ring;
    struct buf text; // the document
    uint64_t hash;   // of it; the low half goes with every message, beside the epoch
    uint32_t holders;
};

// Takes both; held once, by the caller.
struct ring_snapshot *ring_snapshot_new_take(struct ring *ring, struct buf *text);
struct ring_snapshot *ring_snapshot_parse(struct bytes text, struct fault *fault); // NULL: CORRUPT

struct ring_snapshot *ring_snapshot_hold(struct ring_snapshot *snapshot);
void ring_snapshot_drop(struct ring_snapshot *snapshot); // NULL is nothing
