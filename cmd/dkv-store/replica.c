#include "dkv-store/replica.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "causal/hlc.h"

static bool is_owner(const struct store *store, uint32_t partition,
                     const struct ring_keyspace *keyspace)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t count = ring_owners(store->ring, partition, keyspace, owners);
    for (uint32_t i = 0; i < count; i++) {
        if (owners[i] == store->node_index)
            return true;
    }
    return false;
}

enum status replica_locate(struct store *store, uint32_t keyspace_id, struct bytes key,
                           struct place *place)
{
    const struct ring_keyspace *keyspace = ring_keyspace(store->ring, keyspace_id);
    if (!keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    uint64_t token = ring_token(keyspace_id, key);
    uint32_t partition = ring_partition(store->ring, token);
    if (!is_owner(store, partition, keyspace))
        return STATUS_NOT_OWNER;
    buf_clear(&store->key);
    ring_engine_key_append(&(struct ring_engine_key){token, keyspace_id, key}, &store->key);
    *place = (struct place){
        .keyspace = keyspace_id,
        .partition = partition,
        .conflict = keyspace->conflict,
        .key = key,
        .token = token,
        .engine_key = buf_bytes(&store->key),
        .hash = hash64(buf_bytes(&store->key)),
    };
    return STATUS_OK;
}

static enum status read_bytes(struct store *store, struct bytes key, struct fault *fault)
{
    if (parked_must_read(&store->wait))
        return lsm_get(store->lsm, key, &store->local_bytes, fault);
    enum status status =
        lsm_try_get(store->lsm, key, &store->local_bytes, &store->wait.position, fault);
    store->wait.miss_count += status == STATUS_BUSY;
    return status;
}

enum status replica_read(struct store *store, const struct place *place, struct fault *fault)
{
    record_clear(&store->local);
    enum status status = read_bytes(store, place->engine_key, fault);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (record_decode(&store->local, place->key, buf_bytes(&store->local_bytes)))
        return fault_set(fault, STATUS_CORRUPT, "%s: a record fails its checksum",
                         store->options.lsm.dir);
    return STATUS_OK;
}

// A request id names one write of one key: remembered together with the key, the same id
// on another key is another request.
static struct request_id bind_request(const struct place *place, const struct request_id *request)
{
    struct request_id bound = *request;
    if (!request_id_is_none(request))
        store_u64(bound.bytes, load_u64(bound.bytes) ^ place->hash);
    return bound;
}

// What the memory of requests has of this one; NULL: nothing.
static const struct request_entry *find_remembered(const struct store *store,
                                                   const struct place *place,
                                                   const struct request_id *request)
{
    struct request_id bound = bind_request(place, request);
    return requests_find(&store->ledger.requests, &bound);
}

// The dots of `record` that the seen-clock of the shard does not have yet.
static uint32_t collect_new_dots(struct store *store, const struct place *place,
                                 const struct record *record)
{
    if (record->count > store->dot_capacity) {
        store->dot_capacity = record->count + 8;
        store->dots = xrealloc(store->dots, store->dot_capacity * sizeof *store->dots);
    }
    const struct seen *seen = &place->shard->seen;
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        if (!seen_has(seen, sibling->dot))
            store->dots[count++] = sibling->dot;
    }
    return count;
}

// Makes of them what the ledger is to remember: request ids that no record carries any more
// and that it does not have yet.
static void bind_superseded(struct store *store, const struct place *place,
                            const struct record *result)
{
    struct superseded_list *list = &store->superseded;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct superseded superseded = list->items[i];
        if (request_id_is_none(&superseded.request) ||
            record_find_request(result, &superseded.request) ||
            find_remembered(store, place, &superseded.request))
            continue;
        superseded.request = bind_request(place, &superseded.request);
        list->items[kept++] = superseded;
    }
    list->count = kept;
}

// Writes `encoded` as the record of the place (nothing if it is empty), with the ledger
// entry in the same batch.
static enum status write(struct store *store, const struct place *place, struct bytes encoded,
                         struct ledger_entry *entry)
{
    entry->keyspace = place->keyspace;
    entry->token = place->token;
    entry->dots = store->dots;
    entry->superseded = store->superseded.items;
    entry->superseded_count = store->superseded.count;
    buf_clear(&store->note);
    ledger_note(entry, &store->note);
    lsm_batch_clear(&store->batch);
    if (encoded.size)
        lsm_batch_put(&store->batch, place->engine_key, encoded);
    lsm_batch_note(&store->batch, buf_bytes(&store->note));
    uint64_t position;
    enum status status = lsm_write(store->lsm, &store->batch, &position);
    store->counts.stalled += status == STATUS_BUSY;
    if (!status)
        ledger_apply(&store->ledger, entry);
    return status;
}

// A write that lost to a greater hlc was not superseded by anybody's will: as long as that one is
// there, who asks whether it met others must hear of it. The memory of requests has the dot of the
// winner instead of its own, with this bit.
static const uint64_t beaten_bit = (uint64_t)1 << 63;

static bool is_beaten(const struct store *store, const struct request_entry *entry)
{
    struct dot winner = {entry->dot.actor, entry->dot.counter & ~beaten_bit};
    return (entry->dot.counter & beaten_bit) && record_find_dot(&store->local, winner);
}

enum find_state replica_find(const struct store *store, const struct place *place,
                             const struct request_id *request, struct dot *dot)
{
    if (record_is_empty(&store->local) || request_id_is_none(request))
        return 0;
    const struct sibling *sibling = record_find_request(&store->local, request);
    if (sibling) {
        *dot = sibling->dot;
        return FIND_LIVE;
    }
    const struct request_entry *entry = find_remembered(store, place, request);
    if (!entry)
        return 0;
    *dot = entry->dot.counter & beaten_bit ? (struct dot){0} : entry->dot;
    return is_beaten(store, entry) ? FIND_BEATEN : FIND_SUPERSEDED;
}

enum status replica_find_or_fence(struct store *store, const struct place *place,
                                  const struct op_find *find, struct moment now,
                                  struct op_found *found)
{
    found->state = (uint8_t)replica_find(store, place, &find->request, &found->dot);
    if (found->state)
        return STATUS_OK;
    struct request_id bound = bind_request(place, &find->request);
    return fences_put(&store->fences, &bound, find->try, now.mono_ms) ? STATUS_NOT_FOUND
                                                                      : STATUS_BUSY;
}

// Nobody but this actor gives out its dots: a clock that names later ones is forged, and would
// swallow writes that are still to come.
static bool is_forged(struct store *store, const struct place *place, const struct clock *clock)
{
    uint64_t high = clock_high(clock, store->ledger.actor);
    uint64_t counter = place->shard->counter;
    if (high <= counter)
        return false;
    store->counts.forged++;
    fault_set(&store->forged, STATUS_INVALID,
              "a clock of keyspace %u, key %016llx, names the write %llu of this store, which made "
              "%llu there",
              place->keyspace, (unsigned long long)place->token, (unsigned long long)high,
              (unsigned long long)counter);
    return true;
}

static bool decode_context(struct store *store, const struct place *place, struct bytes context)
{
    struct reader reader = reader_of(context);
    clock_clear(&store->context);
    return !context.size || (!clock_decode(&store->context, &reader) && reader_done(&reader) &&
                             !is_forged(store, place, &store->context));
}

// Two tries of one request may both have been obeyed. Whoever has seen one has seen the write:
// the context covers what became of its requests here, too.
static void widen_context(struct store *store, struct bytes seen)
{
    struct reader list = reader_of(seen);
    struct request_id request;
    while (reader_left(&list) >= sizeof request) {
        memcpy(request.bytes, reader_bytes(&list, sizeof request).data, sizeof request);
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

// lww: keeps the greatest, and remembers those that lose as beaten.
static void settle_conflict(struct store *store, const struct place *place, struct record *record)
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

// The greatest hlc that is believed of others.
static uint64_t hlc_limit(const struct store *store, struct moment now)
{
    return (now.wall_ms + store->options.clock_refuse_ms) << 16 | 0xffff;
}

static void learn_hlc(struct store *store, uint64_t hlc, struct moment now)
{
    uint64_t limit = hlc_limit(store, now);
    uint64_t believed = hlc < limit ? hlc : limit;
    if (store->hlc_last < believed)
        store->hlc_last = believed;
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
    learn_hlc(store, stamp, now);
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

// Mints on top of store->local, whose candidates have been added.
static enum status mint(struct store *store, const struct place *place,
                        const struct op_update *update, struct moment now,
                        struct op_updated *updated)
{
    struct record *record = &store->local;
    bool held = !record_is_empty(record);
    struct ledger_entry entry = {.now_ms = now.mono_ms, .dot_count = 1};
    ledger_count(&entry, record, place->hash, -1);
    struct record_write write_of = {
        .dot = {store->ledger.actor, place->shard->counter + 1},
        .hlc = stamp(store, update->hlc_floor, now),
        .expires_ms = update->ttl_ms ? now.wall_ms + update->ttl_ms : 0,
        .request = update->request,
        .flags = update->flags & UPDATE_DELETE ? SIBLING_TOMBSTONE : 0,
        .keep_siblings = !(update->flags & UPDATE_BLIND),
        .value = update->value,
    };
    if (update->context.size)
        apply_context(store, update);
    record_update(record, &write_of, held);
    superseded_list_keep(&store->superseded, record);
    tell_superseded(store, updated);
    settle_conflict(store, place, record);
    buf_clear(&store->encoded);
    record_encode(record, place->key, &store->encoded);
    enum status status = check_limits(store, record);
    if (status)
        return status;
    bind_superseded(store, place, record);
    if (!store->dots)
        store->dots = xcalloc(store->dot_capacity = 8, sizeof *store->dots);
    store->dots[0] = write_of.dot;
    ledger_count(&entry, record, place->hash, 1);
    status = write(store, place, buf_bytes(&store->encoded), &entry);
    if (status)
        return status;
    place->shard->counter++;
    updated->dot = write_of.dot;
    updated->hlc = write_of.hlc;
    updated->record = buf_bytes(&store->encoded);
    return STATUS_OK;
}

enum status replica_update(struct store *store, struct place *place, const struct op_update *update,
                           uint64_t age_ms, struct moment now, struct op_updated *updated)
{
    place->shard = ledger_shard(&store->ledger, place->keyspace, place->partition);
    if (!decode_context(store, place, update->context))
        return STATUS_INVALID;
    enum find_state known = replica_find(store, place, &update->request, &updated->dot);
    bool is_again = (update->flags & UPDATE_AGAIN) && must_mint_again(store, place, update);
    if (known && !is_again)
        return repeat(store, updated);
    struct request_id bound = bind_request(place, &update->request);
    if (age_ms > update->young_ms || !fences_allow(&store->fences, &bound, update->try)) {
        store->counts.late++;
        return STATUS_LATE;
    }
    if (update->value.size > store->options.value_size_max)
        return STATUS_TOO_LARGE;
    store->superseded.count = 0;
    superseded_list_add_shown(&store->superseded, &store->local);
    return mint(store, place, update, now, updated);
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
    settle_conflict(store, place, local);
    buf_clear(&store->encoded);
    record_encode(local, place->key, &store->encoded);
    *encoded = buf_bytes(&store->encoded);
    return local;
}

// Whether the write was superseded here before it came. In lww keyspaces it may only have lost,
// and must win after all.
static bool was_superseded(const struct store *store, const struct place *place, struct dot dot)
{
    const struct record *local = &store->local;
    if (!clock_covers(&local->clock, dot) || record_find_dot(local, dot))
        return false;
    const struct sibling *sibling = record_find_dot(&store->incoming, dot);
    if (place->conflict != RING_CONFLICT_LWW || !sibling)
        return true;
    const struct request_entry *entry = find_remembered(store, place, &sibling->request);
    return entry && !is_beaten(store, entry);
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
        bool is_live = request_id_is_none(&sibling->request) ||
                       record_find_request(&store->local, &sibling->request);
        if (is_live || !find_remembered(store, place, &sibling->request) ||
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

enum status replica_merge(struct store *store, struct place *place, const struct op_merge *merge,
                          struct moment now, struct op_merged *merged)
{
    const struct record *local = &store->local;
    const struct record *incoming = &store->incoming;
    place->shard = ledger_shard(&store->ledger, place->keyspace, place->partition);
    if (is_forged(store, place, &incoming->clock))
        return STATUS_INVALID;
    tell(store, place, merge, merged);
    struct ledger_entry entry = {.now_ms = now.mono_ms};
    ledger_count(&entry, local, place->hash, -1);
    store->superseded.count = 0;
    superseded_list_add_shown(&store->superseded, local);
    // Even what is superseded already adds its dots to the seen-clock.
    entry.dot_count = collect_new_dots(store, place, incoming);
    superseded_list_add_shown(&store->superseded, incoming);
    bool has_dropped = place->conflict != RING_CONFLICT_LWW && drop_superseded(store, place);
    has_dropped |= take_requests(store, place, merge->requests);
    if (!has_dropped && record_includes(local, incoming)) {
        superseded_list_keep(&store->superseded, local);
        bind_superseded(store, place, local);
        if (!entry.dot_count && !store->superseded.count)
            return STATUS_OK;
        ledger_count(&entry, local, place->hash, 1); // as it was
        return write(store, place, (struct bytes){0}, &entry);
    }
    count_lost_again(store, place);
    struct bytes encoded = merge->record;
    const struct record *result = join(store, place, has_dropped, &encoded);
    if (encoded.size > record_joined_size_max(store->options.record_size_max))
        return STATUS_TOO_LARGE;
    bind_superseded(store, place, result);
    ledger_count(&entry, result, place->hash, 1);
    learn_hlc(store, record_hlc_max(incoming), now);
    return write(store, place, encoded, &entry);
}
