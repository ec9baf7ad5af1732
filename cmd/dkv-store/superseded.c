#include "dkv-store/superseded.h"

#include "base/endian.h"

// A write that lost to a greater hlc was not superseded by anybody's will: as long as that one is
// there, who asks whether it met others must hear of it. The memory of requests has the dot of the
// winner instead of its own, with this bit.
static const uint64_t beaten_bit = (uint64_t)1 << 63;

static bool is_beaten(const struct store *store, const struct request_entry *entry)
{
    struct dot winner = {entry->dot.actor, entry->dot.counter & ~beaten_bit};
    return (entry->dot.counter & beaten_bit) && record_find_dot(&store->local, winner);
}

void superseded_begin(struct store *store)
{
    store->superseded.count = 0;
    superseded_list_add_shown(&store->superseded, &store->local);
}

void superseded_settle(struct store *store, const struct place *place, struct record *record)
{
    struct superseded_list *list = &store->superseded;
    uint32_t mark = list->count, kept = mark;
    if (place->conflict != RING_CONFLICT_LWW || record->count < 2)
        return;
    superseded_list_add_shown(list, record);
    store->counts.lww_dropped += record_keep_greatest(record);
    for (uint32_t i = mark; i < list->count; i++) {
        struct superseded beaten = list->items[i];
        bool has_lost = !record_find_dot(record, beaten.dot);
        beaten.dot = record->siblings[0].dot;
        beaten.dot.counter |= beaten_bit;
        if (has_lost)
            list->items[kept++] = beaten;
    }
    list->count = kept;
}

static const struct request_entry *find(const struct store *store, const struct place *place,
                                        const struct request_id *request)
{
    struct request_id bound = superseded_bind(place, request);
    return requests_find(&store->ledger.requests, &bound);
}

void superseded_remember(struct store *store, const struct place *place,
                         const struct record *result)
{
    struct superseded_list *list = &store->superseded;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct superseded superseded = list->items[i];
        if (request_id_is_none(&superseded.request) ||
            record_find_request(result, &superseded.request) ||
            find(store, place, &superseded.request))
            continue;
        superseded.request = superseded_bind(place, &superseded.request);
        list->items[kept++] = superseded;
    }
    list->count = kept;
}

struct request_id superseded_bind(const struct place *place, const struct request_id *request)
{
    struct request_id bound = *request;
    if (!request_id_is_none(request))
        store_u64(bound.bytes, load_u64(bound.bytes) ^ place->hash);
    return bound;
}

enum find_state superseded_find(const struct store *store, const struct place *place,
                                const struct request_id *request, struct dot *dot)
{
    const struct request_entry *entry = find(store, place, request);
    if (!entry)
        return 0;
    *dot = entry->dot.counter & beaten_bit ? (struct dot){0} : entry->dot;
    return is_beaten(store, entry) ? FIND_BEATEN : FIND_SUPERSEDED;
}
