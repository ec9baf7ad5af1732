// ring_snapshot.h - one ring document, parsed, for as long as somebody holds it.
//
// It never changes. A brain holds the newest one; an operation in flight holds the one that it
// began with, and so goes on with the owners that it asked. No document counts that would
// move data, so no owner leaves while nodes run. Holders are counted by one thread.
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
