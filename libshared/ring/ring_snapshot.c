#include "ring/ring_snapshot.h"

#include "base/xalloc.h"
#include "ring/ring_text.h"

#include <assert.h>
#include <stdlib.h>

struct ring_snapshot *ring_snapshot_new_take(struct ring *ring, struct buf *text)
{
    struct ring_snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    *snapshot = (struct ring_snapshot){
        .ring = *ring, .text = *text, .hash = ring_text_hash(ring), .holders = 1};
    *ring = (struct ring){0};
    *text = (struct buf){0};
    return snapshot;
}

struct ring_snapshot *ring_snapshot_parse(struct bytes text, struct fault *fault)
{
    struct ring ring = {0};
    struct buf copy = {0};
    if (ring_text_parse(&ring, text, fault))
        return NULL;
    buf_set(&copy, text);
    return ring_snapshot_new_take(&ring, &copy);
}

struct ring_snapshot *ring_snapshot_hold(struct ring_snapshot *snapshot)
{
    snapshot->holders++;
    return snapshot;
}

void ring_snapshot_drop(struct ring_snapshot *snapshot)
{
    if (!snapshot)
        return;
    assert(snapshot->holders);
    if (--snapshot->holders)
        return;
    ring_release(&snapshot->ring);
    buf_release(&snapshot->text);
    free(snapshot);
}
