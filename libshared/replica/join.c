#include "replica/join.h"

#include "replica/joining.h"

static enum status decode(const struct replica *replica, const struct join *join,
                          struct change *change)
{
    struct record *incoming = &change->incoming;
    if (record_decode(incoming, replica->key, join->record))
        return STATUS_CORRUPT;
    if (incoming->head)
        return STATUS_INVALID;
    change->forged = replica_forged(replica, &incoming->clock);
    return change->forged ? STATUS_INVALID : STATUS_OK;
}

// ---- Validation ----------------------------------------------------------------------------

// True if the write was superseded here before it came. In lww keyspaces it may only have lost,
// and must win after all.
static bool was_superseded(const struct replica *replica, const struct record *incoming,
                           struct dot dot)
{
    const struct record *held = replica->held;
    if (!clock_covers(&held->clock, dot) || record_find_dot(held, dot))
        return false;
    const struct sibling *sibling = record_find_dot(incoming, dot);
    struct dot became;
    return !replica->is_lww || !sibling ||
           replica_recall(replica, &sibling->request, &became) == FATE_SUPERSEDED;
}

static bool has_seen(const struct record *incoming, const struct record *held)
{
    uint32_t i = 0;
    while (i < held->count && clock_covers(&incoming->clock, held->siblings[i].dot))
        i++;
    return i == held->count;
}

// Tells the held record if the write `dot` of the incoming one has not seen some of it. The whole
// clock, not only the part that it has not seen: a clock that covers a write must cover everything
// that one superseded, or that would stand beside its successor where nothing else is known of it.
static void tell(const struct replica *replica, struct dot dot, struct change *change)
{
    const struct record *held = replica->held;
    if (!dot.counter)
        return;
    change->was_superseded = was_superseded(replica, &change->incoming, dot);
    if (change->was_superseded || has_seen(&change->incoming, held))
        return;
    change->told = &held->clock;
    change->hlc_told = record_hlc_max(held);
}

// ---- The join ------------------------------------------------------------------------------

// Adds the dots that the record stands for besides its siblings. INVALID: they are forged, or more
// than anybody lists.
static enum status add_listed_dots(const struct replica *replica, const struct clock *dots,
                                   struct change *change)
{
    uint64_t left = JOIN_DOTS_MAX;
    change->forged = replica_forged(replica, dots);
    for (uint32_t i = 0; i < dots->count && !change->forged; i++) {
        const struct interval *one = &dots->intervals[i];
        if (one->high - one->low >= left)
            return STATUS_INVALID;
        left -= one->high - one->low + 1;
        for (uint64_t n = 0; n <= one->high - one->low; n++) {
            struct dot dot = {one->actor, one->low + n};
            if (!(replica->seen && seen_has(replica->seen, dot)) &&
                !record_find_dot(&change->incoming, dot))
                change_add_dot(change, dot);
        }
    }
    return change->forged ? STATUS_INVALID : STATUS_OK;
}

enum status join_record(const struct replica *replica, const struct join *join,
                        struct change *change)
{
    struct record *incoming = &change->incoming;
    change_begin(change, replica);
    enum status status = decode(replica, join, change);
    if (!status && join->dots)
        status = add_listed_dots(replica, join->dots, change);
    if (status)
        return status;
    tell(replica, join->dot, change);
    joining_add_dots(replica, change);
    change->zombies = zombie_drop(replica, incoming);
    change->is_not_kept = change->zombies;
    if (!incoming->count && change->zombies)
        return STATUS_OK;
    superseded_list_add_shown(&change->superseded, incoming);
    // The write superseded these, which may never have come here.
    for (uint32_t i = 0; i < join->request_count; i++)
        superseded_list_add(&change->superseded, join->requests[i]);
    struct joining joining = {.record = join->record,
                              .requests = join->requests,
                              .request_count = join->request_count,
                              .is_cut = change->zombies};
    return joining_run(replica, &joining, change);
}
