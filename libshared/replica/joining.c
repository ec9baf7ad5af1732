#include "replica/joining.h"

// ---- Tries of one request ------------------------------------------------------------------
//
// A superseder has seen every try of a request of which it has seen one: another try that comes, or
// that is held, goes as well, and its dot is covered. Where tries of two writes superseded one
// another, the greater one stays everywhere.

// True if a greater write is here of which `other` says nothing, or which is there, too.
static bool is_below(const struct sibling *sibling, const struct record *here,
                     const struct record *other)
{
    for (uint32_t i = 0; i < here->count; i++) {
        const struct sibling *one = &here->siblings[i];
        if (sibling_is_greater(one, sibling) &&
            (!clock_covers(&other->clock, one->dot) || record_find_dot(other, one->dot)))
            return true;
    }
    return false;
}

// Drops incoming tries of requests that were superseded here. True if there was any.
static bool drop_incoming(const struct replica *replica, struct record *incoming)
{
    uint32_t kept = 0, count = incoming->count;
    for (uint32_t i = 0; i < count; i++) {
        struct sibling *sibling = &incoming->siblings[i];
        struct dot became;
        bool is_live = request_id_is_none(&sibling->request) ||
                       record_find_request(replica->held, &sibling->request);
        if (is_live || !replica_recall(replica, &sibling->request, &became) ||
            !is_below(sibling, replica->held, incoming))
            incoming->siblings[kept++] = *sibling;
    }
    incoming->count = kept;
    return kept < count;
}

// True if a held sibling is a try of a request that the incoming write superseded, and the join
// would keep it. A request that comes itself was superseded by its own second dot.
static bool is_dropped(const struct replica *replica, const struct joining *joining,
                       const struct record *incoming, const struct sibling *sibling)
{
    if (replica->is_lww || clock_covers(&incoming->clock, sibling->dot))
        return false;
    uint32_t i = 0;
    while (i < joining->request_count &&
           !request_id_equal(&joining->requests[i].request, &sibling->request))
        i++;
    return i < joining->request_count && !record_find_request(incoming, &sibling->request) &&
           is_below(sibling, incoming, replica->held);
}

static bool is_any_dropped(const struct replica *replica, const struct joining *joining,
                           const struct record *incoming)
{
    uint32_t i = 0;
    while (i < replica->held->count &&
           !is_dropped(replica, joining, incoming, &replica->held->siblings[i]))
        i++;
    return i < replica->held->count;
}

// Drops those from `result`, a copy of the held record.
static void drop_held(const struct replica *replica, const struct joining *joining,
                      const struct record *incoming, struct record *result)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < result->count; i++) {
        if (!is_dropped(replica, joining, incoming, &result->siblings[i]))
            result->siblings[kept++] = result->siblings[i];
    }
    result->count = kept;
}

// ---- The join ------------------------------------------------------------------------------

void joining_add_dots(const struct replica *replica, struct change *change)
{
    const struct record *incoming = &change->incoming;
    for (uint32_t i = 0; i < incoming->count; i++) {
        struct dot dot = incoming->siblings[i].dot;
        if (!replica->seen || !seen_has(replica->seen, dot))
            change_add_dot(change, dot);
    }
}

// Counts dots that the seen-clock knows, but neither the record nor its clock did: this process
// had them and lost them. They are taken back; it is worth an alarm, unless it knows that it lacks
// something.
static uint32_t count_lost_again(const struct replica *replica, const struct record *incoming,
                                 const struct record *result)
{
    uint32_t count = 0;
    if (!replica->seen || replica->is_lost)
        return 0;
    for (uint32_t i = 0; i < incoming->count; i++) {
        const struct sibling *sibling = &incoming->siblings[i];
        count += seen_has(replica->seen, sibling->dot) &&
                 !clock_covers(&replica->held->clock, sibling->dot) &&
                 !zombie_was_purged(replica, sibling) && record_find_dot(result, sibling->dot);
    }
    return count;
}

// The encoding of a record is canonical: one that includes the held record can be stored as it
// came, unless one value of it is to be chosen.
static bool is_stored_as_it_came(const struct replica *replica, const struct record *incoming)
{
    return !incoming->head && !(replica->is_lww && incoming->count > 1) &&
           (record_is_empty(replica->held) || record_includes(incoming, replica->held));
}

static struct bytes encode(const struct replica *replica, struct change *change)
{
    if (!change->result.count || change->result.head)
        return (struct bytes){0};
    buf_clear(&change->encoded);
    record_encode(&change->result, replica->key, &change->encoded);
    return buf_bytes(&change->encoded);
}

static enum status replace_held(const struct replica *replica, const struct joining *joining,
                                bool is_changed, struct change *change)
{
    const struct record *result = &change->incoming;
    struct bytes encoded = joining->record;
    if (is_changed || !is_stored_as_it_came(replica, result)) {
        result = &change->result;
        record_copy(&change->result, replica->held);
        drop_held(replica, joining, &change->incoming, &change->result);
        record_join(&change->result, &change->incoming);
        superseded_list_keep(&change->superseded, result);
        change_keep_greatest(change, replica);
        encoded = encode(replica, change);
    } else {
        superseded_list_keep(&change->superseded, result);
    }
    change->must_fetch = result->head;
    if (change->must_fetch)
        return STATUS_OK;
    if (encoded.size > record_joined_size_max(replica->limits.record_size_max))
        return STATUS_TOO_LARGE;
    change->lost_again = count_lost_again(replica, &change->incoming, result);
    change_remember(change, replica, result);
    change_replace(change, replica, result, encoded);
    return STATUS_OK;
}

enum status joining_run(const struct replica *replica, const struct joining *joining,
                        struct change *change)
{
    struct record *incoming = &change->incoming;
    bool has_dropped = !replica->is_lww && drop_incoming(replica, incoming);
    has_dropped |= is_any_dropped(replica, joining, incoming);
    if (!has_dropped && record_includes(replica->held, incoming)) {
        superseded_list_keep(&change->superseded, replica->held);
        change_remember(change, replica, replica->held);
        return STATUS_OK;
    }
    enum status status = replace_held(replica, joining, has_dropped || joining->is_cut, change);
    if (!status)
        change->hlc_last = replica_follow(replica, record_hlc_max(incoming));
    return status;
}
