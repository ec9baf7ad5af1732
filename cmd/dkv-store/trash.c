#include "dkv-store/trash.h"

#include "base/endian.h"
#include "base/hash.h"
#include "dkv-store/frame.h"
#include "dkv-store/ledger_format.h"
#include "ring/engine_key.h"

enum { PREFIX_SIZE = 4 + 8, FRAME_PART = 32 }; // of a memtable: with a large record it must fit in

// Puts a record under an engine key, in the frame, with the note of that. Without siblings it goes.
static void put(struct store *store, struct bytes engine_key, uint32_t keyspace, uint64_t token,
                struct bytes key, const struct record *record, struct leaf_delta leaves)
{
    struct ledger_entry entry = {.keyspace = keyspace, .token = token, .leaves = leaves};
    uint64_t hash = hash64(engine_key);
    if (record->count) {
        leaf_delta_add(&entry.leaves, record, hash);
        buf_clear(&store->part);
        record_encode(record, key, &store->part);
        lsm_batch_put(&store->frame.batch, engine_key, buf_bytes(&store->part));
    } else {
        lsm_batch_delete(&store->frame.batch, engine_key);
    }
    ledger_format_note(&entry, &store->frame.note);
}

// The trash of a partition is due again when the first of it expires.
static void note_expiry(struct store *store, uint64_t token, const struct record *record)
{
    uint32_t partition = ring_partition(store->ring, token);
    struct ledger_shard *trash = ledger_shard(&store->ledger, TRASH_KEYSPACE, partition);
    ledger_first_ms(&trash->strip_at_ms, record->siblings[0].expires_ms);
}

// Puts what is taken out of a record into the trash, which it expires from.
static void bury(struct store *store, const struct holding *holding, struct record *taken,
                 struct moment now)
{
    struct buf key = {0}, engine_key = {0};
    uint8_t prefix[PREFIX_SIZE];
    for (uint32_t i = 0; i < taken->count; i++)
        taken->siblings[i].expires_ms = now.wall_ms + store->options.trash_ms;
    store_u32_be(prefix, holding->keyspace);
    store_u64_be(prefix + 4, now.wall_ms);
    buf_append(&key, bytes_of(prefix, sizeof prefix));
    buf_append(&key, holding->key);
    struct engine_key parts = {holding->token, TRASH_KEYSPACE, buf_bytes(&key)};
    engine_key_encode(&parts, &engine_key);
    put(store, buf_bytes(&engine_key), TRASH_KEYSPACE, holding->token, parts.key, taken,
        (struct leaf_delta){0});
    note_expiry(store, holding->token, taken);
    store->counts.returned += taken->count;
    buf_release(&key);
    buf_release(&engine_key);
}

// Parts the held record in what stays and what is taken out.
static void part(const struct stability *stability, const struct holding *holding,
                 struct record *kept, struct record *taken)
{
    uint32_t kept_count = 0, taken_count = 0;
    record_copy(kept, &holding->record);
    record_copy(taken, &holding->record);
    for (uint32_t i = 0; i < holding->record.count; i++) {
        struct sibling sibling = holding->record.siblings[i];
        struct stability_zombie *zombie = stability_zombie(stability, sibling.dot);
        if (zombie) {
            zombie->is_taken = true;
            taken->siblings[taken_count++] = sibling;
        } else {
            kept->siblings[kept_count++] = sibling;
        }
    }
    kept->count = kept_count;
    taken->count = taken_count;
}

static enum status take_out(struct store *store, struct ledger_shard *shard,
                            const struct stability_zombie *zombie, struct moment now)
{
    struct holding *holding = &store->purge.holding;
    struct parked_wait wait = {.miss_count = PARKED_MISSES_MAX};
    struct record kept = {0}, taken = {0};
    struct fault fault = {0};
    enum status status = holding_locate(holding, store->ring, store->node_index, shard->keyspace,
                                        buf_bytes(&zombie->key));
    if (!status)
        status = holding_read(holding, store->lsm, &wait, store->options.lsm.dir, &fault);
    if (status)
        return status;
    part(&shard->stability, holding, &kept, &taken);
    if (taken.count) {
        struct leaf_delta leaves = {0};
        leaf_delta_remove(&leaves, &holding->record, holding->hash);
        put(store, buf_bytes(&holding->engine_key), shard->keyspace, holding->token, holding->key,
            &kept, leaves);
        bury(store, holding, &taken, now);
    }
    record_release(&kept);
    record_release(&taken);
    return STATUS_OK;
}

enum status trash_zombies(struct store *store, struct ledger_shard *shard, struct moment now)
{
    struct stability_zombie *zombie;
    enum status status = STATUS_OK;
    for (size_t at = 0; (zombie = stability_next_zombie(&shard->stability, &at));)
        zombie->is_taken = false;
    frame_begin(store);
    for (size_t at = 0; !status && (zombie = stability_next_zombie(&shard->stability, &at));) {
        if (zombie->is_taken) // with another one of its key
            continue;
        status = take_out(store, shard, zombie, now);
        if (status || store->frame.batch.ops.size < store->options.lsm.memtable_size / FRAME_PART)
            continue;
        status = frame_write(store, now);
        frame_begin(store);
    }
    return status;
}

uint64_t trash_count(const struct ledger *ledger)
{
    uint64_t count = 0;
    for (uint32_t partition = 0; partition < ledger->partition_count; partition++) {
        const struct ledger_shard *trash = ledger_find(ledger, TRASH_KEYSPACE, partition);
        count += trash ? trash->live_count + trash->gone_count : 0;
    }
    return count;
}

enum status trash_expire(struct store *store, uint64_t token, struct bytes engine_key,
                         struct bytes key, struct bytes value, struct moment now)
{
    struct record record = {0}, nothing = {0};
    struct leaf_delta leaves = {0};
    if (record_decode(&record, key, value))
        return STATUS_CORRUPT;
    bool is_over = record.count && record.siblings[0].expires_ms <= now.wall_ms;
    enum status status = STATUS_OK;
    if (is_over) {
        leaf_delta_remove(&leaves, &record, hash64(engine_key));
        frame_begin(store);
        put(store, engine_key, TRASH_KEYSPACE, token, key, &nothing, leaves);
        status = frame_write(store, now);
    } else if (record.count) {
        note_expiry(store, token, &record);
    }
    record_release(&record);
    return status;
}
