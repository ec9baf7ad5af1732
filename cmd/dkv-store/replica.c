#include "dkv-store/replica.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "causal/hlc.h"

#include <assert.h>

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
    uint8_t *prefix = buf_grow(&store->key, RING_ENGINE_PREFIX_SIZE);
    store_u64_be(prefix, token);
    store_u32_be(prefix + 8, keyspace_id);
    buf_append(&store->key, key);
    *place =
        (struct place){keyspace_id, partition, keyspace->conflict, key, buf_bytes(&store->key)};
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

static const struct request_id no_request;

// A request id names one write of one key: remembered together with the key, the same id
// on another key is another request.
static struct request_id bind_request(const struct place *place, const struct request_id *request)
{
    struct request_id bound = *request;
    if (!request_id_equal(request, &no_request))
        store_u64(bound.bytes, load_u64(bound.bytes) ^ hash64(place->engine_key));
    return bound;
}

// The dots of `record` that the seen-clock of the partition does not have yet.
static uint32_t collect_new_dots(struct store *store, const struct place *place,
                                 const struct record *record)
{
    if (record->count > store->dot_capacity) {
        store->dot_capacity = record->count + 8;
        store->dots = xrealloc(store->dots, store->dot_capacity * sizeof *store->dots);
    }
    const struct seen *seen = &store->ledger.partitions[place->partition].seen;
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        if (!seen_has(seen, sibling->dot))
            store->dots[count++] = sibling->dot;
    }
    return count;
}

// The writes of `record`, which may be superseded by what happens next.
static void add_candidates(struct store *store, const struct record *record)
{
    uint32_t count = store->superseded_count + record->count;
    if (count > store->superseded_capacity) {
        store->superseded_capacity = count + 8;
        store->superseded =
            xrealloc(store->superseded, store->superseded_capacity * sizeof *store->superseded);
    }
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sibling *sibling = &record->siblings[i];
        if (!request_id_equal(&sibling->request, &no_request))
            store->superseded[store->superseded_count++] =
                (struct ledger_superseded){sibling->dot, sibling->request};
    }
}

// Of the candidates, those that `result` does not show any more: their request ids are
// remembered, since no record carries them now.
static void keep_superseded(struct store *store, const struct place *place,
                            const struct record *result)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < store->superseded_count; i++) {
        struct ledger_superseded candidate = store->superseded[i];
        if (record_find_dot(result, candidate.dot))
            continue;
        candidate.request = bind_request(place, &candidate.request);
        store->superseded[kept++] = candidate;
    }
    store->superseded_count = kept;
}

// Writes `encoded` as the record of the place (nothing if it is empty), with the ledger
// entry in the same batch.
static enum status write(struct store *store, const struct place *place, struct bytes encoded,
                         struct ledger_entry *entry)
{
    entry->partition = place->partition;
    entry->dots = store->dots;
    entry->superseded = store->superseded;
    entry->superseded_count = store->superseded_count;
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

bool replica_find_request(const struct store *store, const struct place *place,
                          const struct request_id *request, struct dot *dot)
{
    if (record_is_empty(&store->local) || request_id_equal(request, &no_request))
        return false;
    const struct sibling *sibling = record_find_request(&store->local, request);
    struct request_id bound = bind_request(place, request);
    const struct request_entry *entry = requests_find(&store->ledger.requests, &bound);
    if (!sibling && !entry)
        return false;
    *dot = sibling ? sibling->dot : entry->dot;
    return true;
}

// Joins the client's context into the record: drops what it covers, remembers that it did.
// A context that names dots which this actor has not given out yet is forged: it would
// swallow later writes.
static enum status apply_context(struct store *store, const struct ledger_partition *partition,
                                 struct bytes context)
{
    struct reader reader = reader_of(context);
    if (clock_decode(&store->context, &reader) || !reader_done(&reader) ||
        clock_high(&store->context, store->ledger.actor) > partition->counter)
        return STATUS_INVALID;
    record_clear(&store->pure);
    clock_copy(&store->pure.clock, &store->context);
    record_join(&store->local, &store->pure);
    return STATUS_OK;
}

// lww: how many values lost.
static void settle_conflict(struct store *store, const struct place *place, struct record *record)
{
    if (place->conflict == RING_CONFLICT_LWW && record->count > 1)
        store->counts.lww_dropped += record_keep_greatest(record);
}

enum status replica_update(struct store *store, const struct place *place,
                           const struct op_update *update, struct moment now, struct dot *dot)
{
    struct record *record = &store->local;
    if (replica_find_request(store, place, &update->request, dot)) {
        store->counts.repeated++;
        buf_set(&store->encoded, buf_bytes(&store->local_bytes));
        return STATUS_OK;
    }
    if (update->value.size > store->options.value_size_max)
        return STATUS_TOO_LARGE;
    bool held = !record_is_empty(record);
    uint64_t leaf = record_leaf_hash(record, place->engine_key);
    uint64_t floor = record_hlc_max(record) + 1;
    store->superseded_count = 0;
    add_candidates(store, record);
    struct ledger_partition *partition = &store->ledger.partitions[place->partition];
    if (update->context.size && apply_context(store, partition, update->context))
        return STATUS_INVALID;
    struct record_write minted = {
        .dot = {store->ledger.actor, partition->counter + 1},
        .hlc = hlc_next(&store->hlc_last, now.wall_ms,
                        floor > update->hlc_floor ? floor : update->hlc_floor),
        .expires_ms = update->expires_ms,
        .request = update->request,
        .flags = update->flags & UPDATE_DELETE ? SIBLING_TOMBSTONE : 0,
        .keep_siblings = !(update->flags & UPDATE_BLIND),
        .value = update->value,
    };
    record_update(record, &minted, held);
    settle_conflict(store, place, record);
    if (record->count > RECORD_SIBLINGS_MAX)
        return STATUS_SIBLING_CAP;
    if (record->clock.count > CLOCK_INTERVALS_MAX)
        return STATUS_TOO_LARGE;
    buf_clear(&store->encoded);
    record_encode(record, place->key, &store->encoded);
    if (store->encoded.size > store->options.record_size_max)
        return STATUS_TOO_LARGE;
    if (!store->dots)
        store->dots = xcalloc(store->dot_capacity = 8, sizeof *store->dots);
    store->dots[0] = minted.dot;
    keep_superseded(store, place, record);
    struct ledger_entry entry = {
        .root_delta = record_leaf_hash(record, place->engine_key) - leaf,
        .is_new_key = !held,
        .wall_ms = now.wall_ms,
        .dot_count = 1,
    };
    enum status status = write(store, place, buf_bytes(&store->encoded), &entry);
    if (status)
        return status;
    partition->counter++;
    *dot = minted.dot;
    return STATUS_OK;
}

// Dots that the seen-clock knows, but neither the record nor its clock does: this store
// had them and lost them. They are taken back; it is worth an alarm.
static void count_lost_again(struct store *store, const struct place *place)
{
    const struct seen *seen = &store->ledger.partitions[place->partition].seen;
    for (uint32_t i = 0; i < store->incoming.count; i++) {
        struct dot dot = store->incoming.siblings[i].dot;
        if (seen_has(seen, dot) && !clock_covers(&store->local.clock, dot))
            store->counts.lost_again++;
    }
}

// Joins and encodes, if the incoming record cannot be stored as it came: its encoding is
// canonical, so it can if it includes the local one. Returns the record that is the result.
static const struct record *join(struct store *store, const struct place *place,
                                 struct bytes *encoded)
{
    struct record *local = &store->local;
    const struct record *incoming = &store->incoming;
    bool one_value = place->conflict == RING_CONFLICT_LWW && incoming->count > 1;
    if (!one_value && (record_is_empty(local) || record_includes(incoming, local)))
        return incoming;
    record_join(local, incoming);
    settle_conflict(store, place, local);
    buf_clear(&store->encoded);
    record_encode(local, place->key, &store->encoded);
    *encoded = buf_bytes(&store->encoded);
    return local;
}

enum status replica_merge(struct store *store, const struct place *place, struct bytes encoded,
                          struct moment now)
{
    const struct record *local = &store->local;
    const struct record *incoming = &store->incoming;
    // Even what is superseded already adds its dots to the seen-clock.
    struct ledger_entry entry = {.wall_ms = now.wall_ms};
    entry.dot_count = collect_new_dots(store, place, incoming);
    bool is_known = record_includes(local, incoming);
    if (is_known && !entry.dot_count)
        return STATUS_OK;
    store->superseded_count = 0;
    add_candidates(store, incoming);
    if (is_known) {
        keep_superseded(store, place, local);
        return write(store, place, (struct bytes){0}, &entry);
    }
    count_lost_again(store, place);
    add_candidates(store, local);
    entry.is_new_key = record_is_empty(local);
    uint64_t leaf = record_leaf_hash(local, place->engine_key);
    const struct record *result = join(store, place, &encoded);
    keep_superseded(store, place, result);
    entry.root_delta = record_leaf_hash(result, place->engine_key) - leaf;
    uint64_t hlc = record_hlc_max(incoming);
    if (hlc > store->hlc_last)
        store->hlc_last = hlc;
    return write(store, place, encoded, &entry);
}
