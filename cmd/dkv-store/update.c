#include "dkv-store/replica_inside.h"

#include "causal/hlc.h"
#include "dkv-store/superseded.h"

static bool decode_context(struct store *store, const struct place *place, struct bytes context)
{
    struct reader reader = reader_of(context);
    clock_clear(&store->context);
    return !context.size || (!clock_decode(&store->context, &reader) && reader_done(&reader) &&
                             !replica_is_forged(store, place, &store->context));
}

static bool next_request(struct reader *list, struct request_id *request)
{
    if (reader_left(list) < sizeof *request)
        return false;
    memcpy(request->bytes, reader_bytes(list, sizeof *request).data, sizeof *request);
    return true;
}

// Two tries of one request may both have been obeyed. Whoever has seen one has seen the write:
// the context covers what became of its requests here, too.
static void widen_context(struct store *store, struct bytes seen)
{
    struct reader list = reader_of(seen);
    struct request_id request;
    while (next_request(&list, &request)) {
        for (uint32_t i = 0; i < store->local.count; i++) {
            struct dot dot = store->local.siblings[i].dot;
            if (request_id_equal(&store->local.siblings[i].request, &request))
                clock_add(&store->context, (struct interval){dot.actor, dot.counter, dot.counter});
        }
    }
}

// Joins the context into the record: drops what it covers, remembers that it did.
static void apply_context(struct store *store, const struct op_update *update)
{
    widen_context(store, update->seen);
    if (update->flags & UPDATE_AGAIN)
        widen_context(store, bytes_of(update->request.bytes, sizeof update->request.bytes));
    record_clear(&store->pure);
    clock_copy(&store->pure.clock, &store->context);
    record_join(&store->local, &store->pure);
}

// Above all that the write supersedes, whoever wrote that: what the record holds, and what its
// router knows. The stamp of one key moves those of others only as far as it is believed.
static uint64_t stamp(struct store *store, uint64_t floor, struct moment now)
{
    uint64_t held = record_hlc_max(&store->local);
    uint64_t last = store->hlc_last;
    if (floor <= held && held < UINT64_MAX)
        floor = held + 1;
    uint64_t stamp = hlc_next(&last, now.wall_ms, floor);
    replica_learn_hlc(store, stamp, now);
    return stamp;
}

// AGAIN is for a first dot that is live and that its context covers; if that is gone, there is
// nothing to do any more. In lww keyspaces it may be gone because it lost to what was told; so
// there it is for what its context covers wholly, if it is fresh or known to have lost.
static bool must_mint_again(const struct store *store, const struct place *place,
                            const struct op_update *update)
{
    const struct record *record = &store->local;
    const struct request_id *request = &update->request;
    struct dot dot;
    bool has_lost =
        (update->flags & UPDATE_FRESH) || replica_find(store, place, request, &dot) == FIND_BEATEN;
    if (place->conflict == RING_CONFLICT_LWW && has_lost && record->count)
        return clock_covers(&store->context, record->siblings[0].dot);
    for (uint32_t i = 0; i < record->count; i++) {
        if (request_id_equal(&record->siblings[i].request, request) &&
            clock_covers(&store->context, record->siblings[i].dot))
            return true;
    }
    return false;
}

static enum status repeat(struct store *store, struct op_updated *updated)
{
    const struct sibling *sibling = record_find_dot(&store->local, updated->dot);
    store->counts.repeated++;
    updated->hlc = sibling ? sibling->hlc : 0;
    updated->record = buf_bytes(&store->local_bytes);
    return STATUS_OK;
}

// What became of its requests elsewhere nobody here knows: it is superseded wherever it is met.
static void add_seen(struct store *store, struct bytes seen, const struct record *result)
{
    struct reader list = reader_of(seen);
    struct request_id request;
    while (next_request(&list, &request)) {
        if (!record_find_request(result, &request) &&
            !superseded_list_has(&store->superseded, &request))
            superseded_list_add(&store->superseded, (struct superseded){.request = request});
    }
}

// What the write superseded, for owners that never had it.
static void tell_superseded(struct store *store, struct op_updated *updated)
{
    buf_clear(&store->requests);
    for (uint32_t i = 0; i < store->superseded.count; i++) {
        const struct superseded *one = &store->superseded.items[i];
        if (!request_id_is_none(&one->request))
            superseded_append(one, &store->requests);
    }
    updated->requests = buf_bytes(&store->requests);
}

static enum status check_limits(const struct store *store, const struct record *record)
{
    if (record->count > RECORD_SIBLINGS_MAX)
        return STATUS_SIBLING_CAP;
    if (record->clock.count > CLOCK_INTERVALS_MAX ||
        store->encoded.size > store->options.record_size_max)
        return STATUS_TOO_LARGE;
    return STATUS_OK;
}

// As the record is to have it: with the next dot of this actor.
static struct record_write write_of(struct store *store, const struct place *place,
                                    const struct op_update *update, struct moment now)
{
    return (struct record_write){
        .dot = {store->ledger.actor, place->shard->counter + 1},
        .hlc = stamp(store, update->hlc_floor, now),
        .expires_ms = update->ttl_ms ? now.wall_ms + update->ttl_ms : 0,
        .request = update->request,
        .flags = update->flags & UPDATE_DELETE ? SIBLING_TOMBSTONE : 0,
        .keep_siblings = !(update->flags & UPDATE_BLIND),
        .value = update->value,
    };
}

// Puts the write on top of store->local, and encodes what comes of that.
static void apply(struct store *store, const struct place *place, const struct op_update *update,
                  const struct record_write *write, struct op_updated *updated)
{
    struct record *record = &store->local;
    bool held = !record_is_empty(record);
    superseded_begin(store);
    if (update->context.size)
        apply_context(store, update);
    record_update(record, write, held);
    superseded_list_keep(&store->superseded, record);
    add_seen(store, update->seen, record);
    tell_superseded(store, updated);
    superseded_settle(store, place, record);
    buf_clear(&store->encoded);
    record_encode(record, place->key, &store->encoded);
}

static enum status mint(struct store *store, const struct place *place,
                        const struct op_update *update, struct moment now,
                        struct op_updated *updated)
{
    const struct record *record = &store->local;
    struct record_write write = write_of(store, place, update, now);
    struct ledger_entry entry = {.now_ms = now.mono_ms, .dots = &write.dot, .dot_count = 1};
    ledger_count(&entry, record, place->hash, -1);
    apply(store, place, update, &write, updated);
    enum status status = check_limits(store, record);
    if (status)
        return status;
    superseded_remember(store, place, record);
    ledger_count(&entry, record, place->hash, 1);
    status = replica_write(store, place, buf_bytes(&store->encoded), &entry);
    if (status)
        return status;
    place->shard->counter++;
    updated->dot = write.dot;
    updated->hlc = write.hlc;
    updated->record = buf_bytes(&store->encoded);
    return STATUS_OK;
}

enum status replica_update(struct store *store, struct place *place, const struct op_update *update,
                           uint64_t age_ms, struct moment now, struct op_updated *updated)
{
    replica_begin(store, place);
    if (!decode_context(store, place, update->context))
        return STATUS_INVALID;
    enum find_state known = replica_find(store, place, &update->request, &updated->dot);
    bool is_again = (update->flags & UPDATE_AGAIN) && must_mint_again(store, place, update);
    if (known && !is_again)
        return repeat(store, updated);
    struct request_id bound = superseded_bind(place, &update->request);
    if (age_ms > update->young_ms || !fences_allow(&store->fences, &bound, update->try)) {
        store->counts.late++;
        return STATUS_LATE;
    }
    if (update->value.size > store->options.value_size_max)
        return STATUS_TOO_LARGE;
    return mint(store, place, update, now, updated);
}
