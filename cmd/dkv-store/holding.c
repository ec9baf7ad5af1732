#include "dkv-store/holding.h"

#include "base/hash.h"
#include "dkv-store/ledger_format.h"
#include "ring/engine_key.h"

void holding_release(struct holding *holding)
{
    buf_release(&holding->engine_key);
    record_release(&holding->record);
    buf_release(&holding->encoded);
    lsm_batch_release(&holding->batch);
    buf_release(&holding->note);
    *holding = (struct holding){0};
}

enum status holding_locate(struct holding *holding, const struct ring *ring, int node_index,
                           uint32_t keyspace_id, struct bytes key)
{
    const struct ring_keyspace *keyspace = ring_keyspace(ring, keyspace_id);
    if (!keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    struct engine_key engine_key = engine_key_of(keyspace_id, key);
    uint32_t partition = ring_partition(ring, engine_key.token);
    if (!ring_is_owner(ring, partition, keyspace, (uint32_t)node_index))
        return STATUS_NOT_OWNER;
    buf_clear(&holding->engine_key);
    engine_key_encode(&engine_key, &holding->engine_key);
    holding->key = key;
    holding->keyspace = keyspace_id;
    holding->partition = partition;
    holding->conflict = keyspace->conflict;
    holding->token = engine_key.token;
    holding->hash = hash64(buf_bytes(&holding->engine_key));
    holding->shard = NULL;
    return STATUS_OK;
}

static enum status read_encoded(struct holding *holding, struct lsm *lsm, struct parked_wait *wait,
                                struct fault *fault)
{
    struct bytes key = buf_bytes(&holding->engine_key);
    if (parked_must_read(wait))
        return lsm_get(lsm, key, &holding->encoded, fault);
    enum status status = lsm_try_get(lsm, key, &holding->encoded, &wait->position, fault);
    wait->miss_count += status == STATUS_BUSY;
    return status;
}

enum status holding_read(struct holding *holding, struct lsm *lsm, struct parked_wait *wait,
                         const char *dir, struct fault *fault)
{
    record_clear(&holding->record);
    buf_clear(&holding->encoded);
    enum status status = read_encoded(holding, lsm, wait, fault);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status)
        return status;
    if (record_decode(&holding->record, holding->key, buf_bytes(&holding->encoded)))
        return fault_set(fault, STATUS_CORRUPT, "%s: a record fails its checksum", dir);
    return STATUS_OK;
}

void holding_begin(struct holding *holding, struct ledger *ledger)
{
    holding->shard = ledger_shard(ledger, holding->keyspace, holding->partition);
}

enum status holding_write(struct holding *holding, struct lsm *lsm, struct ledger *ledger,
                          const struct change *change, uint64_t now_ms)
{
    if (change_is_empty(change))
        return STATUS_OK;
    struct ledger_entry entry = {
        .keyspace = holding->keyspace,
        .token = holding->token,
        .leaves = change->leaves,
        .now_ms = now_ms,
        .dots = change->dots,
        .dot_count = change->dot_count,
        .superseded = change->remember.items,
        .superseded_count = change->remember.count,
    };
    buf_clear(&holding->note);
    ledger_format_note(&entry, &holding->note);
    lsm_batch_clear(&holding->batch);
    if (change->record.size)
        lsm_batch_put(&holding->batch, buf_bytes(&holding->engine_key), change->record);
    else if (change->is_gone)
        lsm_batch_delete(&holding->batch, buf_bytes(&holding->engine_key));
    lsm_batch_note(&holding->batch, buf_bytes(&holding->note));
    uint64_t position;
    enum status status = lsm_write(lsm, &holding->batch, &position);
    if (status)
        return status;
    ledger_apply(ledger, &entry);
    ledger->lives.position++;
    holding->shard->counter = change->counter;
    return STATUS_OK;
}
