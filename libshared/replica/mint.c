#include "replica/mint.h"

#include "causal/hlc.h"

static bool decode_context(const struct replica *replica, struct bytes context,
                           struct change *change)
{
    struct reader reader = reader_of(context);
    clock_clear(&change->context);
    if (!context.size)
        return true;
    if (clock_decode(&change->context, &reader) || !reader_done(&reader))
        return false;
    change->forged = replica_forged(replica, &change->context);
    return !change->forged;
}

static bool next_request(struct reader *list, struct request_id *request)
{
    if (reader_left(list) < sizeof *request)
        return false;
    memcpy(request->bytes, reader_bytes(list, sizeof *request).data, sizeof *request);
    return true;
}

// ---- Known requests ----------------------------------------------------------------------

// AGAIN is for a first dot that is live and that its context covers; if that is gone, there is
// nothing to do any more. In lww keyspaces it may be gone because it lost to the value that was
// told: there a context that covers the winner is enough, if the first dot is fresh or known to
// have lost.
static bool must_mint_again(const struct replica *replica, const struct mint *mint, enum fate known,
                            const struct clock *context)
{
    const struct record *held = replica->held;
    if (replica->is_lww && held->count && (mint->is_fresh || known == FATE_BEATEN))
        return clock_covers(context, held->siblings[0].dot);
    for (uint32_t i = 0; i < held->count; i++) {
        if (request_id_equal(&held->siblings[i].request, &mint->request) &&
            clock_covers(context, held->siblings[i].dot))
            return true;
    }
    return false;
}

static enum status repeat(const struct replica *replica, struct dot dot, struct change *change)
{
    const struct sibling *sibling = record_find_dot(replica->held, dot);
    change->dot = dot;
    change->hlc = sibling ? sibling->hlc : 0;
    change->is_repeated = true;
    change->superseded.count = 0;
    return STATUS_OK;
}

// ---- The context -----------------------------------------------------------------------

// Two tries of one request may both have been obeyed. A context that has seen one has seen the
// write: it covers the other one here, too.
static void widen_context(struct clock *context, const struct record *held, struct bytes seen)
{
    struct reader list = reader_of(seen);
    struct request_id request;
    while (next_request(&list, &request)) {
        for (uint32_t i = 0; i < held->count; i++) {
            struct dot dot = held->siblings[i].dot;
            if (request_id_equal(&held->siblings[i].request, &request))
                clock_add(context, (struct interval){dot.actor, dot.counter, dot.counter});
        }
    }
}

// Whether the key is as a conditional write wants it: as its context saw it, or without a value.
// A record that is gone is not what any context saw.
static bool meets_condition(const struct replica *replica, const struct mint *mint,
                            struct change *change)
{
    const struct record *held = replica->held;
    if (!mint->context.size)
        return !record_visible(held, replica->wall_ms, NULL, 0);
    widen_context(&change->context, held, mint->seen);
    for (uint32_t i = 0; i < held->count; i++) {
        if (!clock_covers(&change->context, held->siblings[i].dot))
            return false;
    }
    return held->count;
}

// Joins the context into the record, as one without values: drops those that it covers.
static void apply_context(const struct replica *replica, const struct mint *mint,
                          struct change *change)
{
    struct bytes own = bytes_of(mint->request.bytes, sizeof mint->request.bytes);
    widen_context(&change->context, replica->held, mint->seen);
    if (mint->is_again)
        widen_context(&change->context, replica->held, own);
    record_clear(&change->covering);
    clock_copy(&change->covering.clock, &change->context);
    record_join(&change->result, &change->covering);
}

// A request that the context has seen may have become anything elsewhere: it is superseded wherever
// it is met.
static void add_seen(struct change *change, struct bytes seen)
{
    struct reader list = reader_of(seen);
    struct request_id request;
    while (next_request(&list, &request)) {
        if (!record_find_request(&change->result, &request) &&
            !superseded_list_has(&change->superseded, &request))
            superseded_list_add(&change->superseded, (struct superseded){.request = request});
    }
}

// ---- The dot -----------------------------------------------------------------------------

// Stamps above all that the write supersedes, wherever that was written: the values that are held,
// and those that its router knows of. The stamp of one key moves those of others only as far as it
// is believed.
static uint64_t stamp(const struct replica *replica, uint64_t floor, struct change *change)
{
    uint64_t held = record_hlc_max(replica->held);
    uint64_t last = replica->hlc_last;
    if (floor <= held && held < UINT64_MAX)
        floor = held + 1;
    uint64_t stamp = hlc_next(&last, replica->wall_ms, floor);
    change->hlc_last = replica_follow(replica, stamp);
    return stamp;
}

// A blind write supersedes all values: they need not be copied.
static void copy_held(const struct replica *replica, bool is_blind, struct record *result)
{
    if (!is_blind) {
        record_copy(result, replica->held);
        return;
    }
    record_clear(result);
    clock_copy(&result->clock, &replica->held->clock);
}

// Puts the write, with the next dot of this actor, on top of the held record: change->result.
static void add_write(const struct replica *replica, const struct mint *mint, struct change *change)
{
    change->dot = (struct dot){replica->actor, ++change->counter};
    change->hlc = stamp(replica, mint->hlc_floor, change);
    struct record_write write = {
        .dot = change->dot,
        .hlc = change->hlc,
        .expires_ms = mint->ttl_ms ? replica->wall_ms + mint->ttl_ms : 0,
        .request = mint->request,
        .flags = mint->is_delete ? SIBLING_TOMBSTONE : 0,
        .keep_siblings = !mint->is_blind,
        .value = mint->value,
    };
    copy_held(replica, mint->is_blind, &change->result);
    if (mint->context.size)
        apply_context(replica, mint, change);
    bool has_all = !record_is_empty(replica->held) && !replica->is_partial;
    record_update(&change->result, &write, has_all);
}

static enum status check_limits(const struct replica *replica, const struct change *change)
{
    const struct record *result = &change->result;
    if (result->count > RECORD_SIBLINGS_MAX)
        return STATUS_SIBLING_CAP;
    if (result->clock.count > CLOCK_INTERVALS_MAX ||
        change->encoded.size > replica->limits.record_size_max)
        return STATUS_TOO_LARGE;
    return STATUS_OK;
}

static enum status add_dot(const struct replica *replica, const struct mint *mint,
                           struct change *change)
{
    add_write(replica, mint, change);
    superseded_list_keep(&change->superseded, &change->result);
    add_seen(change, mint->seen);
    change_keep_greatest(change, replica);
    buf_clear(&change->encoded);
    record_encode(&change->result, replica->key, &change->encoded);
    enum status status = check_limits(replica, change);
    if (status)
        return status;
    change_add_dot(change, change->dot);
    change_remember(change, replica, &change->result);
    change_replace(change, replica, &change->result, buf_bytes(&change->encoded));
    return STATUS_OK;
}

enum status mint_write(const struct replica *replica, const struct mint *mint,
                       struct change *change)
{
    struct dot dot = {0};
    change_begin(change, replica);
    if (!decode_context(replica, mint->context, change))
        return STATUS_INVALID;
    enum fate known = replica_find(replica, &mint->request, &dot);
    bool is_again = mint->is_again && must_mint_again(replica, mint, known, &change->context);
    if (known == FATE_PURGED)
        return STATUS_NOT_KEPT;
    if (known && !is_again)
        return repeat(replica, dot, change);
    if (mint->is_late)
        return STATUS_LATE;
    if (mint->is_conditional && !meets_condition(replica, mint, change))
        return STATUS_PRECONDITION;
    if (mint->value.size > replica->limits.value_size_max)
        return STATUS_TOO_LARGE;
    return add_dot(replica, mint, change);
}
