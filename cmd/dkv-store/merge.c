#include "dkv-store/replica_inside.h"

#include "base/xalloc.h"
#include "dkv-store/superseded.h"

// Whether the write was superseded here before it came. In lww keyspaces it may only have lost,
// and must win after all.
static bool was_superseded(const struct store *store, const struct place *place, struct dot dot)
{
    const struct record *local = &store->local;
    if (!clock_covers(&local->clock, dot) || record_find_dot(local, dot))
        return false;
    const struct sibling *sibling = record_find_dot(&store->incoming, dot);
    struct dot became;
    return place->conflict != RING_CONFLICT_LWW || !sibling ||
           superseded_find(store, place, &sibling->request, &became) == FIND_SUPERSEDED;
}

// Tells what is held here if the write `dot` of the incoming record has not seen some of it. The
// whole clock, not only what it has not seen: a clock that covers a write must cover what that
// one superseded, or it would stand beside its successor where nothing else is known of it.
static void tell(struct store *store, const struct place *place, const struct op_merge *merge,
                 struct op_merged *merged)
{
    const struct record *local = &store->local;
    uint32_t seen_count = 0;
    for (uint32_t i = 0; i < local->count; i++)
        seen_count += clock_covers(&store->incoming.clock, local->siblings[i].dot);
    if (!merge->dot.counter)
        return;
    if (was_superseded(store, place, merge->dot)) {
        merged->flags |= MERGED_SUPERSEDED;
        return;
    }
    if (seen_count == local->count)
        return;
    store->counts.told++;
    buf_clear(&store->clock_bytes);
    clock_encode(&local->clock, &store->clock_bytes);
    merged->told = buf_bytes(&store->clock_bytes);
    merged->hlc_told = record_hlc_max(local);
}

// The dots of `record` that the seen-clock of the shard does not have yet.
static void collect_new_dots(struct store *store, const struct place *place,
                             const struct record *record, struct ledger_entry *entry)
{
    if (record->count > store->dot_capacity) {
        store->dot_capacity = record->count + 8;
        store->dots = xrealloc(store->dots, store->dot_capacity * sizeof *store->dots);
    }
    const struct seen *seen = &place->shard->seen;
    for (uint32_t i = 0; i < record->count; i++) {
        struct dot dot = record->siblings[i].dot;
        if (!seen_has(seen, dot))
            store->dots[entry->dot_count++] = dot;
    }
    entry->dots = store->dots;
}

// Whether a greater write is here of which `other` says nothing, or that it is there, too.
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

// What comes of a request that was superseded here was made by another try of it, which whoever
// superseded the write has seen as well: its dot is covered, and it is dropped. Where tries of two
// writes superseded one another, the greater one stays everywhere. True if there was any.
static bool drop_superseded(struct store *store, const struct place *place)
{
    struct record *incoming = &store->incoming;
    uint32_t kept = 0, count = incoming->count;
    for (uint32_t i = 0; i < count; i++) {
        struct sibling *sibling = &incoming->siblings[i];
        struct dot became;
        bool is_live = request_id_is_none(&sibling->request) ||
                       record_find_request(&store->local, &sibling->request);
        if (is_live || !superseded_find(store, place, &sibling->request, &became) ||
            !is_below(sibling, &store->local, incoming))
            incoming->siblings[kept++] = *sibling;
    }
    incoming->count = kept;
    return kept < count;
}

// Also what was superseded by the write, and may never have come here. What did come of another
// try of such a request goes now, too. True if there was any.
static bool take_requests(struct store *store, const struct place *place, struct bytes requests)
{
    struct record *local = &store->local;
    struct reader list = reader_of(requests);
    struct superseded one;
    uint32_t count = local->count;
    while (superseded_next(&list, &one)) {
        superseded_list_add(&store->superseded, one);
        if (place->conflict == RING_CONFLICT_LWW ||
            record_find_request(&store->incoming, &one.request))
            continue; // it was superseded by its own second dot
        uint32_t kept = 0;
        for (uint32_t i = 0; i < local->count; i++) {
            if (!request_id_equal(&local->siblings[i].request, &one.request) ||
                !is_below(&local->siblings[i], &store->incoming, local))
                local->siblings[kept++] = local->siblings[i];
        }
        local->count = kept;
    }
    return local->count < count;
}

// Dots that the seen-clock knows, but neither the record nor its clock does: this store
// had them and lost them. They are taken back; it is worth an alarm.
static void count_lost_again(struct store *store, const struct place *place)
{
    const struct seen *seen = &place->shard->seen;
    for (uint32_t i = 0; i < store->incoming.count; i++) {
        struct dot dot = store->incoming.siblings[i].dot;
        if (seen_has(seen, dot) && !clock_covers(&store->local.clock, dot))
            store->counts.lost_again++;
    }
}

// Joins and encodes, if the incoming record cannot be stored as it came: its encoding is
// canonical, so it can if it includes the local one, and nothing of it was dropped. Returns the
// record that is the result.
static const struct record *join(struct store *store, const struct place *place, bool has_dropped,
                                 struct bytes *encoded)
{
    struct record *local = &store->local;
    const struct record *incoming = &store->incoming;
    bool one_value = place->conflict == RING_CONFLICT_LWW && incoming->count > 1;
    if (!has_dropped && !one_value &&
        (record_is_empty(local) || record_includes(incoming, local))) {
        superseded_list_keep(&store->superseded, incoming);
        return incoming;
    }
    record_join(local, incoming);
    superseded_list_keep(&store->superseded, local);
    superseded_settle(store, place, local);
    buf_clear(&store->encoded);
    record_encode(local, place->key, &store->encoded);
    *encoded = buf_bytes(&store->encoded);
    return local;
}

enum status replica_merge(struct store *store, struct place *place, const struct op_merge *merge,
                          struct moment now, struct op_merged *merged)
{
    const struct record *local = &store->local;
    const struct record *incoming = &store->incoming;
    replica_begin(store, place);
    if (replica_is_forged(store, place, &incoming->clock))
        return STATUS_INVALID;
    tell(store, place, merge, merged);
    struct ledger_entry entry = {.now_ms = now.mono_ms};
    ledger_count(&entry, local, place->hash, -1);
    superseded_begin(store);
    // Even what is superseded already adds its dots to the seen-clock.
    collect_new_dots(store, place, incoming, &entry);
    superseded_list_add_shown(&store->superseded, incoming);
    bool has_dropped = place->conflict != RING_CONFLICT_LWW && drop_superseded(store, place);
    has_dropped |= take_requests(store, place, merge->requests);
    if (!has_dropped && record_includes(local, incoming)) {
        superseded_list_keep(&store->superseded, local);
        superseded_remember(store, place, local);
        if (!entry.dot_count && !store->superseded.count)
            return STATUS_OK;
        ledger_count(&entry, local, place->hash, 1); // as it was
        return replica_write(store, place, (struct bytes){0}, &entry);
    }
    count_lost_again(store, place);
    struct bytes encoded = merge->record;
    const struct record *result = join(store, place, has_dropped, &encoded);
    if (encoded.size > record_joined_size_max(store->options.record_size_max))
        return STATUS_TOO_LARGE;
    superseded_remember(store, place, result);
    ledger_count(&entry, result, place->hash, 1);
    replica_learn_hlc(store, record_hlc_max(incoming), now);
    return replica_write(store, place, encoded, &entry);
}
