#include "replica/reconcile.h"

#include "base/xalloc.h"
#include "replica/joining.h"

#include <stdlib.h>

enum verdict {
    TAKEN,
    PURGED,    // a deletion that is purged here
    LEFT_OUT,  // with its dot
    UNDECIDED, // the same, and only another round can tell
};

void resolution_release(struct resolution *resolution)
{
    free(resolution->zombies);
    *resolution = (struct resolution){0};
}

static bool has(const struct seen *seen, struct dot dot)
{
    return seen && seen_has(seen, dot);
}

static bool reaches(const struct seen *seen, const struct seen *horizon)
{
    return !horizon || seen_includes(seen, horizon);
}

// About a write that A has, of which we hold nothing. `is_whole`: all that A's record covers is
// below our horizon.
static enum verdict judge(const struct replica *replica, const struct reconcile *theirs,
                          const struct sibling *sibling, bool is_whole)
{
    bool is_deletion = zombie_is_deletion(replica, sibling);
    if (!is_deletion && has(replica->told, sibling->dot) &&
        (theirs->is_lost || !reaches(theirs->seen, replica->told)))
        return theirs->is_lost ? LEFT_OUT : UNDECIDED;
    if (!has(replica->seen, sibling->dot) || !has(replica->horizon, sibling->dot))
        return TAKEN;
    if (is_deletion)
        return is_whole ? PURGED : TAKEN;
    bool are_both_lost = replica->is_lost && theirs->is_lost;
    if (!are_both_lost && !reaches(theirs->seen, replica->horizon))
        return UNDECIDED;
    return theirs->is_lost && !replica->is_lost ? LEFT_OUT : TAKEN;
}

static bool filter(const struct replica *replica, const struct reconcile *theirs,
                   struct change *change, struct resolution *resolution)
{
    struct record *incoming = &change->incoming;
    bool is_whole = replica->horizon && seen_base_covers(replica->horizon, &incoming->clock);
    uint32_t kept = 0, count = incoming->count;
    for (uint32_t i = 0; i < count; i++) {
        struct sibling sibling = incoming->siblings[i];
        enum verdict verdict = clock_covers(&replica->held->clock, sibling.dot)
                                   ? TAKEN
                                   : judge(replica, theirs, &sibling, is_whole);
        if (verdict == TAKEN)
            incoming->siblings[kept++] = sibling;
        if (verdict == LEFT_OUT || verdict == UNDECIDED)
            clock_remove(&incoming->clock, sibling.dot);
        resolution->is_left_out |= verdict == UNDECIDED;
    }
    incoming->count = kept;
    change->zombies = count - kept;
    return kept < count;
}

// Values of ours that A has known, as every owner has, and does not have any more.
static void note_returned(const struct replica *replica, const struct reconcile *theirs,
                          const struct record *incoming, struct resolution *resolution)
{
    const struct record *held = replica->held;
    if (!replica->is_lost || theirs->is_lost)
        return;
    for (uint32_t i = 0; i < held->count; i++) {
        const struct sibling *sibling = &held->siblings[i];
        if (zombie_is_deletion(replica, sibling) || clock_covers(&incoming->clock, sibling->dot) ||
            !has(theirs->seen, sibling->dot) || !has(theirs->horizon, sibling->dot))
            continue;
        if (resolution->returned == resolution->zombie_capacity) {
            resolution->zombie_capacity = 2 * resolution->zombie_capacity + 4;
            resolution->zombies = xrealloc(resolution->zombies, resolution->zombie_capacity *
                                                                    sizeof *resolution->zombies);
        }
        resolution->zombies[resolution->returned++] = sibling->dot;
    }
}

static enum status decode(const struct replica *replica, struct bytes record, struct change *change)
{
    record_clear(&change->incoming);
    if (record.size && record_decode(&change->incoming, replica->key, record))
        return STATUS_CORRUPT;
    change->forged = replica_forged(replica, &change->incoming.clock);
    return change->forged ? STATUS_INVALID : STATUS_OK;
}

enum status reconcile_record(const struct replica *replica, const struct reconcile *theirs,
                             struct change *change, struct resolution *resolution)
{
    struct joining joining = {.record = theirs->record};
    resolution->is_left_out = false;
    resolution->returned = 0;
    change_begin(change, replica);
    enum status status = decode(replica, theirs->record, change);
    if (status)
        return status;
    note_returned(replica, theirs, &change->incoming, resolution);
    if (!theirs->record.size)
        return STATUS_OK;
    joining_add_dots(replica, change);
    joining.is_cut = filter(replica, theirs, change, resolution);
    superseded_list_add_shown(&change->superseded, &change->incoming);
    return joining_run(replica, &joining, change);
}
